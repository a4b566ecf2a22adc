//! The state machine: places, events, time, identifiers and draws.
//!
//! A [`Cloud`] is plain data: it can be cloned (a test cuts a run and continues both halves), saved and loaded. An
//! operation sees it through a [`Ctx`]: one place (account and region), one moment.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::calls::CallRecord;
use super::catalogue::Catalogue;
use super::faults::{Faults, WireFaultKind};
use super::machine::Machine;
use super::shared::Word;
use super::throttle::Throttle;
use super::value::ApiError;
use super::{autoscaling, ec2, imagebuilder, ssm, sts, wire};

/// The account that a request belongs to when its access key is not listed in the world.
pub const DEFAULT_ACCOUNT: &str = "123456789012";

/// One account in one region. Everything in AWS that rebake touches is in exactly one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    /// For example `eu-west-1`.
    pub region: String,
}

impl Place {
    /// A place.
    #[must_use]
    pub fn new(account: &str, region: &str) -> Self {
        Self { account: account.to_owned(), region: region.to_owned() }
    }
}

/// What is in one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Region {
    /// Instances, images, snapshots, templates, networks.
    pub ec2: ec2::State,
    /// Groups, refreshes, activities.
    pub autoscaling: autoscaling::State,
    /// Parameters, managed nodes, baselines, patch states, commands.
    pub ssm: ssm::State,
    /// Components, recipes, builds.
    pub imagebuilder: imagebuilder::State,
    /// The guests, by instance id or managed-node id.
    pub machines: BTreeMap<Word, Box<Machine>>,
}

/// Something that happens by itself at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A step in the life of an instance, image or snapshot.
    Ec2(ec2::Event),
    /// A look at a group or an instance refresh.
    AutoScaling(autoscaling::Event),
    /// A command, a parameter's late validation, an association.
    Ssm(ssm::Event),
    /// A step of an image build.
    ImageBuilder(imagebuilder::Event),
}

/// How an answer travels.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The latency: the answer arrives this long after the request.
    pub after: Duration,
    /// What arrives.
    pub outcome: Outcome,
}

/// What arrives of an answer.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The answer.
    Response(http::Response<Bytes>),
    /// Nothing: the connection broke, before or after the effect.
    Lost,
}

/// What one request came to.
#[derive(Debug)]
pub struct Handled {
    /// The answer.
    pub reply: Reply,
    /// The call, if it was carried out, whether it succeeded or not: not when it could not be read, and not when a
    /// fault stood in its way.
    pub performed: Option<wire::Call>,
}

/// The emulated cloud: all accounts and regions, the clock, and what is going to happen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cloud {
    /// The name of the world that it began as: `demo`, `empty`, or a file.
    #[serde(default)]
    pub world: String,
    /// What every draw and identifier is derived from.
    pub seed: u64,
    /// The moment at which the world began: ages in world files count back from it.
    pub epoch: Timestamp,
    /// The virtual time of the latest request or event. Never runs back.
    pub now: Timestamp,
    /// The places that hold something. AWS's own things are put into a region when it is first touched.
    #[serde(with = "places")]
    pub places: BTreeMap<Place, Region>,
    /// Access key → account. Any other key belongs to [`DEFAULT_ACCOUNT`].
    pub access_keys: BTreeMap<String, String>,
    /// Role ARNs that may be assumed.
    pub roles: Vec<String>,
    /// Temporary access key → ARN of the role session that it belongs to.
    pub sessions: BTreeMap<String, String>,
    /// Temporary access key → when it expires.
    #[serde(default)]
    pub session_ends: BTreeMap<String, Timestamp>,
    /// Operating systems and patches.
    pub catalogue: Catalogue,
    /// What goes wrong, on request.
    pub faults: Faults,
    /// How many calls are taken.
    #[serde(default)]
    pub throttle: Throttle,
    /// Whether lists lag, new ids are unknown for a moment, and so on (see `docs/sandbox.md`).
    pub eventual_consistency: bool,
    /// What is going to happen: by time, then in order of scheduling.
    #[serde(with = "queue")]
    queue: BTreeMap<(Timestamp, u64), (Place, Event)>,
    /// How many identifiers and events have been made.
    counter: u64,
    /// Every call so far. Not a part of the state: the store keeps it beside.
    #[serde(skip)]
    pub calls: Vec<CallRecord>,
    /// How many requests have come. Not a part of the state: reading must leave no trace in it.
    #[serde(skip)]
    requests: u64,
}

