//! The crash matrix: the client dies at every changing call of the main job, and the job is finished by another one.
//!
//! One run is left undisturbed. At each of its changing calls the account is cloned three times: before the call, after
//! its effect with the response lost, and after the response. From each clone the job is finished on another machine:
//! at once or after 6 h, with the journal or without, by `apply` or by `apply FILE`. The account must end as in the
//! undisturbed run. Responses are lost without a death as well, every eighth of all changing calls in one run.
//!
//! How much is tried, `REBAKE_CRASH_MATRIX` says: `every` cut in two of the eight ways to finish, all eight over the
//! whole (what `tests/run` tries); `full`, every cut in every way; without it a tenth of the cuts, for the time of
//! working on something else.

#![expect(clippy::print_stdout, reason = "the matrix prints how many cuts it tried")]
#![expect(clippy::disallowed_methods, reason = "how much is tried is asked for by the environment")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use jiff::Timestamp;
use rebake::aws::{Answer, Transport, TransportError};
use rebake::config::{Config, library};
use rebake::pass;
use rebake::plan::{Plan, file, moved};
use rebake::run::Listeners;
use rebake::run::journal::Journal;
use rebake::run::lock::HOLDS;
use rebake::sandbox::cloud::Outcome;
use rebake::sandbox::{Cloud, world};

use crate::end_state::EndState;
use crate::env::{self, Env};
use crate::job;

/// Test cases that share the cuts among them.
const SHARDS: usize = 8;

/// When the end states are compared, after the beginning: the next Sunday's window is over, and nothing has aged.
const MEANWHILE: Duration = Duration::from_hours(13 * 24);

/// Where the client died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    BeforeTheCall,
    ResponseLost,
    AfterTheResponse,
}

/// The account and the journal as a dead client left them.
struct Cut {
    call: usize,
    operation: String,
    death: Death,
    cloud: Cloud,
    journal: u64,
}

/// How another client finishes the job.
#[derive(Debug, Clone, Copy)]
struct Way {
    after_hours: bool,
    journal: bool,
    by_file: bool,
}

impl Way {
    fn numbered(number: usize) -> Self {
        Self { after_hours: number & 1 != 0, journal: number & 2 != 0, by_file: number & 4 != 0 }
    }
}

/// What happens to the changing calls of a run.
#[derive(Clone, Copy)]
enum Scene {
    /// Cuts are made at the calls of a shard.
    Cut(usize),
    /// The responses of a shard's calls are lost.
    Lose(usize),
}

/// A run's transport, and what it saw.
struct Stage {
    scene: Scene,
    cloud: Arc<Mutex<Cloud>>,
    journal: PathBuf,
    changing: AtomicUsize,
    cuts: Mutex<Vec<Cut>>,
}

impl Stage {
    fn cut(&self, call: usize, operation: &str, death: Death, cloud: &Cloud) {
        let journal = std::fs::metadata(&self.journal).map_or(0, |meta| meta.len());
        let mut cloud = cloud.clone();
        cloud.calls.clear();
        self.cuts.lock().unwrap().push(Cut { call, operation: operation.to_owned(), death, cloud, journal });
    }

    /// Carries one request, with what the scene does to it.
    fn answer(self: &Arc<Self>, request: &http::Request<Bytes>, clock: rebake::aws::Clock) -> Answer {
        let operation = operation(request);
        let number = rebake::sandbox::calls::changes(&operation).then(|| self.changing.fetch_add(1, Ordering::Relaxed));
        let cut = number.filter(|number| matches!(self.scene, Scene::Cut(shard) if number % SHARDS == shard));
        let lose = number.is_some_and(|number| matches!(self.scene, Scene::Lose(shard) if number % SHARDS == shard));
        let mut cloud = self.cloud.lock().unwrap();
        if let Some(number) = cut {
            cloud.advance(clock.now());
            self.cut(number, &operation, Death::BeforeTheCall, &cloud);
        }
        let reply = cloud.handle(request, clock.now());
        if let Some(number) = cut {
            self.cut(number, &operation, Death::ResponseLost, &cloud);
        }
        let stage = Arc::clone(self);
        async move {
            clock.sleep(reply.after).await;
            if let Some(number) = cut {
                let mut cloud = stage.cloud.lock().unwrap();
                cloud.advance(clock.now());
                stage.cut(number, &operation, Death::AfterTheResponse, &cloud);
            }
            match reply.outcome {
                Outcome::Response(response) if !lose => Ok(response),
                _ => Err(TransportError::Lost),
            }
        }
        .boxed()
    }
}

/// The operation of a request, in each of the protocols.
fn operation(request: &http::Request<Bytes>) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    }
    let body = String::from_utf8_lossy(request.body());
    if let Some(action) = body.split('&').find_map(|part| part.strip_prefix("Action=")) {
        return action.to_owned();
    }
    request.uri().path().trim_start_matches('/').split('?').next().unwrap().to_owned()
}

/// What the undisturbed run left, and the way there.
struct Undisturbed {
    config: Config,
    plan: Plan,
    cuts: Vec<Cut>,
    end: EndState,
    journal: PathBuf,
    folder: tempfile::TempDir,
    calls: usize,
}

fn moment() -> Timestamp {
    env::epoch() + MEANWHILE
}

