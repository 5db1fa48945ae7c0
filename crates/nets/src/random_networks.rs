//! Small networks made at random: their plans, slot by slot in the clear and encrypted, against the reference.

use std::collections::BTreeMap;

use tapetum_ckks::{
    BootstrappingLiteral, Complex64, Decryptor, Encryptor, Evaluator, KeyGenerator,
    ParametersLiteral, Precision, SecretDistribution, SecretKey,
};

use crate::client::check_flag;
use crate::error::{NetworkError, NodeName};
use crate::graph::{
    Affine, AveragePool, Builder, Convolution, Dense, Graph, NodeId, Operation, Quadratic, Shape,
    Tensor, Window,
};
use crate::layers::Folded;
use crate::plan::{
    Answer, Ending, InputPacking, NetworkPlan, Prepared, Scaling, Step, calibrated, prepare,
};
use crate::stages::LayerKind;
use crate::{
    EncodedNetwork, EncryptedScores, Network, decrypt_scores, decrypt_several, encrypt_image,
    encrypt_several, evaluation_keys, reference,
};

/// What a network is made from.
struct Maker {
    state: u64,
    builder: Builder,
    /// Whether activations are ReLU, and not polynomials.
    relu: bool,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let mut maker = Self {
            state: seed,
            relu: false,
            builder: Builder::new(NodeName::new("input", "x", 0), Shape::new(vec![1]).unwrap()),
        };
        let shape = vec![1, maker.up_to(3), 3 + maker.up_to(7), 3 + maker.up_to(7)];
        let name = NodeName::new("input", "x", 0);
        maker.builder = Builder::new(name, Shape::new(shape).unwrap());
        maker
    }

    fn number(&mut self) -> f64 {
        let next = self
            .state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(1);
        self.state = next;
        (next >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
    }

    fn numbers(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.number()).collect()
    }

    /// From 1 to `most`.
    fn up_to(&mut self, most: usize) -> usize {
        1 + ((self.number() + 1.0) / 2.0 * most as f64) as usize % most
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.up_to(chances) == 1
    }

    fn add(&mut self, operation: Operation, inputs: &[NodeId]) -> NodeId {
        let name = NodeName::new(operation.name(), "", 0);
        self.builder.add(&name, operation, inputs.to_vec()).unwrap()
    }

    fn dims(&self, id: NodeId) -> Vec<usize> {
        self.builder.node(id).shape.dims().to_vec()
    }

    fn convolution(
        &mut self,
        x: NodeId,
        outputs: usize,
        kernel: usize,
        strides: [usize; 2],
    ) -> NodeId {
        let channels = self.dims(x)[1];
        let groups = if self.one_in(3) && outputs.is_multiple_of(channels) {
            channels
        } else {
            1
        };
        let shape = Shape::new(vec![outputs, channels / groups, kernel, kernel]).unwrap();
        let weights = self.numbers(shape.values());
        let layer = Convolution {
            window: Window {
                strides,
                ..Window::new([kernel; 2], [kernel / 2; 4])
            },
            groups,
            weights: Tensor::new(shape, weights).unwrap(),
            bias: self.numbers(outputs),
        };
        self.add(Operation::Convolution(layer), &[x])
    }

    fn activation(&mut self, x: NodeId) -> NodeId {
        let channels = self.dims(x)[1];
        let mut x = x;
        if self.one_in(2) {
            let (factors, shifts) = (self.numbers(channels), self.numbers(channels));
            x = self.add(Operation::Affine(Affine { factors, shifts }), &[x]);
        }
        if self.relu {
            return self.add(Operation::Relu, &[x]);
        }
        if self.one_in(2) {
            return self.add(Operation::Square, &[x]);
        }
        let quadratic = Quadratic {
            constants: self.numbers(channels),
            linear: self.numbers(channels),
            squares: self.numbers(channels),
        };
        self.add(Operation::Quadratic(quadratic), &[x])
    }

    fn block(&mut self, x: NodeId) -> NodeId {
        let (channels, strides) = (self.up_to(5), [self.up_to(2), self.up_to(2)]);
        let kernel = 2 * self.up_to(2) - 1;
        let mut y = self.convolution(x, channels, kernel, strides);
        if self.one_in(2) {
            let shortcut = if self.dims(x) == self.dims(y) {
                x
            } else {
                self.convolution(x, channels, 1, strides)
            };
            let sum = if self.one_in(2) {
                Operation::Add
            } else {
                Operation::Sub
            };
            y = self.add(sum, &[y, shortcut]);
        }
        self.activation(y)
    }

    fn network(mut self, blocks: usize) -> Graph {
        let mut x = self.builder.input();
        if self.one_in(2) {
            let channels = self.dims(x)[1];
            let (factors, shifts) = (self.numbers(channels), self.numbers(channels));
            x = self.add(Operation::Affine(Affine { factors, shifts }), &[x]);
        }
        for _ in 0..blocks {
            x = self.block(x);
        }
        if self.one_in(2) {
            let [height, width] = [2, 3].map(|axis| self.dims(x)[axis]);
            let pool = AveragePool {
                window: Window::new([height, width], [0; 4]),
                count_padding: false,
            };
            x = self.add(Operation::AveragePool(pool), &[x]);
        }
        let values: usize = self.dims(x).iter().product();
        x = self.add(
            Operation::Reshape(Shape::new(vec![1, values]).unwrap()),
            &[x],
        );
        let outputs = self.up_to(4);
        let shape = Shape::new(vec![outputs, values]).unwrap();
        let weights = Tensor::new(shape, self.numbers(outputs * values)).unwrap();
        let bias = self.numbers(outputs);
        x = self.add(Operation::Dense(Dense { weights, bias }), &[x]);
        self.builder.finish(x)
    }
}

