//! Comparisons: the committed polynomials on fine grids, and encrypted evaluation against the
//! clear values and the promised errors.

mod common;

use common::Scheme;
use tapetum_ckks::{
    ArgmaxError, ArgmaxPlan, Ciphertext, Complex64, EvaluationError, Evaluator, KeyName,
    Parameters, ParametersLiteral, Precision, PrecisionError, Preset,
};

/// What encryption, encoding and rounding add to the clear values; 2^-18.7 was measured at ties, where
/// comparisons are steep.
const NOISE: f64 = 1.0 / (1u64 << 16) as f64;

fn precision(bits: u32) -> Precision {
    Precision::new(bits).unwrap()
}

/// Points of [0, 1] that are dense everywhere: equidistant ones, and a geometric sequence towards
/// 0 for the steep part. The threshold is among them.
fn grid(precision: Precision) -> impl Iterator<Item = f64> {
    let steps = 30_000;
    let even = (0..=steps).map(move |i| i as f64 / steps as f64);
    let geometric = (0..8_000).map(|i| 2f64.powf(-f64::from(i) / 400.0));
    even.chain(geometric).chain([precision.threshold()])
}

#[test]
fn clear_errors_are_the_committed_ones_over_the_whole_interval() {
    for p in Precision::all() {
        let (threshold, at_threshold) = (p.threshold(), p.sign_clear(p.threshold()));
        let mut largest = 0f64;
        for x in grid(p) {
            let s = p.sign_clear(x);
            assert!((p.sign_clear(-x) + s).abs() < 1e-9, "not odd at {x}");
            if x >= threshold {
                largest = largest.max((s - 1.0).abs());
            } else {
                assert!((-1e-9..=at_threshold + 1e-9).contains(&s), "{s} at {x}");
            }
            for x in [x, -x] {
                assert!((p.relu_clear(x) - x.max(0.0)).abs() <= threshold);
            }
        }
        // Reached, and not exceeded.
        let relative = largest / p.error() - 1.0;
        assert!(relative.abs() < 1e-4, "{p:?}: {largest} not {}", p.error());
        assert!(p.error() <= 2.0 * threshold);
    }
}

#[test]
fn undecided_values_rise() {
    for p in Precision::all() {
        let at = |i: i32| p.sign_clear(p.threshold() * f64::from(i) / 1000.0);
        assert!((-1000..1000).all(|i| at(i) < at(i + 1)), "{p:?}");
    }
}

#[test]
fn precisions_have_names_and_limits() {
    assert_eq!(Precision::all().count(), 9);
    for bits in [0, 3, 13, u32::MAX] {
        let refused: PrecisionError = Precision::new(bits).unwrap_err();
        assert!(refused.to_string().contains(&format!("not {bits}")));
    }
    let mut last = 0;
    for (p, bits) in Precision::all().zip(4..) {
        assert_eq!((p.bits(), Precision::new(bits)), (bits, Ok(p)));
        assert!(p.levels() >= last);
        last = p.levels();
    }
    let p = precision(5);
    assert_eq!(p.greater_than_clear(0.4, 0.4), 0.5);
    assert_eq!(p.max_clear(0.4, 0.4), 0.4);
    assert!((p.max_clear(-0.25, 0.5) - 0.5).abs() <= p.threshold());
}

/// As many levels as asked for, with a relinearisation key.
fn scheme(levels: usize) -> Scheme {
    let literal = ParametersLiteral::for_levels(levels, 40).unwrap();
    Scheme::new(Parameters::new(literal).unwrap(), |plan| {
        plan.relinearization()
    })
}

fn complex(values: &[f64]) -> Vec<Complex64> {
    values.iter().map(|&v| v.into()).collect()
}

/// Uniform in [0, 1], with differences of all sizes between the first halves of two such vectors:
/// equals, ties below the threshold, the threshold itself, and the ends.
fn pairs(s: &Scheme, precision: Precision) -> (Vec<f64>, Vec<f64>) {
    let unit = |seed| -> Vec<f64> {
        let z = s.random(seed).into_iter();
        z.map(|z| 0.5 * (z.re + 1.0)).collect()
    };
    let (a, mut b) = (unit(1), unit(2));
    let half = a.len() / 2;
    for (i, (a, b)) in a.iter().zip(&mut b).enumerate().take(half) {
        let octaves = 8.0 * i as f64 / half as f64 - 4.0;
        let distance = precision.threshold() * octaves.exp2();
        let distance = if i % 2 == 0 { distance } else { -distance };
        *b = if (0.0..=1.0).contains(&(a + distance)) {
            a + distance
        } else {
            a - distance
        };
        assert!((a - *b).abs() <= 1.0);
    }
    let mut a = a;
    let ends = [
        (0.0, 1.0),
        (1.0, 0.0),
        (0.5, 0.5),
        (0.0, precision.threshold()),
    ];
    for (i, (left, right)) in ends.into_iter().enumerate() {
        (a[i], b[i]) = (left, right);
    }
    (a, b)
}

