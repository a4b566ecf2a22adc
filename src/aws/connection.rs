//! A connection: the clients of one site, under one budget.

use std::fmt;
use std::sync::Arc;

use aws_config::SdkConfig;

use super::budget::Budget;
use super::call::Call;
use super::clock::Clock;
use super::error::Error;
use crate::model::{Identity, Site};

/// Everything that rebake can ask of AWS in one account and region, and do there.
///
/// The methods are spread over the files of this room by subject. Lists come whole (all pages), sorted where AWS gives
/// no order, and in the vocabulary of [`crate::model`].
pub struct Connection {
    site: Site,
    clock: Clock,
    budget: Arc<Budget>,
    salt: String,
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) autoscaling: aws_sdk_autoscaling::Client,
    pub(super) ssm: aws_sdk_ssm::Client,
    pub(super) imagebuilder: aws_sdk_imagebuilder::Client,
    sts: aws_sdk_sts::Client,
}

impl Connection {
    pub(super) fn new(site: Site, config: &SdkConfig, clock: Clock, budget: Arc<Budget>, salt: String) -> Self {
        Self {
            site,
            clock,
            budget,
            salt,
            ec2: aws_sdk_ec2::Client::new(config),
            autoscaling: aws_sdk_autoscaling::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            imagebuilder: aws_sdk_imagebuilder::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
        }
    }

    /// Where it leads.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The clock that it follows.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(super) fn salt(&self) -> &str {
        &self.salt
    }

    /// Who is calling.
    pub async fn identity(&self) -> Result<Identity, Error> {
        let call = Call::repeatable("sts:GetCallerIdentity", "");
        let answer = self.call(call, || self.sts.get_caller_identity().send()).await?;
        Ok(Identity {
            account: answer.account.ok_or_else(|| call.incomplete("Account"))?,
            arn: answer.arn.ok_or_else(|| call.incomplete("Arn"))?,
        })
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.site)
    }
}