impl Cloud {
    /// A cloud that holds nothing yet, at a moment. Worlds are poured into it by [`super::world`].
    #[must_use]
    pub fn new(seed: u64, now: Timestamp, catalogue: Catalogue) -> Self {
        Self {
            world: String::new(),
            seed,
            epoch: now,
            now,
            places: BTreeMap::new(),
            access_keys: BTreeMap::new(),
            roles: Vec::new(),
            sessions: BTreeMap::new(),
            session_ends: BTreeMap::new(),
            catalogue,
            faults: Faults::default(),
            throttle: Throttle::default(),
            eventual_consistency: false,
            queue: BTreeMap::new(),
            counter: 0,
            calls: Vec::new(),
            requests: 0,
        }
    }

    /// Takes one request at a moment of virtual time and answers it as AWS would.
    ///
    /// Plays what was due before the request first. A moment earlier than [`Cloud::now`] counts as now.
    pub fn handle(&mut self, request: &http::Request<Bytes>, now: Timestamp) -> Reply {
        self.receive(request, now).reply
    }

    /// As [`Cloud::handle`], telling also whether the call was carried out: what [`super::store`] must keep.
    pub fn receive(&mut self, request: &http::Request<Bytes>, now: Timestamp) -> Handled {
        // What has begun of a moment is finished first.
        self.advance(now.max(self.now));
        let call = match wire::read(self, request) {
            Ok(call) => call,
            Err(refused) => {
                let at = self.now;
                self.calls.push(CallRecord::refused(at, &refused));
                let reply = Reply { after: Duration::from_millis(5), outcome: Outcome::Response(refused.response) };
                return Handled { reply, performed: None };
            }
        };
        self.requests += 1;
        let request_id = uuid(&self.hash(&format!("request {}", self.requests)));
        let fault = self.faults.strike(&call);
        if fault == Some(WireFaultKind::LostBefore) {
            let reply = Reply { after: wire::latency(&call), outcome: Outcome::Lost };
            return Handled { reply, performed: None };
        }
        let refusal = fault.as_ref().and_then(|fault| wire::fault_error(&call, fault));
        let refusal = refusal.or_else(|| {
            let taken = self.throttle.take(&call.place, call.service, &call.operation, &call.input, self.now);
            wire::fault_error(&call, &WireFaultKind::Throttle).filter(|_| !taken)
        });
        let stopped = refusal.is_some();
        let (response, error) = match refusal {
            Some(error) => {
                let refused = Err(error);
                (wire::write(&call, &refused, &request_id), refused.err())
            }
            None => self.answer(&call, &request_id),
        };
        self.calls.push(CallRecord::answered(self.now, &call, error.as_ref()));
        let latency = wire::latency(&call);
        let reply = match fault {
            Some(fault) => fault.deliver(response, latency),
            None => Reply { after: latency, outcome: Outcome::Response(response) },
        };
        Handled { reply, performed: (!stopped).then_some(call) }
    }

    /// Carries out one parsed call, now, and writes its answer; the error beside it.
    fn answer(&mut self, call: &wire::Call, request_id: &str) -> (http::Response<Bytes>, Option<ApiError>) {
        let mut result = None;
        if call.service == wire::Service::Ec2 && wire::dry_run(call).is_none() {
            let ctx = self.at(&call.place);
            match ec2::tell(&ctx, &call.operation, &call.input) {
                Some(Ok(told)) => return (wire::write_told(call, &told, request_id), None),
                Some(Err(error)) => result = Some(Err(error)),
                None => {}
            }
        }
        let result = result.unwrap_or_else(|| self.perform(call));
        (wire::write(call, &result, request_id), result.err())
    }

