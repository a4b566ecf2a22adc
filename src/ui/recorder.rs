//! The memory of a run.

use std::cell::RefCell;
use std::rc::Rc;

use crate::event::Event;
use crate::run::Listener;

/// Keeps every event but mere progress, for the report at the end. Clones share what they keep.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Rc<RefCell<Vec<Event>>>);

impl Recorder {
    /// What was heard so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.borrow().clone()
    }
}

impl Listener for Recorder {
    fn hear(&mut self, event: &Event) {
        if !matches!(event.kind, crate::event::EventKind::TaskProgress { .. }) {
            self.0.borrow_mut().push(event.clone());
        }
    }
}
