//! A test's AWS: the sandbox in process, in paused tokio time, and always as late as AWS may be.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::FutureExt;
use jiff::Timestamp;
use rebake::aws::{Answer, Aws, Clock, Options, Transport, TransportError};
use rebake::model::Site;
use rebake::sandbox::cloud::Outcome;
use rebake::sandbox::{Cloud, world};

/// The account of every world that names no other.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The moment at which worlds begin.
pub(crate) fn epoch() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

/// A site of that account.
pub(crate) fn site(region: &str) -> Site {
    Site::new(ACCOUNT, region)
}

/// A cloud, a clock that follows tokio's, and the port between them.
pub(crate) struct Env {
    cloud: Arc<Mutex<Cloud>>,
    pub(crate) clock: Clock,
    pub(crate) aws: Aws,
}

impl Env {
    /// On the demo world.
    pub(crate) async fn demo() -> Self {
        Self::on(world::demo(epoch()).unwrap()).await
    }

    /// On an account in which nothing is the customer's.
    pub(crate) async fn empty() -> Self {
        Self::on(world::empty(epoch()).unwrap()).await
    }

    /// On a cloud of the test's own, which goes on from where it was.
    pub(crate) async fn on(mut cloud: Cloud) -> Self {
        cloud.eventual_consistency = true;
        let clock = Clock::tokio(cloud.now);
        let cloud = Arc::new(Mutex::new(cloud));
        let transport = transport(Arc::clone(&cloud), clock.clone());
        let options = Options { transport: Some(transport), ..Options::new(clock.clone(), "test") };
        Self { cloud, clock, aws: Aws::connect(options).await }
    }

    /// The cloud, to look into or to put faults into. Not to be held over an await.
    pub(crate) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap()
    }

    /// The calls so far: `ec2:DescribeInstances`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.cloud().calls.iter().map(|call| format!("{}:{}", call.service, call.operation)).collect()
    }

    /// The calls so far that changed something.
    pub(crate) fn changes(&self) -> Vec<String> {
        let cloud = self.cloud();
        let changing = cloud.calls.iter().filter(|call| call.changes());
        changing.map(|call| format!("{}:{}", call.service, call.operation)).collect()
    }
}

/// Carries requests to a cloud; answers take their time on the clock.
pub(crate) fn transport(cloud: Arc<Mutex<Cloud>>, clock: Clock) -> Transport {
    Transport::new(move |request: http::Request<Bytes>| -> Answer {
        let reply = cloud.lock().unwrap().handle(&request, clock.now());
        let clock = clock.clone();
        async move {
            clock.sleep(reply.after).await;
            match reply.outcome {
                Outcome::Response(response) => Ok(response),
                Outcome::Lost => Err(TransportError::Lost),
            }
        }
        .boxed()
    })
}