fn rotated<T: Copy>(slots: &[T], steps: i64) -> impl Iterator<Item = T> + '_ {
    let count = slots.len() as i64;
    (0..count).map(move |i| slots[(i + steps).rem_euclid(count) as usize])
}

/// The scores of an image by the steps of a plan, on slots that are not encrypted.
fn scores(prepared: &Prepared, image: &[f64]) -> Vec<f64> {
    let Prepared { plan, layers } = prepared;
    let slots = plan.parameters().unwrap().slots();
    let mut packings = vec![plan.input().packing.packing()];
    let mut vectors = vec![match &plan.input().packing {
        InputPacking::Vector(packing) => packing.spread(slots, |i| image[i]),
        InputPacking::Windows { .. } => Vec::new(),
    }];
    for (layer, planned) in layers.iter().zip(plan.layers()) {
        let output = planned.output;
        let vector = match (&layer.kind, &planned.step) {
            (LayerKind::Square(square), _) => {
                let multiples = square.multiples.as_ref();
                let multiples = output.spread(slots, |i| multiples.map_or(0.0, |m| m[i]));
                let x = &vectors[square.source];
                x.iter().zip(multiples).map(|(x, m)| (x + m) * x).collect()
            }
            (LayerKind::Relu(relu), _) => {
                let function = relu.precision.relu_function();
                vectors[relu.source].iter().map(|&x| function(x)).collect()
            }
            (LayerKind::Largest(_) | LayerKind::Clean(_), _) => {
                unreachable!("no network here has its scores compared")
            }
            (LayerKind::Linear(sum), Step::Linear { parts, paired, .. }) => {
                let mut sums = vec![Complex64::ZERO; slots];
                for term in &sum.terms {
                    let input = packings[term.source];
                    let folded = Folded::new(input, output, sum.tile(&packings), *paired);
                    let mut diagonals = BTreeMap::new();
                    folded.add_to(&mut diagonals, term);
                    for (k, diagonal) in diagonals {
                        let x = rotated(&vectors[term.source], k);
                        let products = x.zip(diagonal.iter().cycle()).map(|(x, d)| x * d);
                        sums.iter_mut().zip(products).for_each(|(v, p)| *v += p);
                    }
                }
                let mut steps = 1;
                while steps < parts.count {
                    let other: Vec<_> = rotated(&sums, (steps * parts.apart) as i64).collect();
                    sums.iter_mut().zip(other).for_each(|(v, o)| *v += o);
                    steps *= 2;
                }
                let others = rotated(&sums, (output.period / 2) as i64);
                let pairs = sums
                    .iter()
                    .zip(others)
                    .zip(output.spread(slots, |i| sum.bias[i]));
                let value = |((sum, other), bias): ((&Complex64, Complex64), f64)| match paired {
                    true => 2.0 * (sum.re + other.im) + bias,
                    false => sum.re + bias,
                };
                pairs.map(value).collect()
            }
            // The client's windows are tested by the encrypted networks.
            (LayerKind::Linear(sum), _) => {
                let mut values = sum.bias.clone();
                sum.terms[0].add_to(&mut values, image);
                output.spread(slots, |i| values[i])
            }
        };
        // Nothing in unused slots, whatever a vector's values are.
        let used = output.spread(slots, |_| 1.0);
        assert!(vector.iter().zip(used).all(|(v, u)| u == 1.0 || *v == 0.0));
        vectors.push(vector);
        packings.push(output);
    }
    let last = vectors.pop().unwrap();
    let places = plan.output().slots();
    places
        .into_iter()
        .map(|slot| last[slot] / plan.score_factor())
        .collect()
}

