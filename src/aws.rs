//! The port: the only place where SDK types, throttling, paging, repetition and credentials exist.
//!
//! [`Aws`] is the door. Behind it one [`Connection`] for each site and role, whose methods take and return the
//! vocabulary of [`crate::model`]: what the SDK tells in optional members becomes plain data here, once. An [`Error`]
//! is classified here, once. One [`Clock`] tells the time to rebake and to the SDK alike.
//!
//! - `clock`, `transport`: what the SDK stands on. A [`Transport`] replaces the network (the sandbox does).
//! - `call`, `budget`, `error`: what happens around each call.
//! - the others, by subject: the calls themselves.

mod budget;
mod build_inputs;
mod builds;
mod call;
mod clock;
mod commands;
mod connection;
mod credentials;
mod error;
mod groups;
mod images;
mod instances;
mod mixed;
mod network;
mod nodes;
mod parameters;
mod patching;
mod refreshes;
mod server;
mod snapshots;
mod templates;
mod text;
mod transport;
mod width;

pub use budget::CallCount;
pub use build_inputs::{NewComponent, NewDistribution, NewImageRecipe, NewInfrastructure};
pub use builds::NewBuild;
pub use clock::Clock;
pub use commands::{InvocationQuery, NewCommand};
pub use connection::Connection;
pub use credentials::RoleChain;
pub use error::{Error, ErrorKind};
pub use groups::Desired;
pub use images::ImageFilter;
pub use network::Subnet;
pub use nodes::ManagedNode;
pub use parameters::{Parameter, ParameterVersion, ValueKind};
pub use patching::Releases;
pub use refreshes::Preferences;
pub use snapshots::Snapshot;
pub use templates::NewTemplateVersion;
pub use transport::{Answer, Transport, TransportError};

pub(crate) use width::each;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_types::region::Region;

use crate::model::Site;
use budget::{Budget, Counters};

/// How to get to AWS.
#[derive(Debug, Clone)]
pub struct Options {
    /// The clock.
    pub clock: Clock,
    /// What carries the requests, in place of the network. No credentials are looked for then.
    pub transport: Option<Transport>,
    /// The access key under a transport.
    pub access_key: String,
    /// The profile of the AWS configuration files.
    pub profile: Option<String>,
    /// The region for questions that belong to no site.
    pub region: Option<String>,
    /// The endpoint of all services, for a served sandbox; else the environment's or AWS's own.
    pub endpoint: Option<String>,
    /// The share of AWS's limits that rebake takes, from 0 to 1.
    pub rate_share: f64,
    /// The run: assumed roles get the session name `rebake-<run>`.
    pub run: String,
}

impl Options {
    /// The options of everyday use, for a run on a clock.
    #[must_use]
    pub fn new(clock: Clock, run: &str) -> Self {
        Self {
            clock,
            transport: None,
            access_key: "AKIASANDBOX".to_owned(),
            profile: None,
            region: None,
            endpoint: None,
            rate_share: 0.5,
            run: run.to_owned(),
        }
    }
}

/// The door to AWS. A cheap handle: clones share connections, budgets and counts.
#[derive(Debug, Clone)]
pub struct Aws(Arc<Shared>);

/// A site, and the role to see it as.
type As = (Site, Option<RoleChain>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    rate_share: f64,
    run: String,
    base: SdkConfig,
    roles: Mutex<BTreeMap<RoleChain, SdkConfig>>,
    budgets: Mutex<BTreeMap<Site, Arc<Budget>>>,
    connections: Mutex<BTreeMap<As, Arc<Connection>>>,
    counters: Arc<Counters>,
}

impl Aws {
    /// Opens the door. Nothing is sent yet, except what it takes to learn the region and the endpoint.
    pub async fn connect(options: Options) -> Self {
        let base = credentials::base(&options).await;
        Self(Arc::new(Shared {
            clock: options.clock,
            rate_share: options.rate_share,
            run: options.run,
            base,
            roles: Mutex::default(),
            budgets: Mutex::default(),
            connections: Mutex::default(),
            counters: Arc::default(),
        }))
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The region of the options, the environment or the profile.
    pub fn region(&self) -> Option<&str> {
        self.0.base.region().map(AsRef::as_ref)
    }

    /// How many calls were sent so far, over all sites.
    pub fn calls(&self) -> CallCount {
        self.0.counters.read()
    }

    /// The connection to a site, as the role or as the caller. The same one each time.
    pub async fn site(&self, site: &Site, role: Option<&RoleChain>) -> Arc<Connection> {
        let key = (site.clone(), role.cloned());
        if let Some(open) = locked(&self.0.connections).get(&key) {
            return Arc::clone(open);
        }
        let config = match role {
            None => self.0.base.clone(),
            Some(role) => self.assumed(role).await,
        };
        let config = config.into_builder().region(Region::new(site.region.clone())).build();
        let budget = Arc::clone(
            locked(&self.0.budgets)
                .entry(site.clone())
                .or_insert_with(|| Arc::new(Budget::new(self.0.rate_share, Arc::clone(&self.0.counters)))),
        );
        let connection = Connection::new(site.clone(), &config, self.0.clock.clone(), budget, self.0.run.clone());
        Arc::clone(locked(&self.0.connections).entry(key).or_insert_with(|| Arc::new(connection)))
    }

    /// The configuration as a role: one for all regions, so that the role is assumed once.
    async fn assumed(&self, role: &RoleChain) -> SdkConfig {
        if let Some(config) = locked(&self.0.roles).get(role) {
            return config.clone();
        }
        let config = credentials::assumed(&self.0.base, role, &self.0.run, &self.0.clock).await;
        locked(&self.0.roles).entry(role.clone()).or_insert(config).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
