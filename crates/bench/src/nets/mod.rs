//! `tapetum bench nets`: networks on encrypted images, from ciphertext to ciphertext, weights encoded included.

mod images;
mod report;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use cpu_time::ProcessTime;
use tapetum::progress::Progress;
use tapetum::{Context, Result};
use tapetum_ckks::{
    Decryptor, Encryptor, Evaluator, KeyGenerator, Parameters, SecretKey, limit_idle_buffers,
};
use tapetum_nets::{
    IDLE_BUFFERS, Network, Scores, decrypt_batch, decrypt_scores, decrypt_several, encrypt_batch,
    encrypt_image, encrypt_several,
};

use super::meter::median;
use super::options::{Threads, up_to};
use super::report::{Report, Rows, peak_rss};
use images::{Images, Task};
pub use report::Row;

/// Images at once that lie beside each other.
const SEVERAL: usize = 16;
/// Images in a batch, if there are as many: the slots of the network of digits.
const BATCH: usize = 4096;

/// Arguments of `bench nets`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum bench nets --data sets
  tapetum bench nets --network lola --data sets --images 500 --json > nets.json

The networks are mnist-lola.onnx, fashion.onnx, cats-and-dogs.onnx and resnet20-degree2.onnx, trained by the scripts in
examples/training. DIR of --data holds the pictures: mnist/*.gz, fashion-mnist/*.gz, cats-and-dogs/ with calibrate/*.jpg,
test/cat/*.jpg and test/dog/*.jpg of 64 x 64 pixels, and cifar10/ with train/CLASS/*.jpg and test/CLASS/*.jpg of 32 x 32.
resnet20-relu is models/resnet20_cifar10.onnx there. Networks and data that are not there are named and skipped.")]
pub struct Nets {
    /// The networks; all unless some are named.
    #[arg(long, value_enum, value_delimiter = ',')]
    network: Vec<Task>,
    /// Where the networks are.
    #[arg(long, value_name = "DIR", default_value = "data/networks")]
    networks: PathBuf,
    /// Where the data sets are.
    #[arg(long, value_name = "DIR", default_value = ".")]
    data: PathBuf,
    /// How many test images are classified one by one for each network, in random order.
    #[arg(long, default_value_t = 4, value_parser = up_to(100_000))]
    images: usize,
    #[command(flatten)]
    threads: Threads,
}

/// Measures.
pub fn measure(args: &Nets, steps: &dyn Progress) -> Result<Report<Rows<Row>>> {
    limit_idle_buffers(IDLE_BUFFERS);
    let tasks = match &args.network[..] {
        [] => Task::ALL,
        named => named,
    };
    Report::measure(|| {
        let mut rows = Vec::new();
        for &task in tasks {
            let places = [args.networks.clone(), args.data.join("models")];
            let [file, other] = places.map(|place| place.join(task.file()));
            let file = if other.exists() { other } else { file };
            if !file.exists() {
                // Not a progress message: --quiet and --json must not hide it.
                eprintln!(
                    "{}: skipped: {} does not exist",
                    task.name(),
                    file.display()
                );
                continue;
            }
            let bytes =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let network = Network::from_onnx(&bytes)
                .with_context(|| format!("cannot use {}", file.display()))?;
            let images = match Images::load(task, &args.data, args.images.max(BATCH)) {
                Ok(images) => images,
                Err(error) => {
                    eprintln!("{}: skipped: {error}", task.name());
                    continue;
                }
            };
            let alone = || single(task, &network, &images, args.images, steps);
            rows.push(args.threads.run(alone)?);
            if task == Task::Resnet20 {
                let several = || several(task, &network, &images, steps);
                rows.push(args.threads.run(several)?);
            }
            if task == Task::Lola {
                rows.push(args.threads.run(|| batch(task, &network, &images, steps))?);
            }
        }
        Ok(Rows { rows })
    })
}

/// One image after the other.
fn single(
    task: Task,
    network: &Network,
    images: &Images,
    count: usize,
    steps: &dyn Progress,
) -> Result<Row> {
    let test = &images.test[..count.min(images.test.len())];
    let plan = network.plan(task.preprocessing()?.value_range(), &images.calibration)?;
    let parameters = plan.parameters()?;
    let keys = plan.key_plan(&parameters)?;
    let keys_bytes = keys.memory_bytes(&parameters)?;
    let secret = SecretKey::generate(&parameters)?;
    let step = steps.begin("keys");
    let keys = KeyGenerator::new(&secret)?.evaluation_keys(&keys)?;
    step.finish();
    let server = network.encode(&plan)?;
    let evaluator = Evaluator::with_keys(keys);
    let (encryptor, decryptor) = (Encryptor::with_secret_key(&secret), Decryptor::new(&secret));

    let step = steps.begin(task.name());
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    let mut judged = Judged::default();
    let layers = plan.layers().len();
    for (index, (image, label)) in test.iter().enumerate() {
        let encrypted = encrypt_image(&plan, image, &encryptor)?;
        let (wall_start, cpu_start) = (Instant::now(), ProcessTime::now());
        let scores = server.classify(&evaluator, &encrypted, &mut |finished| {
            step.advance(index * layers + finished, test.len() * layers);
        })?;
        cpu.push(cpu_start.elapsed().as_secs_f64());
        wall.push(wall_start.elapsed().as_secs_f64());
        let found = decrypt_scores(&plan, &scores, &decryptor)?;
        judged.add(&found, &network.scores(image)?, *label);
    }
    step.finish();
    let (latency_s, cpu_s) = (median(&mut wall), median(&mut cpu));
    Ok(Row {
        mode: "single",
        latency_s,
        cpu_s,
        amortised_ms: 1e3 * cpu_s,
        bootstraps: plan.bootstraps(),
        levels: plan.levels(),
        rotations: plan.rotations(),
        predicted_cpu_s: Some(plan.predicted_cpu_seconds()?.iter().sum()),
        predicted_memory_bytes: Some(keys_bytes + plan.classification_bytes()?),
        ..judged.row(task, &parameters, keys_bytes)
    })
}

/// Some images beside each other in a ciphertext.
fn several(task: Task, network: &Network, images: &Images, steps: &dyn Progress) -> Result<Row> {
    let range = task.preprocessing()?.value_range();
    let (plan, server) = network.several(range, &images.calibration, SEVERAL)?;
    let parameters = plan.parameters()?;
    let keys = plan.key_plan(&parameters)?;
    let keys_bytes = keys.memory_bytes(&parameters)?;
    let secret = SecretKey::generate(&parameters)?;
    let step = steps.begin("keys");
    let evaluator = Evaluator::with_keys(KeyGenerator::new(&secret)?.evaluation_keys(&keys)?);
    step.finish();
    let test = &images.test[..plan.images().min(images.test.len())];
    let pictures: Vec<_> = test.iter().map(|(image, _)| image.clone()).collect();
    let encrypted = encrypt_several(&plan, &pictures, &Encryptor::with_secret_key(&secret))?;

    let of_ciphertext = plan.of_ciphertext();
    let times = at_once(
        (task, network, test),
        (of_ciphertext.layers().len(), steps),
        |progress| Ok(server.classify(&evaluator, &encrypted, progress)?),
        |scores| Ok(decrypt_several(&plan, scores, &Decryptor::new(&secret))?),
    )?;
    Ok(Row {
        mode: "several",
        bootstraps: of_ciphertext.bootstraps(),
        levels: of_ciphertext.levels(),
        rotations: of_ciphertext.rotations(),
        predicted_cpu_s: Some(plan.predicted_cpu_seconds()?),
        ..times.row(task, &parameters, keys_bytes)
    })
}

/// An image in each slot.
fn batch(task: Task, network: &Network, images: &Images, steps: &dyn Progress) -> Result<Row> {
    let (plan, server) = network.batch([0.0, 1.0], &images.calibration)?;
    let parameters = plan.parameters()?;
    let keys = plan.key_plan(&parameters);
    let keys_bytes = keys.memory_bytes(&parameters)?;
    let secret = SecretKey::generate(&parameters)?;
    let evaluator = Evaluator::with_keys(KeyGenerator::new(&secret)?.evaluation_keys(&keys)?);
    let test = &images.test[..parameters.slots().min(images.test.len())];
    let pictures: Vec<_> = test.iter().map(|(image, _)| image.clone()).collect();
    let encrypted = encrypt_batch(&plan, &pictures, &Encryptor::with_secret_key(&secret))?;

    let times = at_once(
        (task, network, test),
        (parameters.max_level(), steps),
        |progress| Ok(server.classify(&evaluator, &encrypted, progress)?),
        |scores| Ok(decrypt_batch(&plan, scores, &Decryptor::new(&secret))?),
    )?;
    Ok(times.row(task, &parameters, keys_bytes))
}

/// How long many images took at once, and what they were found to be.
struct AtOnce {
    wall: Duration,
    cpu: Duration,
    judged: Judged,
}

/// Has many images classified at once, which takes so many layers, and compares labels.
fn at_once<S>(
    (task, network, test): (Task, &Network, &[(Vec<f64>, usize)]),
    (layers, steps): (usize, &dyn Progress),
    classify: impl FnOnce(&mut dyn FnMut(usize)) -> Result<S>,
    decrypt: impl FnOnce(&S) -> Result<Vec<Scores>>,
) -> Result<AtOnce> {
    let step = steps.begin(task.name());
    let (wall_start, cpu_start) = (Instant::now(), ProcessTime::now());
    let scores = classify(&mut |finished| step.advance(finished, layers))?;
    let (cpu, wall) = (cpu_start.elapsed(), wall_start.elapsed());
    step.finish();
    let mut judged = Judged::default();
    for (found, (image, label)) in decrypt(&scores)?.iter().zip(test) {
        judged.add(found, &network.scores(image)?, *label);
    }
    Ok(AtOnce { wall, cpu, judged })
}

impl AtOnce {
    fn row(&self, task: Task, parameters: &Parameters, keys_bytes: u64) -> Row {
        Row {
            latency_s: self.wall.as_secs_f64(),
            cpu_s: self.cpu.as_secs_f64(),
            amortised_ms: 1e3 * self.cpu.as_secs_f64() / self.judged.images.max(1) as f64,
            ..self.judged.row(task, parameters, keys_bytes)
        }
    }
}

/// Labels counted.
#[derive(Default)]
struct Judged {
    images: usize,
    right: usize,
    right_clear: usize,
    agreed: usize,
}

impl Judged {
    fn add(&mut self, found: &Scores, clear: &[f64], label: usize) {
        let expected = (0..clear.len()).max_by(|&a, &b| clear[a].total_cmp(&clear[b]));
        self.images += 1;
        self.agreed += usize::from(Some(found.label()) == expected);
        self.right += usize::from(found.label() == label);
        self.right_clear += usize::from(Some(label) == expected);
    }

    /// What is known of a batch beside its times.
    fn row(&self, task: Task, parameters: &Parameters, keys_bytes: u64) -> Row {
        Row {
            network: task.name(),
            dataset: task.dataset(),
            mode: "batch",
            images: self.images,
            latency_s: 0.0,
            cpu_s: 0.0,
            amortised_ms: 0.0,
            accuracy_encrypted: self.part(self.right),
            accuracy_clear: self.part(self.right_clear),
            agreement: self.part(self.agreed),
            peak_rss_bytes: peak_rss(),
            predicted_memory_bytes: None,
            keys_bytes,
            bootstraps: 0,
            levels: parameters.max_level(),
            rotations: 0,
            security_bits: parameters.security().bits(),
            predicted_cpu_s: None,
        }
    }

    fn part(&self, count: usize) -> f64 {
        count as f64 / self.images.max(1) as f64
    }
}
