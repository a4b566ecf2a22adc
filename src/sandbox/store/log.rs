//! The lines of the log, and what they do to a cloud.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::calls::{self, CallRecord};
use crate::sandbox::cloud::{Cloud, Place};
use crate::sandbox::faults::Faults;
use crate::sandbox::wire::{Call, Service};

/// How many calls each wire fault has seen, and how many it has struck.
pub(super) type Strikes = Vec<(u32, u32)>;

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// A call that came.
    Call {
        /// As people see it.
        record: CallRecord,
        /// Who signed it, if it was carried out.
        #[serde(skip_serializing_if = "Option::is_none")]
        performed: Option<Performed>,
        /// The counts of the wire faults, if they changed.
        #[serde(skip_serializing_if = "Option::is_none")]
        strikes: Option<Strikes>,
    },
    /// The clock moved; or a request was lost on its way here, which nobody saw but the fault.
    Clock {
        /// Where it stands.
        at: Timestamp,
        /// The counts of the wire faults, if they changed.
        #[serde(skip_serializing_if = "Option::is_none")]
        strikes: Option<Strikes>,
    },
    /// Other faults were put in force.
    Faults {
        /// When.
        at: Timestamp,
        /// All of them.
        faults: Faults,
    },
}

/// What a record lacks for carrying its call out again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Performed {
    /// The access key.
    access_key: String,
    /// The members of the request, if the record hides some. Never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
}

impl Line {
    /// The line of a call, carried out or not.
    pub(super) fn call(record: CallRecord, performed: Option<&Call>, strikes: Option<Strikes>) -> Self {
        let performed = performed.map(|call| Performed {
            access_key: call.access_key.clone(),
            input: (replayed(&call.operation) && call.input != record.request).then(|| call.input.clone()),
        });
        Self::Call { record, performed, strikes }
    }

    /// Does to a cloud what was done when the line was written.
    pub(super) fn replay(self, cloud: &mut Cloud) {
        match self {
            Self::Call { record, performed, strikes } => {
                cloud.advance(record.at);
                set_strikes(&mut cloud.faults, strikes);
                if let Some(performed) = performed {
                    repeat(cloud, &record, performed);
                }
                cloud.calls.push(record);
            }
            Self::Clock { at, strikes } => {
                cloud.advance(at);
                set_strikes(&mut cloud.faults, strikes);
            }
            Self::Faults { at, faults } => {
                cloud.advance(at);
                cloud.faults = faults;
            }
        }
    }
}

/// Carries a call out again; of a reading one, only the opening of its region and the tokens that it took.
fn repeat(cloud: &mut Cloud, record: &CallRecord, performed: Performed) {
    let place = Place::new(&record.account, &record.region);
    let service = service(&record.service);
    if let Some(service) = service {
        cloud.throttle.take(&place, service, &record.operation, &record.request, record.at);
    }
    let Some(service) = service.filter(|_| replayed(&record.operation)) else {
        cloud.at(&place);
        return;
    };
    let call = Call {
        place,
        service,
        operation: record.operation.clone(),
        input: performed.input.unwrap_or_else(|| record.request.clone()),
        access_key: performed.access_key,
    };
    // It was answered with this error, if with any, when it came first.
    drop(cloud.perform(&call));
}

/// Whether a call of this name must be carried out again. `AssumeRole` changes nothing that anybody sees, but hands out
/// a key.
fn replayed(operation: &str) -> bool {
    calls::changes(operation) || operation == "AssumeRole"
}

fn service(name: &str) -> Option<Service> {
    [Service::Ec2, Service::AutoScaling, Service::Ssm, Service::ImageBuilder, Service::Sts]
        .into_iter()
        .find(|service| service.name() == name)
}

/// The counts of the wire faults.
pub(super) fn strikes(faults: &Faults) -> Strikes {
    faults.wire.iter().map(|fault| (fault.seen, fault.struck)).collect()
}

fn set_strikes(faults: &mut Faults, strikes: Option<Strikes>) {
    for (fault, (seen, struck)) in faults.wire.iter_mut().zip(strikes.into_iter().flatten()) {
        (fault.seen, fault.struck) = (seen, struck);
    }
}
