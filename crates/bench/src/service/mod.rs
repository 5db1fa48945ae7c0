//! `tapetum bench service`: a server under load.
//!
//! A server runs in a process of its own. One client after the other classifies single images first, then
//! many do at once, each with a token and a connection of its own. Every answer is decrypted and held
//! against what the same computation gives in the clear.

mod attack;
mod report;
mod serving;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tapetum::contributor::LabelsAre;
use tapetum::learn::EstimatorConfig;
use tapetum::remote::client::{Client, ClientError, JobKind, JobView, Scope};
use tapetum::remote::{Rehearsal, Remote, Script, block_on};
use tapetum::samples::Samples;
use tapetum::simulate::Reference;
use tapetum::{Context, Owner, Progress, Result, Silent};
use tapetum_vision::{Samples as Pixels, Unlabeled};

use super::report::machine;
use attack::Attackers;
use report::{Attacked, Load, Memory, Milliseconds, Report, Single};
use serving::Serving;

/// How often the memory of the server is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Images of the embedded collection, for training and test together.
const IMAGES: usize = 1984;
/// Largest difference of a score from the one in the clear, as a part of the largest score.
const TOLERANCE: f64 = 1e-3;

/// Arguments of `bench service`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum bench service
  tapetum bench service --minutes 10 --attack --attack-minutes 60
  tapetum bench service --clients 200 --seconds 300 --json > service.json

A server is started on this machine, with its data in a temporary folder, and clients share the processors
with it. Times of one client include encryption and decryption. Under load images are encrypted before,
because clients do that on machines of their own.")]
pub struct Service {
    /// Clients at once.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub clients: u32,
    /// How long they classify.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// The same in minutes.
    #[arg(long, value_name = "MINUTES", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub minutes: Option<u64>,
    /// Then the same again under attack: silent connections, dripping uploads and malformed parts beside the clients.
    #[arg(long)]
    pub attack: bool,
    /// How long under attack, if not as long as without.
    #[arg(long, value_name = "MINUTES", requires = "attack", value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub attack_minutes: Option<u64>,
    /// Single images that one client classifies before.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub singles: u32,
}

/// Measures.
pub fn measure(args: &Service, steps: &dyn Progress) -> Result<Report> {
    block_on(run(args, steps))?
}

async fn run(args: &Service, steps: &dyn Progress) -> Result<Report> {
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    let serving = Serving::start(&temporary.path().join("server"))?;
    let remote = Remote {
        client: serving.client(&serving.token)?,
    };
    let script = Script {
        estimator: EstimatorConfig::LinearMeans,
        images: IMAGES,
        seed: 1,
    };
    let rehearsal = Rehearsal::run(&remote, temporary.path(), &script, steps).await?;
    let stage = Arc::new(Stage::new(rehearsal)?);
    let owner = &remote.client;

    let step = steps.begin("one client");
    let single = one_after_the_other(&stage, owner, args.singles as usize).await?;
    step.finish();

    let step = steps.begin("encrypting the held-out images one by one");
    stage.encrypt_all(|done, total| step.advance(done, total))?;
    step.finish();

    let minutes = |minutes| Duration::from_secs(60 * minutes);
    let length = args
        .minutes
        .map_or(Duration::from_secs(args.seconds), minutes);
    let mut clients = Vec::new();
    for _ in 0..args.clients {
        let token = owner.create_token("load", &[Scope::Classify], None).await?;
        clients.push(Arc::new(serving.client(&token.token)?));
    }
    let step = steps.begin(&format!("{} clients", args.clients));
    let (load, memory) = load(&stage, &serving, &clients, length).await?;
    step.finish();
    let attacked = match args.attack {
        true => {
            let step = steps.begin(&format!("{} clients under attack", args.clients));
            let length = args.attack_minutes.map_or(length, minutes);
            let attackers = Attackers::begin(&serving, &stage.rehearsal).await?;
            let (load, memory) = self::load(&stage, &serving, &clients, length).await?;
            step.finish();
            let attack = attackers.report();
            Some(Attacked {
                load,
                memory,
                attack,
            })
        }
        false => None,
    };
    Ok(Report {
        machine: machine(),
        single,
        load,
        memory,
        attacked,
    })
}

