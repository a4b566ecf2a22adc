//! The estimated time of arrival: of each task and of the whole run, against the real ends.

use std::cell::RefCell;
use std::rc::Rc;

use jiff::Timestamp;
use rebake::config::library;
use rebake::event::Event;
use rebake::run::{Listener, Listeners};
use rebake::ui::progress::{Progress, Standing};

use crate::env::Env;
use crate::job;

/// What was promised at a moment: the end of the run, and that of each task at work.
struct Promise {
    at: Timestamp,
    whole: Timestamp,
    tasks: Vec<(String, Timestamp)>,
}

/// Watches as the live display does.
#[derive(Clone, Default)]
struct Watcher(Rc<RefCell<(Progress, Vec<Promise>)>>);

impl Listener for Watcher {
    fn hear(&mut self, event: &Event) {
        let (progress, promises) = &mut *self.0.borrow_mut();
        progress.hear(event);
        let ends = progress.lines.iter().filter_map(|line| match line.standing {
            Standing::Running { expected_end, .. } => Some((line.task.id.clone(), expected_end)),
            _ => None,
        });
        let whole = event.at + std::time::Duration::from_secs(progress.left());
        promises.push(Promise { at: event.at, whole, tasks: ends.collect() });
    }
}

/// How far a promise was off, as a part of the whole time; none before a quarter of it has passed.
fn off(start: Timestamp, end: Timestamp, at: Timestamp, promised: Timestamp) -> Option<f64> {
    let whole = end.duration_since(start).as_secs_f64();
    let late = at.duration_since(start).as_secs_f64() >= whole / 4.0;
    late.then(|| promised.duration_since(end).as_secs_f64().abs() / whole)
}

#[tokio::test(start_paused = true)]
async fn from_a_quarter_on_the_end_is_told_within_a_fifth() {
    let config = library::demo().unwrap();
    let env = Env::demo().await;
    let (look, plan) = job::decide(&env.aws, &env.clock, &config).await;
    let watcher = Watcher::default();
    let listeners = Listeners::default();
    listeners.add(Box::new(watcher.clone()));
    job::act(&env.aws, &env.clock, &look, &plan, listeners).await;

    let (progress, promises) = &*watcher.0.borrow();
    let (start, end) = (progress.started_at.unwrap(), env.clock.now());
    let mut wrong = Vec::new();
    for promise in promises {
        if let Some(off) = off(start, end, promise.at, promise.whole).filter(|off| *off > 0.2) {
            wrong.push(format!("the run at {}: {} instead of {end}, off by {off:.2}", promise.at, promise.whole));
        }
        for (task, promised) in &promise.tasks {
            let line = progress.lines.iter().find(|line| line.task.id == *task).unwrap();
            let (start, end) = (line.started_at.unwrap(), line.ended_at.unwrap());
            if let Some(off) = off(start, end, promise.at, *promised).filter(|off| *off > 0.2) {
                wrong.push(format!("{task} at {}: {promised} instead of {end}, off by {off:.2}", promise.at));
            }
        }
    }
    assert!(promises.len() > 200);
    takes_the_time_of_the_longest_chain(progress, end);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), promises.len(), wrong.join("\n"));
}

/// The longest chain is that of the rings: canary, its soak, the window on Sunday, the rest. Nothing is instant, and
/// nothing waits for longer than it must.
fn takes_the_time_of_the_longest_chain(progress: &Progress, end: Timestamp) {
    let window: Timestamp = "2026-11-29T01:00:00Z".parse().unwrap();
    let rest = progress.lines.iter().find(|line| line.task.id == "patch rest").unwrap();
    let (began, ended) = (rest.started_at.unwrap(), rest.ended_at.unwrap());
    assert!(began >= window && began.duration_since(window).as_secs() < 60, "{began}");
    assert!(end.duration_since(ended).as_secs() < 60, "{end} {ended}");
    for line in progress.lines.iter().filter(|line| line.task.expected_seconds >= 60) {
        let Some(took) = line.took() else { continue };
        let share = took as f64 / line.task.expected_seconds as f64;
        assert!((0.7..1.4).contains(&share), "{} took {took} s of {}", line.task.id, line.task.expected_seconds);
    }
}