#[test]
fn plans_compute_the_network() {
    check_plans(0..40);
}

#[test]
#[ignore = "more of the same"]
fn plans_compute_many_networks() {
    check_plans(40..1000);
}

fn check_plans(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut maker = Maker::new(seed);
        let values = maker.builder.node(maker.builder.input()).shape.values();
        let images: Vec<_> = (0..3).map(|_| maker.numbers(values)).collect();
        let graph = maker.network(1 + seed as usize % 3);
        let prepared = prepare(
            &graph,
            [-1.0, 1.0],
            Scaling::Calibration(&images[..2], Answer::Scores),
        )
        .unwrap();
        let expected = reference::output(&graph, &images[2]).unwrap();
        let found = scores(&prepared, &images[2]);
        let most = expected.iter().fold(1.0, |most: f64, v| most.max(v.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            // A polynomial that is nearly linear is computed with a small square in place of none.
            let close = (found - expected).abs() < 1e-3 * most;
            assert!(close, "network {seed}: {found} is not {expected}");
        }
    }
}

/// ReLU are as good as their polynomials.
#[test]
fn plans_with_relu_compute_its_polynomials() {
    for seed in 0..12 {
        let mut maker = Maker::new(seed);
        maker.relu = true;
        let values = maker.builder.node(maker.builder.input()).shape.values();
        let images: Vec<_> = (0..4).map(|_| maker.numbers(values)).collect();
        let graph = maker.network(1 + seed as usize % 2);
        let prepared = prepare(
            &graph,
            [-1.0, 1.0],
            Scaling::Calibration(&images, Answer::Scores),
        )
        .unwrap();
        let found = scores(&prepared, &images[3]);
        let network = Network::from(graph);
        let polynomials = network.polynomials(&prepared.plan).unwrap();
        let expected = polynomials.scores(&images[3]).unwrap();
        assert!(
            expected.largest < 1.0,
            "network {seed}: {}",
            expected.largest
        );
        let exact = network.scores(&images[3]).unwrap();
        let most = exact.iter().fold(1.0, |most: f64, v| most.max(v.abs()));
        for (found, expected) in found.iter().zip(&expected.scores) {
            assert!((found - expected).abs() < 1e-9 * most, "network {seed}");
        }
        // Each ReLU is off by at most 2^-4 of its interval, which is less than twice its largest value.
        for (found, exact) in expected.scores.iter().zip(&exact) {
            assert!(
                (found - exact).abs() < 0.5 * most,
                "network {seed}: {found}, {exact}"
            );
        }
    }
}

#[test]
fn relu_needs_calibration() {
    let mut maker = Maker::new(1);
    maker.relu = true;
    let network = Network::from(maker.network(1));
    let error = network.plan([-1.0, 1.0], &[]).unwrap_err();
    assert!(matches!(error, NetworkError::Calibration), "{error}");
}