/// Has all clients classify for so long.
async fn load(
    stage: &Arc<Stage>,
    serving: &Serving,
    clients: &[Arc<Client>],
    length: Duration,
) -> Result<(Load, Memory)> {
    let before = serving.memory();
    let started = Instant::now();
    let tasks: Vec<_> = clients
        .iter()
        .enumerate()
        .map(|(number, client)| tokio::spawn(stage.clone().visit(client.clone(), number, length)))
        .collect();
    let (mut middle, mut largest) = (before, before.map(|memory| memory.resident));
    while started.elapsed() < length {
        tokio::time::sleep(LOOK.min(length)).await;
        let now = serving.memory();
        largest = largest.max(now.map(|memory| memory.resident));
        if started.elapsed() <= length / 2 {
            middle = now;
        }
    }
    let mut visits = Visits::default();
    for task in tasks {
        visits.add(task.await.ok().context("a client has died")?);
    }
    let seconds = started.elapsed().as_secs_f64();
    let after = serving.memory();
    let memory = Memory {
        resident: [before, middle, after].map(|memory| memory.map(|m| m.resident)),
        largest: largest.max(after.map(|memory| memory.resident)),
        peak: after.map(|memory| memory.peak),
    };
    let load = Load {
        clients: clients.len() as u32,
        seconds,
        classified: visits.times.len(),
        per_second: visits.times.len() as f64 / seconds,
        errors: visits.errors.len(),
        first_error: visits.errors.into_iter().next(),
        wrong: visits.wrong,
        end_to_end_ms: Milliseconds::of(visits.times.iter().map(|t| t.end_to_end).collect()),
        waiting_ms: Milliseconds::of(visits.times.iter().map(|t| t.waiting).collect()),
        computing_ms: Milliseconds::of(visits.times.iter().map(|t| t.computing).collect()),
    };
    Ok((load, memory))
}

/// Classifies single images: from the image to the prediction.
async fn one_after_the_other(stage: &Stage, client: &Client, images: usize) -> Result<Single> {
    let (mut end_to_end, mut computing, mut wrong) = (Vec::new(), Vec::new(), 0);
    let out = stage.rehearsal.outbox.join("single-scores.enc");
    // The first is not counted: the server opens keys, connections are made.
    for image in 0..=images {
        let image = image % stage.reference.len();
        let started = Instant::now();
        let file = stage.encrypt(image)?;
        let job = classify(client, &stage.rehearsal.model, &file, &out).await?;
        let is_right = stage.is_right(image, &out)?;
        end_to_end.push(1e3 * started.elapsed().as_secs_f64());
        computing.push((job.finished_at - job.started_at) as f64);
        wrong += usize::from(!is_right);
        client.delete("classifications", &job.id).await?;
    }
    Ok(Single {
        images,
        wrong,
        bytes: stage.rehearsal.outbox.join("0.enc").metadata()?.len(),
        end_to_end_ms: Milliseconds::of(end_to_end.split_off(1)),
        computing_ms: Milliseconds::of(computing.split_off(1)),
    })
}

/// Sends an encrypted image, and waits for its encrypted score.
async fn classify(
    client: &Client,
    model: &str,
    file: &Path,
    out: &Path,
) -> Result<JobView, ClientError> {
    let upload = client.upload(file, &mut |_, _| ()).await?;
    let job = client.classify("", model, &upload).await?;
    let kind = JobKind::Classification;
    let job = client.finish(kind, &job.id, &mut |_| ()).await?;
    client.scores(&job.id, out).await?;
    Ok(job)
}

/// A model on the server, and what is needed to check its answers.
struct Stage {
    rehearsal: Rehearsal,
    owner: Owner,
    /// The scores of the held-out images in the clear.
    reference: Vec<f64>,
    largest: f64,
}