    /// Carries out one parsed call, now: what `handle` does between reading and writing, and what a replay does.
    ///
    /// # Errors
    /// The error that AWS gives.
    pub fn perform(&mut self, call: &wire::Call) -> Result<Value, ApiError> {
        if let Some(answer) = wire::dry_run(call) {
            return Err(answer);
        }
        let mut ctx = self.at(&call.place);
        match call.service {
            wire::Service::Ec2 => ec2::call(&mut ctx, &call.operation, &call.input),
            wire::Service::AutoScaling => autoscaling::call(&mut ctx, &call.operation, &call.input),
            wire::Service::Ssm => ssm::call(&mut ctx, &call.operation, &call.input),
            wire::Service::ImageBuilder => imagebuilder::call(&mut ctx, &call.operation, &call.input),
            wire::Service::Sts => sts::call(&mut ctx, &call.access_key, &call.operation, &call.input),
        }
    }

    /// Plays everything that is due up to a moment, in order, and moves the clock there. Never back.
    pub fn advance(&mut self, to: Timestamp) {
        self.approach(to, || false);
        self.now = self.now.max(to);
    }

    /// Plays what is due up to a moment until it is enough, which is asked after each event; whether nothing is left. The
    /// clock stands at the last event then. Where it pauses makes no difference to what happens.
    pub fn approach(&mut self, to: Timestamp, mut enough: impl FnMut() -> bool) -> bool {
        while let Some((&(at, _), _)) = self.queue.first_key_value() {
            if at > to {
                break;
            }
            let Some(((at, _), (place, event))) = self.queue.pop_first() else { break };
            self.now = self.now.max(at);
            let mut ctx = self.at(&place);
            match event {
                Event::Ec2(event) => ec2::play(&mut ctx, event),
                Event::AutoScaling(event) => autoscaling::play(&mut ctx, event),
                Event::Ssm(event) => ssm::play(&mut ctx, event),
                Event::ImageBuilder(event) => imagebuilder::play(&mut ctx, event),
            }
            if enough() {
                return false;
            }
        }
        true
    }

    /// The time of the next event, if any is waiting.
    #[must_use]
    pub fn next_event(&self) -> Option<Timestamp> {
        self.queue.first_key_value().map(|(&(at, _), _)| at)
    }

    /// A view of one place, now. The place comes to be when it is first touched, holding what AWS puts there; that
    /// follows from the seed alone ([`Ctx::fixed_id`]), so that it is the same whether a read or a write came first.
    pub fn at(&mut self, place: &Place) -> Ctx<'_> {
        if !self.places.contains_key(place) {
            self.places.insert(place.clone(), Region::default());
            let mut ctx = Ctx { now: self.now, place: place.clone(), cloud: self };
            ec2::open(&mut ctx);
            ssm::open(&mut ctx);
            imagebuilder::open(&mut ctx);
        }
        Ctx { now: self.now, place: place.clone(), cloud: self }
    }

    /// Bytes that depend on the seed and a label only.
    fn hash(&self, label: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.seed.to_le_bytes());
        hasher.update(label.as_bytes());
        hasher.finalize().into()
    }

    /// A fresh UUID of a kind.
    pub fn uuid(&mut self, kind: &str) -> String {
        self.counter += 1;
        uuid(&self.hash(&format!("uuid {kind} {}", self.counter)))
    }
}

/// One place at one moment, as an operation or an event sees it.
pub struct Ctx<'a> {
    /// Everything.
    pub cloud: &'a mut Cloud,
    /// Where.
    pub place: Place,
    /// When.
    pub now: Timestamp,
}

