//! Where in a list each thing is, by its id: what keeps an order of its own is found by id without a walk.

use std::cmp::Ordering;

/// The positions of a list's things, in the order of their ids: four bytes a thing. It knows no ids itself: whoever
/// keeps the list compares the one at a position with the one that is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Positions(Vec<u32>);

impl Positions {
    /// The position of a thing; none if it is not in the list.
    pub(super) fn find(&self, compare: impl Fn(usize) -> Ordering) -> Option<usize> {
        let found = self.0.binary_search_by(|position| compare(*position as usize)).ok()?;
        Some(self.0[found] as usize)
    }

    /// Notes the thing that was put at the list's end. The comparison is with it.
    pub(super) fn push(&mut self, compare: impl Fn(usize) -> Ordering) {
        let at = self.0.binary_search_by(|position| compare(*position as usize)).unwrap_or_else(|at| at);
        self.0.insert(at, u32::try_from(self.0.len()).unwrap_or(u32::MAX));
    }

    /// Forgets the thing at a position; those behind it move up.
    pub(super) fn remove(&mut self, position: usize) {
        self.0.retain(|one| *one as usize != position);
        self.0.iter_mut().filter(|one| **one as usize > position).for_each(|one| *one -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often ids were compared until one was found, or was found missing.
    fn looked_at(list: &[String], positions: &Positions, id: &str) -> (Option<usize>, usize) {
        let compared = std::cell::Cell::new(0);
        let found = positions.find(|at| {
            compared.set(compared.get() + 1);
            list[at].as_str().cmp(id)
        });
        (found, compared.get())
    }

    #[test]
    fn things_are_found_by_few_comparisons_while_the_list_changes() {
        let mut list: Vec<String> = Vec::new();
        let mut positions = Positions::default();
        for number in 0..10_000_u32 {
            // In no order.
            let id = format!("i-{:08x}", number.wrapping_mul(0x9e37_79b1));
            positions.push(|at| list[at].cmp(&id));
            list.push(id);
        }
        for position in [9_999, 5_000, 4_999, 0] {
            positions.remove(position);
            list.remove(position);
        }
        for (at, id) in list.iter().enumerate() {
            let (found, compared) = looked_at(&list, &positions, id);
            assert_eq!(found, Some(at));
            assert!(compared <= 15, "{compared} comparisons");
        }
        assert_eq!(looked_at(&list, &positions, "i-nobody").0, None);
    }
}