#[test]
fn encrypted_networks_have_the_scores_of_the_reference() {
    for seed in 1..=4 {
        let mut maker = Maker::new(seed);
        let values = maker.builder.node(maker.builder.input()).shape.values();
        let images: Vec<_> = (0..3).map(|_| maker.numbers(values)).collect();
        let network = Network::from(maker.network(1));
        let plan = network.plan([-1.0, 1.0], &images).unwrap();
        check_encrypted(&network, &plan, &images[2]);
    }
}

/// Some beside each other in a ciphertext, and more in those of later layers.
#[test]
fn several_encrypted_images_have_the_scores_of_the_reference() {
    let (mut merged, mut count) = (0, 0);
    for seed in 1..=4 {
        let mut maker = Maker::new(seed);
        let values = maker.builder.node(maker.builder.input()).shape.values();
        let images: Vec<_> = (0..5).map(|_| maker.numbers(values)).collect();
        let network = Network::from(maker.network(1));
        let (plan, server) = network.several([-1.0, 1.0], &images, 50).unwrap();
        assert_eq!(plan.images(), 64);
        let beside = plan.beside();
        count += usize::from(beside[0] > 1);
        merged += usize::from(beside[0] < beside[beside.len() - 1]);
        let parameters = plan.parameters().unwrap();
        let secret = SecretKey::generate(&parameters).unwrap();
        let keys = plan.key_plan(&parameters).unwrap();
        let keys = KeyGenerator::new(&secret).unwrap().evaluation_keys(&keys);
        let evaluator = Evaluator::with_keys(keys.unwrap());
        let all: Vec<_> = images.iter().cycle().take(64).cloned().collect();
        let encryptor = Encryptor::with_secret_key(&secret);
        let encrypted = encrypt_several(&plan, &all, &encryptor).unwrap();
        let scores = server.classify(&evaluator, &encrypted, &mut |_| ());
        let found = decrypt_several(&plan, &scores.unwrap(), &Decryptor::new(&secret)).unwrap();
        assert_eq!(found.len(), all.len());
        let expected = images.iter().map(|image| network.scores(image).unwrap());
        let expected: Vec<_> = expected.collect();
        let most = expected
            .iter()
            .flatten()
            .fold(0.0, |m: f64, v| m.max(v.abs()));
        for (found, expected) in found.iter().zip(expected.iter().cycle()) {
            // A polynomial that is nearly linear is computed with a small square in place of none.
            let bound = found.step() / 2.0 + most / 256.0;
            for (found, expected) in found.values().iter().zip(expected) {
                let error = (found - expected).abs();
                assert!(
                    error < bound,
                    "network {seed}: {found} is not {expected}: {error} > {bound}"
                );
            }
        }
        let (other, _) = network.several([-1.0, 1.0], &images[1..], 2).unwrap();
        let few = encrypt_several(&other, &images[..1], &encryptor).unwrap();
        assert!(server.classify(&evaluator, &few, &mut |_| ()).is_err());
        assert!(encrypt_several(&other, &images[..3], &encryptor).is_err());
        assert!(encrypt_several(&other, &[], &encryptor).is_err());
    }
    assert!(merged > 0 && count > 0, "{merged}, {count}");
}

#[test]
fn an_encrypted_relu_has_the_scores_of_its_polynomials() {
    let mut maker = Maker::new(3);
    maker.relu = true;
    let values = maker.builder.node(maker.builder.input()).shape.values();
    let images: Vec<_> = (0..3).map(|_| maker.numbers(values)).collect();
    let network = Network::from(maker.network(1));
    let plan = network.plan([-1.0, 1.0], &images).unwrap();
    assert_eq!(plan.bootstraps(), 0);
    check_encrypted(&network, &plan, &images[2]);
}

/// A network with ReLU, its plan for images in [-1, 1], and an image. Images up to 100 are accepted.
fn relu_network(seed: u64, blocks: usize) -> (Network, NetworkPlan, Vec<f64>) {
    let mut maker = Maker::new(seed);
    maker.relu = true;
    let values = maker.builder.node(maker.builder.input()).shape.values();
    let images: Vec<_> = (0..3).map(|_| maker.numbers(values)).collect();
    let network = Network::from(maker.network(blocks));
    let plan = network.plan([-100.0, 100.0], &images[..2]).unwrap();
    (network, plan, images[2].clone())
}

