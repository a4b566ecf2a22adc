//! Gaps: failures become values.

use std::cell::RefCell;

use super::Progress;
use crate::aws::Error;
use crate::model::{Fact, Gap, Site};

/// Collects the gaps of one site.
pub(super) struct Gaps<'a> {
    site: &'a Site,
    progress: &'a dyn Fn(Progress<'_>),
    found: RefCell<Vec<Gap>>,
}

impl<'a> Gaps<'a> {
    pub(super) fn new(site: &'a Site, progress: &'a dyn Fn(Progress<'_>)) -> Self {
        Self { site, progress, found: RefCell::default() }
    }

    /// A list that was read, or a gap and nothing.
    pub(super) fn list<T>(&self, fact: Fact, read: Result<Vec<T>, Error>) -> Option<Vec<T>> {
        match read {
            Ok(list) => {
                (self.progress)(Progress::Read { site: self.site, fact, count: list.len() });
                Some(list)
            }
            Err(error) => {
                self.add(fact, None, &error);
                None
            }
        }
    }

    /// One thing that was read, or a gap and nothing.
    pub(super) fn one<T>(&self, fact: Fact, resource: Option<&str>, read: Result<T, Error>) -> Option<T> {
        read.map_err(|error| self.add(fact, resource, &error)).ok()
    }

    /// What was read of each of many resources. If nothing at all could be read and always for the same reason, that
    /// is one gap of the site; else it is a gap of each resource that failed.
    pub(super) fn each<T>(&self, fact: Fact, read: Vec<(String, Result<T, Error>)>) -> Vec<(String, T)> {
        let all = read.len();
        let (mut known, mut failed) = (Vec::new(), Vec::new());
        for (resource, result) in read {
            match result {
                Ok(value) => known.push((resource, value)),
                Err(error) => failed.push((resource, error)),
            }
        }
        match failed.first() {
            Some((_, first)) if failed.len() == all && failed.iter().all(|(_, error)| error.code == first.code) => {
                self.add(fact, None, first);
            }
            _ => failed.iter().for_each(|(resource, error)| self.add(fact, Some(resource), error)),
        }
        if !known.is_empty() {
            (self.progress)(Progress::Read { site: self.site, fact, count: known.len() });
        }
        known
    }

    /// A failure.
    pub(super) fn add(&self, fact: Fact, resource: Option<&str>, error: &Error) {
        self.push(fact, resource, error.action, &error.code, error.message.clone());
    }

    /// Something that was read and makes no sense.
    pub(super) fn push(&self, fact: Fact, resource: Option<&str>, action: &str, code: &str, message: String) {
        let gap = Gap {
            site: self.site.clone(),
            fact,
            resource: resource.map(str::to_owned),
            action: action.to_owned(),
            code: code.to_owned(),
            message,
        };
        if !self.found.borrow().contains(&gap) {
            (self.progress)(Progress::Missed(&gap));
            self.found.borrow_mut().push(gap);
        }
    }

    pub(super) fn into_list(self) -> Vec<Gap> {
        self.found.into_inner()
    }
}
