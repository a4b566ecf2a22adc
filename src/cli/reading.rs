//! Reading a fleet, and telling how far it is when that takes long. Over a sandbox it takes no time.

use std::time::Duration;

use futures::future::{Either, select};

use super::act::display::shows_bars;
use super::session::Session;
use super::{Global, Progress};
use crate::config::Config;
use crate::inventory::Request;
use crate::pass::Look;
use crate::ui::OneLine;
use crate::ui::reading::Reading;

/// Between two pictures; what is read within the first is not told at all.
const TICK: Duration = Duration::from_millis(500);

/// Between two lines of a log.
const LINE: Duration = Duration::from_secs(30);

/// Looks, with a display as the options ask for it.
pub(super) async fn look(global: &Global, session: &Session, config: Config, request: &Request) -> Look {
    let silent = global.quiet || matches!(global.progress, Progress::None | Progress::Json);
    if silent || session.sandbox.is_some() {
        return Look::at(&session.aws, &session.clock, config, request).await;
    }
    let reading = Reading::new(request.sites.len());
    let progress = |progress: crate::inventory::Progress<'_>| reading.hear(progress);
    let mut look = Box::pin(Look::watched(&session.aws, &session.clock, config, request, &progress));
    let started = tokio::time::Instant::now();
    let mut line = None;
    loop {
        let bars = shows_bars(global);
        let pause = Box::pin(tokio::time::sleep(if bars { TICK } else { LINE }));
        match select(look, pause).await {
            Either::Left((look, _)) => return look,
            Either::Right(((), rest)) => look = rest,
        }
        let told = reading.line(session.aws.calls(), started.elapsed());
        if bars {
            line.get_or_insert_with(OneLine::new).show(&told);
        } else {
            anstream::eprintln!("reading: {told}");
        }
    }
}