/// Decrypts, and expects real numbers near `clear` in all slots.
#[track_caller]
fn check(s: &Scheme, result: &Ciphertext, level: usize, clear: &[f64], noise: f64) -> Vec<f64> {
    assert_eq!((result.level(), result.degree()), (level, 1));
    assert!((result.scale() / s.parameters.scale(level) - 1.0).abs() < 1e-9);
    s.check(result, &complex(clear), noise);
    s.decrypt(result).iter().map(|z| z.re).collect()
}

/// All decided pairs are right, and the others between the two answers.
#[track_caller]
fn check_decided(p: Precision, a: &[f64], b: &[f64], found: &[f64]) {
    let mut decided = 0;
    for ((a, b), found) in a.iter().zip(b).zip(found) {
        // Encoding moves the very threshold to either side.
        if (a - b).abs() > p.threshold() + NOISE {
            decided += 1;
            let truth = f64::from(u8::from(a > b));
            let error = (found - truth).abs();
            assert!(error <= 0.5 * p.error() + NOISE, "{a} > {b}: {found}");
        } else {
            assert!((-NOISE..=1.0 + NOISE).contains(found));
        }
    }
    assert!(decided > a.len() / 2 && decided < a.len());
}

/// What most uses will want: differences from 2^-8 on, in N = 2^15.
#[test]
fn eight_bits_decide_all_pairs() {
    let p = precision(8);
    let s = scheme(p.levels() + 1);
    let top = s.parameters.max_level();
    assert_eq!(s.parameters.log_n(), 15);
    let (a, b) = pairs(&s, p);
    let (x, y) = (s.encrypt(&complex(&a)), s.encrypt(&complex(&b)));
    let clear = |f: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
        a.iter().zip(&b).map(|(&a, &b)| f(a, b)).collect()
    };

    let greater = s.evaluator.greater_than(&x, &y, p).unwrap();
    let expected = clear(&|a, b| p.greater_than_clear(a, b));
    let found = check(&s, &greater, top - p.levels(), &expected, NOISE);
    check_decided(p, &a, &b, &found);

    let larger = s.evaluator.max(&x, &y, p).unwrap();
    let expected = clear(&|a, b| p.max_clear(a, b));
    let found = check(&s, &larger, 0, &expected, NOISE);
    for ((a, b), found) in a.iter().zip(&b).zip(&found) {
        assert!((found - a.max(*b)).abs() <= p.threshold() + NOISE);
    }
}

/// In a ring that is larger than it must be: 2^15 pairs at once.
#[test]
fn as_many_pairs_as_a_large_ring_has_slots() {
    let p = precision(8);
    let mut literal = ParametersLiteral::for_levels(p.levels(), 40).unwrap();
    literal.log_n = 16;
    let s = Scheme::new(Parameters::new(literal).unwrap(), |plan| {
        plan.relinearization()
    });
    let (a, b) = pairs(&s, p);
    assert_eq!(a.len(), 1 << 15);
    let (x, y) = (s.encrypt(&complex(&a)), s.encrypt(&complex(&b)));
    let greater = s.evaluator.greater_than(&x, &y, p).unwrap();
    let found: Vec<f64> = s.decrypt(&greater).iter().map(|z| z.re).collect();
    check_decided(p, &a, &b, &found);
}

#[test]
fn signs_and_relu_at_the_coarsest_precision() {
    let p = precision(4);
    let s = scheme(p.levels() + 1);
    let mut values: Vec<f64> = s.random(3).iter().map(|z| z.re).collect();
    values[..5].copy_from_slice(&[0.0, 1.0, -1.0, p.threshold(), -p.threshold()]);
    let x = s.encrypt(&complex(&values));

    let sign = s.evaluator.sign(&x, p).unwrap();
    let clear: Vec<f64> = values.iter().map(|&x| p.sign_clear(x)).collect();
    let found = check(&s, &sign, 1, &clear, NOISE);
    for (x, found) in values.iter().zip(found) {
        if x.abs() > p.threshold() + NOISE {
            assert!((found - x.signum()).abs() <= p.error() + NOISE);
        }
    }
    let relu = s.evaluator.relu(&x, p).unwrap();
    let clear: Vec<f64> = values.iter().map(|&x| p.relu_clear(x)).collect();
    check(&s, &relu, 0, &clear, NOISE);
}

