//! Classifies encrypted digits of MNIST, and compares with the network in the clear.
//!
//! `cargo run --release -p tapetum-nets --example mnist -- DIR NETWORK [IMAGES]`: `DIR/mnist` has the files of MNIST.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use cpu_time::ProcessTime;
use tapetum_ckks::{Decryptor, Encryptor, Evaluator, KeyGenerator, SecretKey};
use tapetum_nets::{Network, decrypt_scores, encrypt_image};
use tapetum_vision::{Collection, DataSet, Limits};

/// Training images that set the scale of the layers.
const CALIBRATION: usize = 1_000;

fn pixels(data: &DataSet, count: usize) -> Vec<Vec<f64>> {
    let images = data.samples().images().unwrap_or_default().iter();
    let values = |bytes: &[u8]| bytes.iter().map(|&p| f64::from(p) / 255.0).collect();
    images
        .take(count)
        .map(|image| values(image.pixels()))
        .collect()
}

fn largest(scores: &[f64]) -> usize {
    let by_score = |&a: &usize, &b: &usize| scores[a].total_cmp(&scores[b]);
    (0..scores.len()).max_by(by_score).unwrap_or(0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, network, rest @ ..] = &arguments[..] else {
        return Err("DIR NETWORK [IMAGES]".into());
    };
    let count = rest.first().map_or(Ok(500), |n| n.parse())?;
    let network = Network::from_onnx(&std::fs::read(network)?)?;
    let data = Collection::Mnist.load(Path::new(dir), &Limits::default())?;
    // Some copies of the set are sorted by label.
    let (train, test) = (data.train.shuffled(1), data.test.shuffled(1));
    let calibration = pixels(&train, CALIBRATION);
    let images = pixels(&test, count);

    let start = Instant::now();
    let plan = network.plan([0.0, 1.0], &calibration)?;
    let parameters = plan.parameters()?;
    println!(
        "plan: {:.2} s, N = 2^{}, log QP = {:.1}, {} bits of security",
        start.elapsed().as_secs_f64(),
        parameters.log_n(),
        parameters.log_qp(),
        parameters.security().bits()
    );
    for layer in plan.layers() {
        println!(
            "  {:20} level {} rotations {:3} {}",
            layer.name(),
            layer.level(),
            layer.rotations(),
            layer.packing()
        );
    }
    let keys = plan.key_plan(&parameters)?;
    println!(
        "keys: {} of {} bytes",
        keys.len(),
        keys.memory_bytes(&parameters)?
    );
    let secret = SecretKey::generate(&parameters)?;
    let keys = KeyGenerator::new(&secret)?.evaluation_keys(&keys)?;
    let start = Instant::now();
    let server = network.encode(&plan)?;
    println!("encode: {:.2} s", start.elapsed().as_secs_f64());

    let (encryptor, decryptor) = (Encryptor::with_secret_key(&secret), Decryptor::new(&secret));
    let evaluator = Evaluator::with_keys(keys);
    let labels = test.labels();
    let (mut agreed, mut right, mut right_clear, mut worst) = (0, 0, 0, 0.0_f64);
    let mut times: Vec<(f64, f64)> = Vec::new();
    let mut layer_times = vec![0.0; plan.levels()];
    for (index, image) in images.iter().enumerate() {
        let encrypted = encrypt_image(&plan, image, &encryptor)?;
        let (cpu, wall) = (ProcessTime::now(), Instant::now());
        let mut last = 0.0;
        let scores = server.classify(&evaluator, &encrypted, &mut |finished| {
            let now = cpu.elapsed().as_secs_f64();
            layer_times[finished - 1] += now - last;
            last = now;
        })?;
        times.push((cpu.elapsed().as_secs_f64(), wall.elapsed().as_secs_f64()));
        let scores = decrypt_scores(&plan, &scores, &decryptor)?;
        let expected = network.scores(image)?;
        let (label, best) = (labels[index], largest(&expected));
        for (a, b) in scores.values().iter().zip(&expected) {
            worst = worst.max((a - b).abs());
        }
        agreed += usize::from(scores.label() == best);
        right += usize::from(scores.label() == label);
        right_clear += usize::from(best == label);
        if scores.label() != best {
            let margin = expected[best] - expected[scores.label()];
            println!(
                "image {index}: {} for {best}, margin {margin:.4}",
                scores.label()
            );
        }
        if index == 0 {
            println!("step {:.4}, scores {:?}", scores.step(), scores.values());
        }
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let mut cpu = times.iter().map(|t| t.0).collect();
    let mut wall = times.iter().map(|t| t.1).collect();
    println!(
        "{} images: {agreed} as in the clear, {right} right, {right_clear} in the clear; largest difference {worst:.4}; \
         median CPU {:.1} ms, wall {:.1} ms",
        images.len(),
        1e3 * median(&mut cpu),
        1e3 * median(&mut wall)
    );
    for (layer, seconds) in plan.layers().iter().zip(layer_times) {
        println!(
            "  {:20} {:.2} ms",
            layer.name(),
            1e3 * seconds / images.len() as f64
        );
    }
    Ok(())
}
