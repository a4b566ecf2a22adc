//! ACT: one run of a plan. The engine carries out every action by one loop — observe, decide, note the intent, perform,
//! note the outcome, look again — and tells what happens as [events](crate::event).
//!
//! - [`engine`]: a run from beginning to end: tasks, their order, the exit code.
//! - [`drive`]: the loop.
//! - [`tasks`]: bakes, rollouts and rings as tasks over the loop.
//! - [`applications`]: how much of an application is out of service.
//! - [`board`]: what tasks know of one another.
//! - [`lock`], [`locks`]: what keeps two runs apart.
//! - [`journal`]: what is written down, for people and for `history`.
//! - [`exit`]: the exit codes.

pub mod applications;
pub mod board;
pub mod drive;
pub mod engine;
pub mod exit;
pub mod journal;
pub mod lock;
pub mod locks;
pub mod tasks;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use crate::aws::{Clock, Connection};
use crate::event::{Event, EventKind};
use crate::model::Site;
use applications::Applications;
use board::Board;
use locks::Locks;

/// How a run waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Stays with what it started; what gates hold back is left to a later pass.
    Started,
    /// Also waits for gates that time opens, never for people.
    Gates,
    /// Leaves as soon as AWS works alone.
    Detached,
}

/// What every task of a run shares.
pub struct Run {
    /// The clock.
    pub clock: Clock,
    /// The connections, by site.
    pub connections: BTreeMap<Site, Arc<Connection>>,
    /// Who hears the events.
    pub listeners: Listeners,
    /// What the user wants.
    pub wishes: Wishes,
    /// What the tasks know of one another.
    pub board: Board,
    /// The locks.
    pub locks: Locks,
    /// Groups that may be refreshed at once.
    pub groups: Semaphore,
    /// What is out of service, by application.
    pub applications: Applications,
    /// How it waits.
    pub patience: Patience,
    /// Whether it was asked for by name (`promote`, `patch`): what failed before is started again.
    pub again: bool,
    /// When each ring was patched last, as far as AWS shows it; rings that this run patches come on top.
    pub rings: Vec<(String, Option<Timestamp>)>,
}

/// Why a pause is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// The time is over.
    Over,
    /// Nothing new is to be started.
    Stopping,
}

impl Pause {
    pub(crate) fn is_stopping(self) -> bool {
        self == Self::Stopping
    }
}

impl Run {
    /// Tells an event to all listeners.
    pub fn tell(&self, kind: EventKind) {
        self.listeners.tell(self.clock.now(), kind);
    }

    /// The connection of a site.
    ///
    /// # Errors
    /// A sentence, if the run has none.
    pub fn at(&self, site: &Site) -> Result<Arc<Connection>, String> {
        self.connections.get(site).cloned().ok_or_else(|| format!("this run has no connection to {site}"))
    }

    /// Whether it leaves AWS alone as soon as AWS works.
    pub(crate) fn detached(&self) -> bool {
        self.patience == Patience::Detached
    }

    /// Sleeps until a moment, or until nothing new is to be started.
    pub(crate) async fn pause_until(&self, moment: Timestamp) -> Pause {
        tokio::select! {
            () = self.clock.sleep_until(moment) => Pause::Over,
            () = self.wishes.stopped() => Pause::Stopping,
        }
    }
}

/// Whoever hears the events of a run.
pub trait Listener {
    /// Hears one event.
    fn hear(&mut self, event: &Event);

    /// Time has passed without an event: whoever shows something moving moves it.
    fn tick(&mut self, _now: Timestamp) {}
}

/// All listeners of a run.
#[derive(Clone, Default)]
pub struct Listeners(Rc<RefCell<Vec<Box<dyn Listener>>>>);

impl Listeners {
    /// Adds one.
    pub fn add(&self, listener: Box<dyn Listener>) {
        self.0.borrow_mut().push(listener);
    }

    /// Tells all of them what time it is.
    pub fn tick(&self, now: Timestamp) {
        for listener in self.0.borrow_mut().iter_mut() {
            listener.tick(now);
        }
    }

    /// Tells all of them.
    pub fn tell(&self, at: Timestamp, kind: EventKind) {
        let event = Event { at, kind };
        for listener in self.0.borrow_mut().iter_mut() {
            listener.hear(&event);
        }
    }
}

/// What the user wants of a run under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    GoOn,
    /// Start nothing new, leave what AWS is doing.
    Stop,
}

/// The wish, as tasks see it.
#[derive(Debug, Clone)]
pub struct Wishes(watch::Receiver<Wish>);

impl Wishes {
    /// A wish that can be changed by the sender.
    #[must_use]
    pub fn new() -> (watch::Sender<Wish>, Self) {
        let (sender, receiver) = watch::channel(Wish::GoOn);
        (sender, Self(receiver))
    }

    /// The wish now.
    #[must_use]
    pub fn current(&self) -> Wish {
        *self.0.borrow()
    }

    /// Whether nothing new is to be started.
    #[must_use]
    pub fn stopping(&self) -> bool {
        *self.0.borrow() == Wish::Stop
    }

    /// Returns when nothing new is to be started.
    pub async fn stopped(&self) {
        let mut receiver = self.0.clone();
        // A sender that is gone cannot wish any more.
        if receiver.wait_for(|wish| *wish == Wish::Stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