/// The largest of the numbers, found from the slots of a result: all others must be 0.
#[track_caller]
fn check_one_hot(s: &Scheme, plan: ArgmaxPlan, groups: &[Vec<f64>]) {
    let stride = plan.stride();
    let mut values = vec![0.0; s.parameters.slots()];
    // An empty group is one large tie: each number wins half against each other one.
    let tie = 0.5f64.powi(plan.count() as i32 - 1);
    let in_group = |slot: usize| slot % stride < plan.count();
    let mut expected: Vec<f64> = (0..values.len())
        .map(|slot| if in_group(slot) { tie } else { 0.0 })
        .collect();
    for (g, group) in groups.iter().enumerate() {
        values[g * stride..][..group.len()].copy_from_slice(group);
        expected[g * stride..][..group.len()].fill(0.0);
        let largest = (0..group.len()).max_by(|&i, &j| group[i].total_cmp(&group[j]));
        expected[g * stride + largest.unwrap()] = 1.0;
    }
    let top = s.parameters.max_level();
    let argmax = plan.encode(&s.encoder, top).unwrap();
    assert_eq!((argmax.level(), argmax.plan()), (top, &plan));
    let result = s.evaluator.argmax(&s.encrypt(&complex(&values)), &argmax);
    let result = result.unwrap();
    check(
        s,
        &result,
        top - plan.levels(),
        &expected,
        plan.error() + NOISE,
    );
    // Outside the groups is nothing at all.
    let found = s.decrypt(&result);
    for (slot, z) in found.iter().enumerate().filter(|&(i, _)| !in_group(i)) {
        assert!(z.norm() < NOISE, "slot {slot}: {z}");
    }
}

/// Numbers in [-1/2, 1/2], the largest apart from the others by a little more than decided.
fn group(s: &Scheme, plan: ArgmaxPlan, seed: u64) -> Vec<f64> {
    let random = s.random(100 + seed);
    let gap = plan.precision().threshold() * 1.01;
    let mut group: Vec<f64> = random[..plan.count()]
        .iter()
        .map(|z| (0.5 - gap) * z.re - 0.5 * gap)
        .collect();
    let largest = group.iter().copied().fold(f64::MIN, f64::max);
    group[seed as usize % plan.count()] = largest + gap;
    group
}

fn argmax_scheme(plan: ArgmaxPlan) -> Scheme {
    let literal = ParametersLiteral::for_levels(plan.levels(), 40).unwrap();
    Scheme::new(Parameters::new(literal).unwrap(), |keys| {
        keys.relinearization().rotations(plan.rotations())
    })
}

#[test]
fn the_largest_of_ten() {
    let plan = ArgmaxPlan::new(10, precision(6)).unwrap();
    let s = argmax_scheme(plan);
    let mut groups: Vec<_> = (0..20).map(|seed| group(&s, plan, seed)).collect();
    // All others equal; and far apart, at the ends.
    groups.push((0..10).map(|i| if i == 7 { 0.1 } else { 0.0 }).collect());
    groups.push((0..10).map(|i| if i == 9 { 0.5 } else { -0.5 }).collect());
    assert!(groups.len() < s.parameters.slots() / plan.stride());
    check_one_hot(&s, plan, &groups);
}

#[test]
fn the_largest_of_few_in_every_block() {
    for count in [2, 3] {
        let plan = ArgmaxPlan::new(count, precision(4)).unwrap();
        let s = argmax_scheme(plan);
        let blocks = (s.parameters.slots() / plan.stride()) as u64;
        let groups: Vec<_> = (0..blocks).map(|seed| group(&s, plan, seed)).collect();
        check_one_hot(&s, plan, &groups);
    }
}

