//! Credentials: who rebake is, and what the SDK is told once for all clients.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use aws_types::region::Region;

use super::text::session_name;
use super::{Clock, Options};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_mins(1);
/// How long it may take to get through to AWS.
const CONNECT: Duration = Duration::from_secs(5);
/// How long credentials may take, a role's or a command's.
const CREDENTIALS: Duration = Duration::from_secs(20);
/// Where roles are assumed when nothing names a region: every account has it, and AWS retires none.
const STS_REGION: &str = "us-east-1";

/// A role to assume, by way of another one where needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleChain {
    /// The ARN of the role.
    pub arn: String,
    /// The external id that its trust policy asks for.
    pub external_id: Option<String>,
    /// The role that may assume it; the caller itself if none.
    pub via: Option<Box<Self>>,
}

impl RoleChain {
    /// A role that the caller may assume.
    #[must_use]
    pub fn new(arn: &str) -> Self {
        Self { arn: arn.to_owned(), external_id: None, via: None }
    }
}

/// The configuration as the caller.
pub(super) async fn base(options: &Options) -> SdkConfig {
    let worth = |limit| options.clock.worth(limit);
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(worth(ANSWER)).connect_timeout(worth(CONNECT)).build();
    let Some(transport) = &options.transport else {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            // An answer has a minute as a whole; the SDK's own guard counts in this clock's time, however fast it runs.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .identity_cache(identity_cache(&options.clock))
            .sleep_impl(options.clock.clone())
            .time_source(options.clock.clone());
        if let Ok(name) = AppName::new("rebake") {
            loader = loader.app_name(name);
        }
        loader = loader.region(regions(options));
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile).credentials_provider(of_profile(profile, options, http).await);
        }
        if let Some(endpoint) = &options.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        return loader.load().await;
    };
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(transport.clone())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(
            &options.access_key,
            "sandbox",
            None,
        )))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .identity_cache(identity_cache(&options.clock))
        .sleep_impl(options.clock.clone())
        .time_source(options.clock.clone());
    builder.set_region(options.region.clone().map(Region::new));
    builder.set_app_name(AppName::new("rebake").ok());
    builder.set_endpoint_url(options.endpoint.clone());
    builder.build()
}

/// The credentials of a profile that the caller names: they go before those of the environment, as with the AWS CLI.
async fn of_profile(name: &str, options: &Options, http: impl HttpClient + 'static) -> ProfileFileCredentialsProvider {
    let region = regions(options).region().await.unwrap_or_else(|| Region::from_static(STS_REGION));
    let config = ProviderConfig::without_region()
        .with_region(Some(region))
        .with_http_client(http)
        .with_sleep_impl(options.clock.clone())
        .with_time_source(options.clock.clone());
    ProfileFileCredentialsProvider::builder().profile_name(name).configure(&config).build()
}

/// Where questions go that belong to no site: the SDK's own chain without the metadata service, for which every machine
/// outside of AWS would wait.
fn regions(options: &Options) -> RegionProviderChain {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &options.profile {
        profile = profile.profile_name(name);
    }
    RegionProviderChain::first_try(options.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
}

/// The configuration as a role.
pub(super) async fn assumed(base: &SdkConfig, role: &RoleChain, run: &str, clock: &Clock) -> SdkConfig {
    let mut steps: Vec<&RoleChain> = std::iter::successors(Some(role), |role| role.via.as_deref()).collect();
    steps.reverse();
    let mut config = base.clone();
    for step in steps {
        // The role is assumed by a client of the SDK's own, which therefore repeats by itself.
        let mut caller = config.clone().into_builder().retry_config(RetryConfig::standard().with_max_attempts(10));
        if config.region().is_none() {
            caller.set_region(Region::new(STS_REGION));
        }
        let mut provider =
            AssumeRoleProvider::builder(&step.arn).session_name(session_name(run)).configure(&caller.build());
        if let Some(id) = &step.external_id {
            provider = provider.external_id(id);
        }
        let provider = SharedCredentialsProvider::new(provider.build().await);
        config = config.into_builder().credentials_provider(provider).identity_cache(identity_cache(clock)).build();
    }
    config
}

/// A cache of its own for each identity, shared by its regions.
fn identity_cache(clock: &Clock) -> SharedIdentityCache {
    aws_config::identity::IdentityCache::lazy().load_timeout(clock.worth(CREDENTIALS)).build()
}
