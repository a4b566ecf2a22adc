//! Reading a fleet, and telling how far it is when that takes long. Over a sandbox it takes no time.

use std::time::Duration;

use futures::future::{Either, select};

use super::act::display::shows_bars;
use super::session::Session;
use super::{Global, Progress};
use crate::inventory::{Request, inventory};
use crate::model::Fleet;
use crate::ui::OneLine;
use crate::ui::reading::Reading;

/// Between two pictures; what is read within the first is not told at all.
const TICK: Duration = Duration::from_millis(500);

/// Between two lines of a log.
const LINE: Duration = Duration::from_secs(30);

/// Reads the fleet, with a display as the options ask for it.
pub(super) async fn fleet(global: &Global, session: &Session, request: &Request) -> Fleet {
    let silent = global.quiet || matches!(global.progress, Progress::None | Progress::Json);
    if silent || session.sandbox.is_some() {
        return inventory(&session.aws, request, &|_| {}).await;
    }
    let reading = Reading::new(request.sites.len());
    let progress = |progress: crate::inventory::Progress<'_>| reading.hear(progress);
    let mut fleet = Box::pin(inventory(&session.aws, request, &progress));
    let started = tokio::time::Instant::now();
    let (mut line, bars) = (None, shows_bars(global));
    loop {
        let pause = Box::pin(tokio::time::sleep(if bars { TICK } else { LINE }));
        match select(fleet, pause).await {
            Either::Left((fleet, _)) => return fleet,
            Either::Right(((), rest)) => fleet = rest,
        }
        let told = reading.line(session.aws.calls(), started.elapsed());
        if bars {
            line.get_or_insert_with(OneLine::new).show(&told);
        } else {
            anstream::eprintln!("reading: {told}");
        }
    }
}