async fn run(scene: Scene) -> Undisturbed {
    let config = library::demo().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.ndjson");
    let cloud = world::demo(env::epoch()).unwrap();
    assert!(cloud.eventual_consistency);
    let cloud = Arc::new(Mutex::new(cloud));
    let stage = Arc::new(Stage {
        scene,
        cloud: Arc::clone(&cloud),
        journal: journal.clone(),
        changing: AtomicUsize::new(0),
        cuts: Mutex::default(),
    });
    let clock = rebake::aws::Clock::tokio(env::epoch());
    let (told, then) = (Arc::clone(&stage), clock.clone());
    let transport = Transport::new(move |request| told.answer(&request, then.clone()));
    let options =
        rebake::aws::Options { transport: Some(transport), ..rebake::aws::Options::new(clock.clone(), "first") };
    let aws = rebake::aws::Aws::connect(options).await;
    let (look, plan) = job::decide(&aws, &clock, &config).await;
    let listeners = Listeners::default();
    listeners.add(Box::new(Journal::create(&journal).unwrap()));
    let ended = job::act(&aws, &clock, &look, &plan, listeners).await;
    assert_eq!(ended.exit.code(), 8, "{:#?}", ended.outcomes);
    let mut cloud = cloud.lock().unwrap();
    cloud.advance(clock.now());
    let calls = stage.changing.load(Ordering::Relaxed);
    assert_eq!(calls, cloud.calls.iter().filter(|call| call.changes()).count());
    let cuts = std::mem::take(&mut *stage.cuts.lock().unwrap());
    Undisturbed { config, plan, cuts, end: EndState::at(&cloud, moment()), journal, folder, calls }
}

impl Undisturbed {
    /// Finishes the job from a cut; says what is different in the end.
    async fn finish(&self, cut: &Cut, way: Way) -> String {
        let mut cloud = cut.cloud.clone();
        if way.after_hours {
            let later = cloud.now + Duration::from_hours(6);
            cloud.advance(later);
        }
        let env = Env::on(cloud).await;

        let (look, fresh) = job::decide(&env.aws, &env.clock, &self.config).await;

        let plan = match way.by_file {
            true if self.plan.expires_at > env.clock.now() => saved(&self.plan),
            true => saved(&fresh),
            false => fresh,
        };
        if way.by_file {
            let moved = moved::moved(&pass::standings(&env.aws, &look, &plan).await);
            if !moved.is_empty() {
                return format!("refused: {moved:#?}");
            }
        }
        let path = self.folder.path().join("rest.ndjson");
        self.kept(&path, if way.journal { cut.journal } else { 0 });
        let listeners = Listeners::default();
        listeners.add(Box::new(Journal::create(&path).unwrap()));
        let ended = job::act(&env.aws, &env.clock, &look, &plan, listeners).await;
        let mut cloud = env.cloud().clone();
        if plan.is_empty() {
            // Who finds nothing to do touches nothing, the dead one's claim included: it runs out by itself.
            let later = cloud.now + HOLDS;
            cloud.advance(later);
        }
        let end = EndState::at(&cloud, moment());
        let diff = self.end.diff(&end);
        if ended.exit.code() == 8 && diff.is_empty() {
            return String::new();
        }
        format!("exit {:?}\n{diff}{:#?}", ended.exit, ended.outcomes)
    }

    /// The journal as the dead client left it.
    fn kept(&self, path: &Path, length: u64) {
        let mut kept = std::fs::read(&self.journal).unwrap();
        kept.truncate(usize::try_from(length).unwrap());
        std::fs::write(path, kept).unwrap();
    }
}

/// A plan as it comes back from its file.
fn saved(plan: &Plan) -> Plan {
    let (text, _) = file::write(plan);
    file::read(&text).unwrap()
}

async fn die_and_finish(shard: usize) {
    let wanted = std::env::var("REBAKE_CRASH_MATRIX").unwrap_or_default();
    let (full, step) = match wanted.as_str() {
        "" => (false, 10),
        "every" => (false, 1),
        "full" => (true, 1),
        other => panic!("REBAKE_CRASH_MATRIX={other} is neither every nor full"),
    };
    let undisturbed = run(Scene::Cut(shard)).await;
    let mut tried = 0;
    let mut wrong = Vec::new();
    for (number, cut) in undisturbed.cuts.iter().enumerate().step_by(step) {
        let first = shard + 3 * number;
        let ways: Vec<usize> = if full { (0..8).collect() } else { vec![first % 8, (first + 5) % 8] };
        for way in ways.into_iter().map(Way::numbered) {
            tried += 1;
            let told = undisturbed.finish(cut, way).await;
            if !told.is_empty() {
                wrong.push(format!(
                    "at changing call {} ({}), {:?}, {way:?}: {told}",
                    cut.call, cut.operation, cut.death
                ));
            }
        }
    }
    let cuts = undisturbed.cuts.len();
    println!("{cuts} cuts at {} changing calls of {}, {tried} finishes", cuts / 3, undisturbed.calls);
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

async fn lose_responses(shard: usize) {
    let undisturbed = run(Scene::Cut(SHARDS)).await;
    let disturbed = run(Scene::Lose(shard)).await;
    let diff = undisturbed.end.diff(&disturbed.end);
    println!("{} responses lost", disturbed.calls / SHARDS);
    assert!(diff.is_empty(), "{diff}");
}

macro_rules! shards {
    ($($name:ident $shard:literal),*) => {
        mod dies {
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                super::die_and_finish($shard).await;
            })*
        }
        mod loses {
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                super::lose_responses($shard).await;
            })*
        }
    };
}

shards!(shard_0 0, shard_1 1, shard_2 2, shard_3 3, shard_4 4, shard_5 5, shard_6 6, shard_7 7);