/// How long a classification took, in milliseconds.
struct Times {
    /// From the encrypted image to the encrypted score.
    end_to_end: f64,
    /// In the server's queue.
    waiting: f64,
    /// By a worker.
    computing: f64,
}

/// What clients have met with.
#[derive(Default)]
struct Visits {
    times: Vec<Times>,
    errors: Vec<String>,
    wrong: usize,
}

impl Visits {
    fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.errors.extend(other.errors);
        self.wrong += other.wrong;
    }
}

impl Stage {
    fn new(rehearsal: Rehearsal) -> Result<Self> {
        let owner = Owner::open(&rehearsal.owner_dir)?;
        let (plan, split) = (&rehearsal.plan, &rehearsal.split);
        let reference = Reference::run(plan, &rehearsal.pipeline, &split.train, &split.test)?;
        let largest = reference
            .scores
            .iter()
            .fold(0.0, |l: f64, s| l.max(s.abs()));
        Ok(Self {
            rehearsal,
            owner,
            reference: reference.scores,
            largest,
        })
    }

    /// The file of one held-out image, encrypted with the public key.
    fn encrypt(&self, image: usize) -> Result<PathBuf> {
        let pixels = self.rehearsal.split.test.samples().images();
        let pixels = pixels.context("the embedded samples are images")?[image].clone();
        let sample = Unlabeled::new(Pixels::Images(vec![pixels]), vec![image.to_string()])?;
        let out = self.file(image);
        let sample = Samples::Unlabelled(sample);
        let contributor = &self.rehearsal.contributor;
        contributor.encrypt_file(&sample, LabelsAre::Withheld, false, &out, &Silent)?;
        Ok(out)
    }

    fn encrypt_all(&self, progress: impl Fn(usize, usize)) -> Result<()> {
        let images = self.reference.len();
        (0..images).try_for_each(|image| {
            progress(image, images);
            self.encrypt(image).map(drop)
        })
    }

    fn file(&self, image: usize) -> PathBuf {
        self.rehearsal.outbox.join(format!("{image}.enc"))
    }

    /// Whether the score in a file is the one in the clear, but for the noise.
    fn is_right(&self, image: usize, scores: &Path) -> Result<bool> {
        let found = self.owner.answer(scores)?.exact_scores()?[0];
        let (wanted, tolerance) = (self.reference[image], TOLERANCE * self.largest);
        // Closer to zero than the noise, either prediction is right.
        let agrees = (found > 0.0) == (wanted > 0.0) || wanted.abs() < tolerance;
        Ok(agrees && (found - wanted).abs() < tolerance)
    }

    /// One of many clients: classifies for so long, an image of its own at a time.
    async fn visit(
        self: Arc<Self>,
        client: Arc<Client>,
        number: usize,
        length: Duration,
    ) -> Visits {
        let mut visits = Visits::default();
        let began = Instant::now();
        let out = self.rehearsal.outbox.join(format!("scores-{number}.enc"));
        let mut image = number;
        while began.elapsed() < length {
            image = (image + 1) % self.reference.len();
            match self.visit_once(&client, image, &out).await {
                Ok((times, is_right)) => {
                    visits.times.push(times);
                    visits.wrong += usize::from(!is_right);
                }
                Err(error) => visits.errors.push(format!("{error}")),
            }
        }
        visits
    }

    async fn visit_once(&self, client: &Client, image: usize, out: &Path) -> Result<(Times, bool)> {
        let started = Instant::now();
        let job = classify(client, &self.rehearsal.model, &self.file(image), out).await?;
        let times = Times {
            end_to_end: 1e3 * started.elapsed().as_secs_f64(),
            waiting: (job.started_at - job.created_at) as f64,
            computing: (job.finished_at - job.started_at) as f64,
        };
        let is_right = self.is_right(image, out)?;
        client.delete("classifications", &job.id).await?;
        Ok((times, is_right))
    }
}