impl Ctx<'_> {
    /// What is in this place.
    pub fn region(&mut self) -> &mut Region {
        // It is asked for at every turn, and naming it again is not for free.
        if !self.cloud.places.contains_key(&self.place) {
            self.cloud.places.insert(self.place.clone(), Region::default());
        }
        match self.cloud.places.get_mut(&self.place) {
            Some(region) => region,
            None => unreachable!("it was put there"),
        }
    }

    /// A view of another place at the same moment.
    pub fn elsewhere(&mut self, place: &Place) -> Ctx<'_> {
        self.cloud.at(place)
    }

    /// Lets something happen after a while.
    pub fn schedule(&mut self, after: Duration, event: Event) {
        self.schedule_at(self.now + after, event);
    }

    /// Lets something happen at a moment; now, if it is gone.
    pub fn schedule_at(&mut self, at: Timestamp, event: Event) {
        self.cloud.counter += 1;
        let at = at.max(self.now);
        let order = self.cloud.counter;
        let place = self.place.clone();
        self.cloud.queue.insert((at, order), (place, event));
    }

    /// A fresh resource id with 17 hexadecimal digits, for example `i-0a1b2c3d4e5f60718` from the prefix `i`.
    pub fn id(&mut self, prefix: &str) -> String {
        self.cloud.counter += 1;
        let label = format!("id {prefix} {} {} {}", self.place.account, self.place.region, self.cloud.counter);
        format!("{prefix}-0{}", &hex(&self.cloud.hash(&label))[..16])
    }

    /// An id that follows from a label and the place alone, for what a region holds from the beginning: opening a
    /// region happens on a read too, and a read must not shift the ids that come later.
    #[must_use]
    pub fn fixed_id(&self, prefix: &str, label: &str) -> String {
        let label = format!("fixed {prefix} {} {} {label}", self.place.account, self.place.region);
        format!("{prefix}-0{}", &hex(&self.cloud.hash(&label))[..16])
    }

    /// As [`Ctx::fixed_id`], for what AWS publishes in a region: the same for every account.
    #[must_use]
    pub fn public_id(&self, prefix: &str, label: &str) -> String {
        let label = format!("public {prefix} {} {label}", self.place.region);
        format!("{prefix}-0{}", &hex(&self.cloud.hash(&label))[..16])
    }

    /// A fresh UUID.
    pub fn uuid(&mut self, kind: &str) -> String {
        self.cloud.uuid(kind)
    }

    /// A draw in `0.0..1.0` that depends only on the seed, the entity, the purpose and a count: one more call
    /// elsewhere shifts nothing.
    #[must_use]
    pub fn draw(&self, entity: &str, purpose: &str, count: u64) -> f64 {
        let bytes = self.cloud.hash(&format!("draw {entity} {purpose} {count}"));
        let mut first = [0; 8];
        first.copy_from_slice(&bytes[..8]);
        (u64::from_le_bytes(first) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A duration between two bounds, drawn like [`Ctx::draw`].
    #[must_use]
    pub fn draw_between(&self, from: Duration, to: Duration, entity: &str, purpose: &str) -> Duration {
        let spread = to.saturating_sub(from).as_secs_f64();
        let drawn = from.as_secs_f64() + spread * self.draw(entity, purpose, 0);
        Duration::from_millis((drawn * 1000.0) as u64)
    }
}

fn uuid(bytes: &[u8]) -> String {
    let hex = hex(bytes);
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Maps with keys that JSON does not take as strings are saved as lists of pairs.
mod places {
    use super::{BTreeMap, Deserialize, Place, Region, Serialize};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<Place, Region>, to: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Place, Region>, D::Error> {
        Ok(Vec::<(Place, Region)>::deserialize(from)?.into_iter().collect())
    }
}

/// As [`places`], for the queue.
mod queue {
    use super::{BTreeMap, Deserialize, Event, Place, Serialize, Timestamp};
    use serde::{Deserializer, Serializer};

    type Queue = BTreeMap<(Timestamp, u64), (Place, Event)>;

    pub(super) fn serialize<S: Serializer>(map: &Queue, to: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Queue, D::Error> {
        Ok(Vec::<((Timestamp, u64), (Place, Event))>::deserialize(from)?.into_iter().collect())
    }
}
