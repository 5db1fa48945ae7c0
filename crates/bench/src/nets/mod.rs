//! `tapetum bench nets`: networks on encrypted images, from ciphertext to ciphertext, weights encoded included.

mod images;
mod report;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use cpu_time::ProcessTime;
use tapetum::progress::Progress;
use tapetum::{Context, Result};
use tapetum_ckks::{Decryptor, Encryptor, Evaluator, KeyGenerator, SecretKey};
use tapetum_nets::{Network, decrypt_scores, encrypt_image};

use super::meter::median;
use super::options::{Threads, up_to};
use super::report::{Report, Rows, peak_rss};
use images::{Images, Task};
pub use report::Row;

/// Arguments of `bench nets`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum bench nets --data sets
  tapetum bench nets --network lola --data sets --images 500 --json > nets.json

The networks are mnist-lola.onnx and cats-and-dogs.onnx, trained by the scripts in examples/training. DIR of --data
holds the pictures: mnist/*.gz, and cats-and-dogs/ with calibrate/*.jpg, test/cat/*.jpg and test/dog/*.jpg of 64 x 64
pixels. Networks and data that are not there are named and skipped.")]
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
    /// How many test images are classified for each network, in random order.
    #[arg(long, default_value_t = 4, value_parser = up_to(100_000))]
    images: usize,
    #[command(flatten)]
    threads: Threads,
}

/// Measures.
pub fn measure(args: &Nets, steps: &dyn Progress) -> Result<Report<Rows<Row>>> {
    let tasks = match &args.network[..] {
        [] => Task::ALL,
        named => named,
    };
    Report::measure(|| {
        let mut rows = Vec::new();
        for &task in tasks {
            let file = args.networks.join(task.file());
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
            match Images::load(task, &args.data, args.images) {
                Ok(images) => rows.push(
                    args.threads
                        .run(|| single(task, &network, &images, steps))?,
                ),
                Err(error) => eprintln!("{}: skipped: {error}", task.name()),
            }
        }
        Ok(Rows { rows })
    })
}

/// One image after the other.
fn single(task: Task, network: &Network, images: &Images, steps: &dyn Progress) -> Result<Row> {
    let plan = network.plan([0.0, 1.0], &images.calibration)?;
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
    let (mut right, mut right_clear, mut agreed) = (0, 0, 0);
    let layers = plan.layers().len();
    for (index, (image, label)) in images.test.iter().enumerate() {
        let image_before = index * layers;
        let encrypted = encrypt_image(&plan, image, &encryptor)?;
        let (wall_start, cpu_start) = (Instant::now(), ProcessTime::now());
        let scores = server.classify(&evaluator, &encrypted, &mut |finished| {
            step.advance(image_before + finished, images.test.len() * layers);
        })?;
        cpu.push(cpu_start.elapsed().as_secs_f64());
        wall.push(wall_start.elapsed().as_secs_f64());
        let found = decrypt_scores(&plan, &scores, &decryptor)?.label();
        let scores = network.scores(image)?;
        let expected = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        agreed += usize::from(Some(found) == expected);
        right += usize::from(found == *label);
        right_clear += usize::from(Some(*label) == expected);
    }
    step.finish();
    let count = images.test.len();
    let part = |n: usize| n as f64 / count as f64;
    let latency_s = median(&mut wall);
    Ok(Row {
        network: task.name(),
        dataset: task.dataset(),
        mode: "single",
        images: count,
        latency_s,
        cpu_s: median(&mut cpu),
        amortised_ms: 1e3 * latency_s,
        accuracy_encrypted: part(right),
        accuracy_clear: part(right_clear),
        agreement: part(agreed),
        peak_rss_bytes: peak_rss(),
        keys_bytes,
        bootstraps: 0,
        levels: plan.levels(),
        rotations: plan.rotations(),
        security_bits: parameters.security().bits(),
        predicted_cpu_s: plan.predicted_cpu_seconds()?.iter().sum(),
    })
}
