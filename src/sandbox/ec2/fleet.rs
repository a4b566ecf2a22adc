//! The instances of a place: by id, and by what filters ask for most.
//!
//! An index gives, for a tag or another attribute, the instances that have it. A describing call goes through the few
//! that the rarest of its filters leaves ([`Fleet::candidates`]); where all filters are common, through everything in
//! order until its page is full. Either way its cost follows what it tells, not how many instances there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hasher};
use std::ops::Bound;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::instance::Instance;
use crate::sandbox::shared::Word;

/// Below this share of the fleet an index is worth more than going through everything: one in so many.
const RARE: usize = 16;

/// The instances of a place.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    instances: BTreeMap<Word, Box<Instance>>,
    /// Attribute → numbers of the instances that have it.
    index: HashMap<Attribute, Numbers>,
    /// Number → id; a number whose instance is gone is given again.
    ids: Vec<Option<Word>>,
    free: Vec<u32>,
}

impl Fleet {
    /// An instance.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Instance> {
        self.instances.get(id).map(|instance| &**instance)
    }

    /// Whether there is such an instance.
    #[must_use]
    pub fn contains_key(&self, id: &str) -> bool {
        self.instances.contains_key(id)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.instances.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&Word, &Instance)> {
        self.instances.iter().map(|(id, instance)| (id, &**instance))
    }

    /// Their ids, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Word> {
        self.instances.keys()
    }

    /// All of them, in the order of their ids.
    pub fn values(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values().map(|instance| &**instance)
    }

    /// Those from an id on, in order.
    pub(super) fn from<'a>(&'a self, id: Bound<&str>) -> impl Iterator<Item = &'a Instance> + use<'a> {
        self.instances.range::<str, _>((id, Bound::Unbounded)).map(|(_, instance)| &**instance)
    }

    /// Puts an instance in, in place of another of its id.
    pub(super) fn insert(&mut self, mut instance: Instance) {
        self.remove(&instance.id.clone());
        let id = Some(instance.id.clone());
        let number = self.free.pop().unwrap_or(self.ids.len() as u32);
        if number as usize == self.ids.len() {
            self.ids.push(id);
        } else {
            self.ids[number as usize] = id;
        }
        instance.number = number;
        for attribute in attributes(&instance) {
            self.list(attribute, instance.number);
        }
        self.instances.insert(instance.id.clone(), Box::new(instance));
    }

    /// Takes an instance out.
    pub(super) fn remove(&mut self, id: &str) -> Option<Instance> {
        let instance = self.instances.remove(id)?;
        for attribute in attributes(&instance) {
            self.unlist(attribute, instance.number);
        }
        self.ids[instance.number as usize] = None;
        self.free.push(instance.number);
        Some(*instance)
    }

    /// Changes an instance, all but its id; what the change gives, or none if there is no such instance.
    pub(super) fn change<T>(&mut self, id: &str, change: impl FnOnce(&mut Instance) -> T) -> Option<T> {
        let instance = self.instances.get_mut(id)?;
        let (number, before) = (instance.number, attributes(instance));
        let changed = change(instance);
        let after = attributes(instance);
        for gone in before.difference(&after) {
            self.unlist(*gone, number);
        }
        for new in after.difference(&before) {
            self.list(*new, number);
        }
        Some(changed)
    }

    fn list(&mut self, attribute: Attribute, number: u32) {
        match self.index.entry(attribute).or_insert(Numbers::One(number)) {
            Numbers::One(same) if *same == number => {}
            Numbers::Many(numbers) => drop(numbers.insert(number)),
            alone @ Numbers::One(_) => {
                let both = alone.iter().chain([number]).collect();
                *alone = Numbers::Many(both);
            }
        }
    }

    fn unlist(&mut self, attribute: Attribute, number: u32) {
        let empty = match self.index.get_mut(&attribute) {
            Some(Numbers::Many(numbers)) => {
                numbers.remove(&number);
                numbers.is_empty()
            }
            Some(Numbers::One(same)) => *same == number,
            None => false,
        };
        if empty {
            self.index.remove(&attribute);
        }
    }

    /// The ids, in order, among which everything is that has one of the values of each filter: the fewest that the
    /// index knows. None where going through everything costs no more. Filters are names with values that stand for
    /// themselves; what the index does not know is passed over.
    pub(super) fn candidates<'f>(&self, filters: impl Iterator<Item = (&'f str, &'f [&'f str])>) -> Option<Vec<&str>> {
        let listed = filters.filter(|(name, _)| is_indexed(name)).map(|(name, values)| {
            let sets = values.iter().filter_map(|value| self.index.get(&attribute(&[name, "=", value])));
            sets.collect::<Vec<_>>()
        });
        let count = |sets: &Vec<&Numbers>| sets.iter().map(|set| set.len()).sum::<usize>();
        let fewest = listed.min_by_key(count).filter(|sets| count(sets) * RARE <= self.len().max(RARE))?;
        let numbers: BTreeSet<u32> = fewest.into_iter().flat_map(Numbers::iter).collect();
        let mut ids: Vec<&str> =
            numbers.iter().filter_map(|number| self.ids.get(*number as usize)?.as_deref()).collect();
        ids.sort_unstable();
        Some(ids)
    }
}

/// Whether a filter's values are in the index.
fn is_indexed(filter: &str) -> bool {
    filter.starts_with("tag:")
        || matches!(filter, "image-id" | "instance-state-name" | "instance-type" | "private-ip-address" | "subnet-id")
}

/// An attribute with its value, as a number. Should two ever be the same, the filters tell them apart.
type Attribute = u64;

fn attribute(parts: &[&str]) -> Attribute {
    let mut hasher = DefaultHasher::new();
    parts.iter().for_each(|part| hasher.write(part.as_bytes()));
    hasher.finish()
}

/// Numbers of instances; most attributes that are worth an index are those of one.
#[derive(Debug, Clone)]
enum Numbers {
    One(u32),
    Many(BTreeSet<u32>),
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(numbers) => numbers.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let (one, many) = match self {
            Self::One(number) => (Some(*number), None),
            Self::Many(numbers) => (None, Some(numbers)),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }
}

fn attributes(instance: &Instance) -> BTreeSet<Attribute> {
    let own = [
        ("image-id", instance.image_id.as_str()),
        ("instance-state-name", instance.state.name()),
        ("instance-type", &instance.instance_type),
        ("private-ip-address", &instance.private_ip),
        ("subnet-id", &instance.subnet_id),
    ];
    let tags = instance.tags.iter().map(|(key, value)| attribute(&["tag:", key, "=", value]));
    own.into_iter().map(|(filter, value)| attribute(&[filter, "=", value])).chain(tags).collect()
}

impl Serialize for Fleet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.instances.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Fleet {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut fleet = Self::default();
        for instance in BTreeMap::<Word, Instance>::deserialize(from)?.into_values() {
            fleet.insert(instance);
        }
        Ok(fleet)
    }
}