#[test]
fn what_leaves_the_interval_of_a_relu_is_flagged() {
    let (network, plan, image) = relu_network(3, 1);
    assert!(plan.has_range_flag());
    let session = Session::new(&network, &plan);
    let polynomials = network.polynomials(&plan).unwrap();
    let decryptor = Decryptor::new(&session.secret);
    let (mut within, mut beyond) = (0, 0);
    for factor in [0.0, 1.0, 5.0, 20.0, 50.0, 100.0] {
        let image: Vec<f64> = image.iter().map(|v| factor * v).collect();
        let largest = polynomials.scores(&image).unwrap().largest;
        let scores = session.classify(&image);
        let (_, flag) = scores.of(&plan).unwrap();
        let flag = check_flag(&plan, flag.unwrap(), &decryptor);
        // Nearer to the end than this a value may pass.
        if (1.0..1.06).contains(&largest) {
            continue;
        }
        if largest < 1.0 {
            within += 1;
            flag.unwrap();
            decrypt_scores(&plan, &scores, &decryptor).unwrap();
        } else {
            beyond += 1;
            assert!(matches!(flag, Err(NetworkError::OutOfRange)), "{largest}");
            let refused = decrypt_scores(&plan, &scores, &decryptor);
            assert!(matches!(refused, Err(NetworkError::OutOfRange)));
        }
    }
    assert!(within >= 2 && beyond >= 1, "{within} {beyond}");
}

/// The flag is a sum over all slots: a single value must not be lost in it.
#[test]
fn one_value_beyond_the_interval_is_flagged() {
    // The values of a layer of ResNet-20, in all slots, and 19 of them.
    let (slots, relus) = (1 << 14, 19);
    for precision in Precision::all().take_while(|p| p.bits() <= 9) {
        let mean = |x: f64| {
            let step = precision.greater_than_clear(x, 0.0);
            0.5 * (step * step - step) / f64::from(slots * relus)
        };
        // Nearer to the interval, a step may be anything between 0 and 1, as that of values within.
        for x in (0..100).map(|k| 1.055 + 0.005 * f64::from(k)) {
            // The sum that hides it best: all others undecided.
            let flag = mean(x) - 0.125;
            // Beyond what an f64 holds it is not a number.
            assert!(flag.is_nan() || flag > 0.05, "{precision:?} {x}: {flag}");
        }
    }
}

#[test]
fn plans_from_before_there_was_a_flag_have_none() {
    let (network, plan, image) = relu_network(3, 1);
    let text = serde_json::to_string(&plan).unwrap();
    let old = text.replace(",\"range_flag\":true", "");
    assert_ne!(old, text);
    let old: NetworkPlan = serde_json::from_str(&old).unwrap();
    assert!(!old.has_range_flag() && old.digest() != plan.digest());
    let session = Session::new(&network, &old);
    let scores = session.classify(&image);
    decrypt_scores(&old, &scores, &Decryptor::new(&session.secret)).unwrap();

    // Polynomials of degree 2 are the network: there is no interval, and no flag.
    let mut maker = Maker::new(1);
    let values = maker.builder.node(maker.builder.input()).shape.values();
    let images = [maker.numbers(values)];
    let squares = Network::from(maker.network(1));
    let plan = squares.plan([-1.0, 1.0], &images).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    assert!(!text.contains("range_flag"));
    let text = text.replacen('{', "{\"range_flag\":true,", 1);
    let damaged: NetworkPlan = serde_json::from_str(&text).unwrap();
    assert!(damaged.check().is_err());
}

/// The smallest ring that has room for bootstrapping, with two levels at a time. Its sparse secret is accepted in tests
/// only.
fn small_bootstrapping(_: usize) -> Vec<ParametersLiteral> {
    vec![ParametersLiteral {
        log_n: 15,
        q_bits: vec![47, 38, 38, 38, 38],
        p_bits: vec![49; 3],
        log_scale: 38,
        secret: SecretDistribution::UniformTernary,
        bootstrapping: Some(BootstrappingLiteral {
            slots_to_coeffs_levels: 2,
            coeffs_to_slots_bits: vec![46; 2],
            eval_mod_bits: 49,
            log_message_ratio: 10,
        }),
    }]
}

