//! The loop on lists that lag.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, watch};

use super::*;
use crate::aws::Clock;
use crate::run::applications::Applications;
use crate::run::board::Board;
use crate::run::locks::Locks;
use crate::run::{Listeners, Patience, Wish, Wishes};

/// How late the list is.
const LATE: SignedDuration = SignedDuration::from_secs(25);

/// Commands to nodes, each from a moment on, and a list of them that is late.
struct Commands {
    clock: Clock,
    due: BTreeMap<&'static str, Timestamp>,
    sent: RefCell<Vec<(&'static str, Timestamp)>>,
    /// The answer to the first command is lost.
    loses: Cell<bool>,
    /// What the user does while the first command is sent.
    stops: Option<watch::Sender<Wish>>,
}

impl Commands {
    fn due(&self, now: Timestamp) -> Vec<&'static str> {
        self.due.iter().filter(|(_, from)| **from <= now).map(|(node, _)| *node).collect()
    }

    fn listed(&self, now: Timestamp) -> Vec<&'static str> {
        self.sent.borrow().iter().filter(|(_, at)| *at + LATE <= now).map(|(node, _)| *node).collect()
    }
}

impl Job for Commands {
    type Seen = Vec<&'static str>;
    type Action = Vec<&'static str>;
    type Done = ();

    async fn observe(&self) -> Result<Self::Seen, Error> {
        Ok(self.listed(self.clock.now()))
    }

    fn decide(&self, listed: &Self::Seen) -> Step<Self::Action, ()> {
        let now = self.clock.now();
        let needing: Vec<_> = self.due(now).into_iter().filter(|node| !listed.contains(node)).collect();
        match self.due.values().find(|from| **from > now) {
            _ if !needing.is_empty() => Step::Do(needing),
            Some(next) => {
                let (until, what) = (*next, "waiting".to_owned());
                Step::Wait(crate::step::Wait { until, what, permille: 0, expected_end: until })
            }
            None => Step::Done(()),
        }
    }

    async fn perform(&self, nodes: &Self::Action) -> Result<String, Error> {
        let now = self.clock.now();
        self.sent.borrow_mut().extend(nodes.iter().map(|node| (*node, now)));
        if let Some(stops) = &self.stops {
            stops.send_replace(Wish::Stop);
        }
        if !self.loses.take() {
            return Ok(String::new());
        }
        let (action, resource) = ("ssm:SendCommand", String::new());
        Err(Error { kind: ErrorKind::Lost, action, code: String::new(), message: String::new(), resource })
    }

    fn describe(&self, nodes: &Self::Action) -> String {
        nodes.join(", ")
    }

    fn touches(&self, _: &Self::Action) -> bool {
        true
    }

    fn repeats(&self, made: &Self::Action, action: &Self::Action) -> bool {
        action.iter().any(|node| made.contains(node))
    }

    fn untokened(&self, _: &Self::Action) -> Option<Site> {
        None
    }
}

/// Drives commands to nodes that are due after so many seconds.
async fn driven(due: &[(&'static str, i64)], loses: bool, stops: bool) -> (Ended<()>, Commands) {
    let clock = Clock::tokio("2026-11-24T08:00:00Z".parse().unwrap());
    let (wish, wishes) = Wishes::new();
    let run = Run {
        clock: clock.clone(),
        connections: BTreeMap::new(),
        listeners: Listeners::default(),
        wishes,
        board: Board::default(),
        locks: Locks::new("a test", "a test"),
        groups: Semaphore::new(1),
        applications: Applications::default(),
        patience: Patience::Started,
        again: false,
        rings: Vec::new(),
    };
    let begun = clock.now();
    let due = due.iter().map(|(node, after)| (*node, begun + SignedDuration::from_secs(*after))).collect();
    let stops = stops.then_some(wish);
    let job = Commands { clock, due, sent: RefCell::default(), loses: Cell::new(loses), stops };
    (drive(&run, "a test", &job).await, job)
}

impl Commands {
    fn sent_to(&self) -> Vec<&'static str> {
        self.sent.borrow().iter().map(|(node, _)| *node).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_beside_what_is_not_listed_yet_sends_nothing_twice() {
    for loses in [false, true] {
        let (ended, job) = driven(&[("a", 0), ("b", 5)], loses, false).await;
        assert!(matches!(ended, Ended::Done(())), "{ended:?}");
        assert_eq!(job.sent_to(), ["a", "b"], "an answer is lost: {loses}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_stops_waits_until_what_was_made_is_listed() {
    for loses in [false, true] {
        let (ended, job) = driven(&[("a", 0), ("b", 3600)], loses, true).await;
        assert!(matches!(ended, Ended::Left { .. }), "{ended:?}");
        assert_eq!(job.sent_to(), ["a"]);
        assert_eq!(job.listed(job.clock.now()), ["a"], "another run would send it again; an answer is lost: {loses}");
    }
}
