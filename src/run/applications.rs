//! What is out of service, by application: groups that are refreshed and nodes that are patched in one run count
//! together, so that both lanes keep the one limit of `[guardrails] instances-at-once`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tokio::sync::Notify;

use crate::plan::Application;

/// The applications of one run. Tasks run on one thread.
#[derive(Debug, Default)]
pub struct Applications {
    out: RefCell<BTreeMap<String, u32>>,
    changed: Notify,
}

/// Nodes that may be out of service until this is dropped.
#[derive(Debug)]
pub struct Room<'a> {
    of: &'a Applications,
    taken: Vec<(String, u32)>,
}

impl Applications {
    /// Whether so many more nodes of an application may go out of service. One alone always may.
    #[must_use]
    pub fn has_room(&self, application: &Application, more: u32) -> bool {
        let out = self.out.borrow().get(&application.name).copied().unwrap_or(0);
        out == 0 || out.saturating_add(more) <= application.most_out
    }

    /// Waits until there is room for all of them, and takes it; none if nothing is to go out of service.
    pub async fn enter(&self, wanted: &[(&Application, u32)]) -> Option<Room<'_>> {
        if wanted.is_empty() {
            return None;
        }
        loop {
            let changed = self.changed.notified();
            if wanted.iter().all(|(application, more)| self.has_room(application, *more)) {
                break;
            }
            changed.await;
        }
        let taken: Vec<(String, u32)> =
            wanted.iter().map(|(application, more)| (application.name.clone(), *more)).collect();
        let mut out = self.out.borrow_mut();
        for (name, more) in &taken {
            *out.entry(name.clone()).or_default() += more;
        }
        Some(Room { of: self, taken })
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut out = self.of.out.borrow_mut();
        for (name, taken) in &self.taken {
            if let Some(count) = out.get_mut(name) {
                *count = count.saturating_sub(*taken);
            }
        }
        self.of.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(name: &str, most_out: u32) -> Application {
        Application { name: name.to_owned(), most_out }
    }

    #[tokio::test]
    async fn both_lanes_share_the_room_of_an_application() {
        let (web, api) = (application("web", 3), application("api", 1));
        let all = Applications::default();
        let first = all.enter(&[(&web, 2)]).await;
        assert!(all.has_room(&web, 1));
        assert!(!all.has_room(&web, 2));
        let both = [(&api, 1), (&web, 2)];
        let mut second = Box::pin(all.enter(&both));
        assert!(futures::poll!(&mut second).is_pending());
        assert!(all.has_room(&api, 1), "who waits for one application holds none of another");
        drop(first);
        let second = second.await;
        assert!(second.is_some());
        assert!(!all.has_room(&api, 1));
        assert!(!all.has_room(&web, 2));
    }

    #[tokio::test]
    async fn what_is_larger_than_the_room_goes_alone() {
        let web = application("web", 1);
        let all = Applications::default();
        let room = all.enter(&[(&web, 5)]).await;
        assert!(!all.has_room(&web, 1));
        drop(room);
        assert!(all.has_room(&web, 1));
    }
}
