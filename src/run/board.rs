//! What the tasks of a run know of one another: which images were built, which channels moved, which rings ended.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::Notify;

/// Regions and the image in each.
pub type Images = BTreeMap<String, String>;

/// How a task that others depend on stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may still end well.
    Open,
    /// It ended well.
    Well,
    /// It ended otherwise (failed, skipped, waiting): who depends on it does not start.
    Otherwise,
}

/// The board of one run. Tasks run on one thread.
#[derive(Debug, Default)]
pub struct Board {
    tasks: RefCell<BTreeMap<String, Standing>>,
    ended: RefCell<BTreeMap<String, Timestamp>>,
    images: RefCell<BTreeMap<String, Images>>,
    changed: Notify,
}

impl Board {
    /// Puts a task on the board.
    pub fn open(&self, task: &str) {
        self.tasks.borrow_mut().insert(task.to_owned(), Standing::Open);
    }

    /// Notes a task's end.
    pub fn close(&self, task: &str, well: bool) {
        let standing = if well { Standing::Well } else { Standing::Otherwise };
        self.tasks.borrow_mut().insert(task.to_owned(), standing);
        self.changed.notify_waiters();
    }

    /// Notes a task's end, and when it was.
    pub fn close_at(&self, task: &str, well: bool, at: Timestamp) {
        self.ended.borrow_mut().insert(task.to_owned(), at);
        self.close(task, well);
    }

    /// When a task ended.
    #[must_use]
    pub fn ended_at(&self, task: &str) -> Option<Timestamp> {
        self.ended.borrow().get(task).copied()
    }

    /// How a task stands; none if this run has no such task.
    #[must_use]
    pub fn standing(&self, task: &str) -> Option<Standing> {
        self.tasks.borrow().get(task).cloned()
    }

    /// Waits until a task of this run is over; at once if there is none.
    pub async fn over(&self, task: &str) -> Option<Standing> {
        loop {
            let changed = self.changed.notified();
            match self.standing(task) {
                Some(Standing::Open) => changed.await,
                standing => return standing,
            }
        }
    }

    /// Notes the images of a recipe that this run built.
    pub fn built(&self, recipe: &str, images: Images) {
        self.images.borrow_mut().insert(recipe.to_owned(), images);
    }

    /// The images of a recipe that this run built.
    #[must_use]
    pub fn images(&self, recipe: &str) -> Option<Images> {
        self.images.borrow().get(recipe).cloned()
    }
}