/// Seven levels, where there are four and then two at a time.
#[test]
fn encrypted_networks_are_bootstrapped() {
    let mut maker = Maker::new(2);
    let values = maker.builder.node(maker.builder.input()).shape.values();
    let images: Vec<_> = (0..3).map(|_| maker.numbers(values)).collect();
    let graph = maker.network(3);
    let prepared = calibrated(
        &graph,
        [-1.0, 1.0],
        &images,
        Ending::default(),
        small_bootstrapping,
    )
    .unwrap();
    assert!(
        prepared.plan.bootstraps() >= 2,
        "{}",
        prepared.plan.bootstraps()
    );
    let network = Network::from(graph);
    check_encrypted(&network, &prepared.plan, &images[2]);
}

#[test]
fn damaged_bootstraps_are_refused() {
    let mut maker = Maker::new(2);
    let values = maker.builder.node(maker.builder.input()).shape.values();
    let images = [maker.numbers(values)];
    let graph = maker.network(3);
    let json = |plan: &NetworkPlan| serde_json::to_string(plan).unwrap();
    let read = |json: &str| serde_json::from_str::<NetworkPlan>(json).unwrap();

    // Plans without bootstrapping are written as they always were.
    let shallow = prepare(
        &graph,
        [-1.0, 1.0],
        Scaling::Calibration(&images, Answer::Scores),
    )
    .unwrap();
    assert!(!json(&shallow.plan).contains("bootstrap"));

    let plan = calibrated(
        &graph,
        [-1.0, 1.0],
        &images,
        Ending::default(),
        small_bootstrapping,
    )
    .unwrap()
    .plan;
    let text = json(&plan);
    assert_eq!(read(&text), plan);
    let slots = |n: usize| format!("\"bootstrapped_slots\":{n}");
    let found = slots(plan.bootstrapped_slots().unwrap());
    let flag = "\"bootstrapped\":true";
    assert!(text.contains(&found) && text.contains(flag));
    for damaged in [
        text.replace(&found, &slots(1)),
        text.replace(&found, &slots(3000)),
        text.replace(&found, &slots(1 << 40)),
        text.replace(&found, "\"bootstrapped_slots\":null"),
        // A vector that was to be bootstrapped is read too high.
        text.replace(flag, "\"bootstrapped\":false"),
    ] {
        assert!(read(&damaged).check().is_err());
    }
}

/// Keys and a server for a plan.
struct Session {
    plan: NetworkPlan,
    secret: SecretKey,
    evaluator: Evaluator,
    server: EncodedNetwork,
}

impl Session {
    fn new(network: &Network, plan: &NetworkPlan) -> Self {
        let secret = SecretKey::generate(&plan.parameters().unwrap()).unwrap();
        Self {
            plan: plan.clone(),
            evaluator: Evaluator::with_keys(evaluation_keys(plan, &secret).unwrap()),
            secret,
            server: network.encode(plan).unwrap(),
        }
    }

    fn classify(&self, image: &[f64]) -> EncryptedScores {
        let encryptor = Encryptor::with_secret_key(&self.secret);
        let encrypted = encrypt_image(&self.plan, image, &encryptor).unwrap();
        let scores = self
            .server
            .classify(&self.evaluator, &encrypted, &mut |_| ());
        scores.unwrap()
    }
}

fn check_encrypted(network: &Network, plan: &NetworkPlan, image: &[f64]) {
    let session = Session::new(network, plan);
    let scores = session.classify(image);
    let found = decrypt_scores(plan, &scores, &Decryptor::new(&session.secret)).unwrap();
    // The largest score of the images is 16 while it is encrypted.
    let bound = found.step() / 2.0 + 16.0 / 512.0 / plan.score_factor();
    let expected = network.polynomials(plan).unwrap().scores(image).unwrap();
    assert_eq!(found.values().len(), expected.scores.len());
    for (found, expected) in found.values().iter().zip(expected.scores) {
        let error = (found - expected).abs();
        assert!(error < bound, "{found} is not {expected}");
    }
}