/// As many groups as slots, each number in a ciphertext of its own.
#[test]
fn one_hot_vectors_of_every_slot() {
    for count in [2, 5] {
        let p = precision(4);
        let levels = p.one_hot_levels(count);
        assert_eq!(levels, p.levels() + if count == 2 { 0 } else { 2 });
        let s = scheme(levels);
        let unit = |seed| -> Vec<f64> {
            let z = s.random(200 + seed).into_iter();
            z.map(|z| 0.5 * z.re).collect()
        };
        let mut numbers: Vec<Vec<f64>> = (0..count as u64).map(unit).collect();
        // A tie of all, and the ends.
        for (i, numbers) in numbers.iter_mut().enumerate() {
            numbers[0] = 0.25;
            numbers[1] = if i == 1 { 0.5 } else { -0.5 };
        }
        let encrypted: Vec<_> = numbers.iter().map(|v| s.encrypt(&complex(v))).collect();
        let found = s.evaluator.one_hot(&encrypted, p).unwrap();
        assert_eq!(found.len(), count);
        let found: Vec<Vec<f64>> = found
            .iter()
            .map(|c| {
                assert_eq!((c.level(), c.degree()), (0, 1));
                s.decrypt(c).iter().map(|z| z.re).collect()
            })
            .collect();

        let (error, mut decided) = (p.one_hot_error(count) + NOISE, 0);
        for slot in 0..found[0].len() {
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by(|&i, &j| numbers[j][slot].total_cmp(&numbers[i][slot]));
            let gap = numbers[order[0]][slot] - numbers[order[1]][slot];
            let is_decided = gap > p.threshold() + NOISE;
            decided += usize::from(is_decided);
            for (i, found) in found.iter().enumerate() {
                let truth = f64::from(u8::from(i == order[0]));
                if is_decided {
                    let error = error.max(0.5 * p.error() + NOISE);
                    assert!((found[slot] - truth).abs() <= error, "{slot}, {i}");
                } else {
                    assert!((-error..=1.0 + error).contains(&found[slot]));
                }
            }
        }
        assert!(decided > found[0].len() / 2);
        for found in &found {
            assert!((found[0] - 0.5f64.powi(count as i32 - 1)).abs() < NOISE);
        }
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    use EvaluationError as E;
    let p = precision(4);
    let s = Scheme::new(Parameters::preset(Preset::N13), |plan| {
        plan.relinearization()
    });
    let e = &s.evaluator;
    let x = s.encrypt(&[Complex64::from(0.5); 4096]);
    let exhausted = |operation, needed| {
        Err(E::LevelExhausted {
            operation,
            level: 3,
            needed,
        })
    };
    assert_eq!(e.sign(&x, p), exhausted("the sign", p.levels()));
    assert_eq!(
        e.greater_than(&x, &x, p),
        exhausted("a comparison", p.levels())
    );
    assert_eq!(e.max(&x, &x, p), exhausted("the maximum", p.levels() + 1));
    assert_eq!(e.relu(&x, p), exhausted("the ReLU", p.levels() + 1));
    let low = e.lower_to(&x, 2).unwrap();
    let levels = E::Levels { left: 3, right: 2 };
    assert_eq!(e.greater_than(&x, &low, p), Err(levels.clone()));
    assert_eq!(e.max(&x, &low, p), Err(levels));
    assert_eq!(e.one_hot(&[], p), Err(E::TooFew(0)));
    assert_eq!(e.one_hot(std::slice::from_ref(&x), p), Err(E::TooFew(1)));
    let three = [x.clone(), x.clone(), x.clone()];
    let needed = p.one_hot_levels(3);
    assert_eq!(needed, p.levels() + 1);
    assert_eq!(
        e.one_hot(&three, p).map(drop),
        exhausted("a one-hot vector", needed).map(drop)
    );
    let product = e.mul(&x, &x).unwrap();
    assert!(matches!(e.sign(&product, p), Err(E::Degree { .. })));

    let parameters = Parameters::preset(Preset::N14);
    let large = Scheme::new(parameters.clone(), |plan| plan);
    let keyless = Evaluator::new(&parameters);
    let y = large.encrypt(&[Complex64::from(0.5); 8192]);
    let missing = E::MissingKey(KeyName::Relinearization);
    assert_eq!(keyless.sign(&y, p), Err(missing));
    assert_eq!(e.sign(&y, p), Err(E::Parameters));

    for count in [0, 1, 129, usize::MAX] {
        assert_eq!(ArgmaxPlan::new(count, p), Err(ArgmaxError::Count(count)));
    }
    let plan = |count| ArgmaxPlan::new(count, p).unwrap();
    let refused = plan(128).encode(&large.encoder, 8).unwrap_err();
    assert!(matches!(refused, ArgmaxError::Slots { stride: 32768, .. }));
    let refused = plan(4).encode(&large.encoder, 8).unwrap_err();
    assert_eq!(
        refused,
        ArgmaxError::Level {
            level: 8,
            needed: 9
        }
    );
    let refused = plan(2).encode(&large.encoder, 9).unwrap_err();
    assert!(matches!(refused, ArgmaxError::Encode(_)));
    let argmax = plan(2).encode(&large.encoder, 8).unwrap();
    let refused = keyless.argmax(&y, &argmax);
    assert_eq!(refused, Err(E::MissingKey(KeyName::Rotation(-4))));
    let lower = keyless.lower_to(&y, 7).unwrap();
    let levels = E::Levels { left: 7, right: 8 };
    assert_eq!(keyless.argmax(&lower, &argmax), Err(levels));
    assert_eq!(e.argmax(&x, &argmax), Err(E::Levels { left: 3, right: 8 }));
}
