//! Linear transforms against matrices in the clear, over several parameter sets.
//!
//! The stated bounds are on the largest error of any slot for messages and matrix entries in the
//! square [-1, 1] + [-1, 1] i, in units of the *grain*, N / scale, times the square root of the
//! number of diagonals.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Scheme, uneven};
use tapetum_ckks::{
    Complex64, EncodeError, Encoder, EvaluationError, KeyName, KeyPlan, LinearTransform,
    LinearTransformError, LinearTransformPlan, Parameters, Preset, SlotMatrix,
};

/// Two presets, and parameters with uneven digits.
fn parameter_sets() -> [Parameters; 3] {
    [
        Parameters::preset(Preset::N13),
        Parameters::preset(Preset::N14),
        uneven(),
    ]
}

fn bound(parameters: &Parameters, diagonals: usize) -> f64 {
    let grain = parameters.degree() as f64 / 2f64.powi(parameters.literal().log_scale as i32);
    8.0 * grain * (diagonals as f64).sqrt()
}

/// Numbers in the square [-1, 1] + [-1, 1] i.
fn random(len: usize, seed: u64) -> Vec<Complex64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..len).map(|_| Complex64::new(next(), next())).collect()
}

fn random_rows(size: usize, seed: u64) -> Vec<Vec<Complex64>> {
    let rows = 0..size as u64;
    rows.map(|row| random(size, 1000 * seed + row)).collect()
}

fn random_diagonals(slots: usize, indices: &[i64]) -> BTreeMap<i64, Vec<Complex64>> {
    let seeds = 1..;
    let indices = indices.iter().zip(seeds);
    indices.map(|(&k, seed)| (k, random(slots, seed))).collect()
}

/// Row by row: slot i takes entry i of diagonal k times slot i + k.
fn product(diagonals: &BTreeMap<i64, Vec<Complex64>>, x: &[Complex64]) -> Vec<Complex64> {
    let slots = x.len() as i64;
    let source = |i: i64, k: i64| x[(i + k).rem_euclid(slots) as usize];
    (0..slots)
        .map(|i| {
            let terms = diagonals.iter().map(|(&k, d)| d[i as usize] * source(i, k));
            terms.sum()
        })
        .collect()
}

/// Each block of slots times the matrix of these rows.
fn block_product(rows: &[Vec<Complex64>], x: &[Complex64]) -> Vec<Complex64> {
    x.chunks(rows.len())
        .flat_map(|block| {
            rows.iter()
                .map(move |row| row.iter().zip(block).map(|(a, b)| a * b).sum())
        })
        .collect()
}

/// Sets of indices: one, three, sixteen, sixty-four; negative, scattered, with a stride, over the
/// edge of the slots.
fn index_sets(slots: i64) -> Vec<Vec<i64>> {
    vec![
        vec![0],
        vec![-5],
        vec![-1, 0, 1],
        (0..16).collect(),
        (-8..8).map(|k| 32 * k).collect(),
        vec![-3000, -77, -1, 0, 2, 9, 10, 500, 501, 2047],
        vec![slots / 2 - 1, slots / 2, slots / 2 + 1, slots - 1],
    ]
}

#[test]
fn transforms_are_products_with_the_matrix_in_the_clear() {
    for parameters in parameter_sets() {
        let slots = parameters.slots();
        let mut sets = index_sets(slots as i64);
        sets.push((-20..44).collect());
        // The costly set of the largest parameters at a low level: the keys are large.
        let top = parameters.max_level().min(3);
        let encoder = Encoder::new(&parameters);
        for (indices, level) in sets.iter().zip([1, 2].into_iter().cycle()) {
            let level = level.min(top);
            let diagonals = random_diagonals(slots, indices);
            let matrix = SlotMatrix::from_diagonals(slots, diagonals.clone()).unwrap();
            let transform = LinearTransform::new(&encoder, &matrix, level).unwrap();
            let s = Scheme::new(parameters.clone(), |plan| {
                plan.rotations(transform.rotations()).up_to_level(level)
            });
            let x = s.random(7);
            let y = s
                .evaluator
                .linear_transform(&s.encrypt_at(&x, level), &transform)
                .unwrap();
            assert_eq!(
                (y.level(), y.scale()),
                (level - 1, parameters.scale(level - 1))
            );
            let expected = product(&diagonals, &x);
            s.check(&y, &expected, bound(&parameters, indices.len()));
            let reference = matrix.apply(&x).unwrap();
            let difference = reference.iter().zip(&expected).map(|(a, b)| (a - b).norm());
            assert!(difference.fold(0.0, f64::max) < 1e-12);
        }
    }
}

#[test]
fn transforms_at_the_highest_level_equal_sums_of_rotations() {
    for parameters in parameter_sets() {
        let slots = parameters.slots();
        let level = parameters.max_level();
        let indices = [-9, -2, 0, 1, 3, 4, 7, 12];
        let diagonals = random_diagonals(slots, &indices);
        let matrix = SlotMatrix::from_diagonals(slots, diagonals.clone()).unwrap();
        let encoder = Encoder::new(&parameters);
        let plan = LinearTransformPlan::with_baby_steps(&parameters, indices, level, 4).unwrap();
        let transform = LinearTransform::with_plan(&encoder, &matrix, plan).unwrap();
        assert_eq!(transform.rotations(), [-12, -4, 1, 2, 3, 4, 12].into());
        let s = Scheme::new(parameters.clone(), |plan| {
            plan.rotations(transform.rotations()).rotations(indices)
        });
        let e = &s.evaluator;
        let x = s.random(8);
        let a = s.encrypt(&x);
        let fast = e.linear_transform(&a, &transform).unwrap();

        let rotated = e.rotate_hoisted(&a, &indices).unwrap();
        let encoded: Vec<_> = indices
            .iter()
            .map(|k| encoder.encode_complex(&diagonals[k], level).unwrap())
            .collect();
        let pairs: Vec<_> = rotated.iter().zip(&encoded).collect();
        let slow = e.rescale(&e.mul_plain_sum(&pairs).unwrap()).unwrap();

        let bound = bound(&parameters, indices.len());
        s.check(&fast, &product(&diagonals, &x), bound);
        let nothing = vec![Complex64::ZERO; slots];
        s.check(&e.sub(&fast, &slow).unwrap(), &nothing, bound);
        assert_eq!(fast, e.linear_transform(&a, &transform).unwrap());

        // The scale of an argument that is not canonical deviates as much afterwards.
        let dropped = e.drop_to_level(&a, level - 1).unwrap();
        if level > 1 {
            let lower = LinearTransform::new(&encoder, &matrix, level - 1);
            let lower = lower.unwrap();
            let s = Scheme {
                evaluator: {
                    let mut generator = tapetum_ckks::KeyGenerator::new(&s.secret).unwrap();
                    let plan = KeyPlan::new(&parameters).rotations(lower.rotations());
                    let keys = generator.evaluation_keys(&plan).unwrap();
                    tapetum_ckks::Evaluator::with_keys(keys)
                },
                ..s
            };
            let y = s.evaluator.linear_transform(&dropped, &lower).unwrap();
            let deviation = dropped.scale() / parameters.scale(level - 1);
            let found = y.scale() / parameters.scale(level - 2);
            assert!((found / deviation - 1.0).abs() < 1e-12);
            s.check(&y, &product(&diagonals, &x), bound);
        }
    }
}

#[test]
fn dense_matrices_on_blocks_and_on_periodic_vectors() {
    let parameters = Parameters::preset(Preset::N13);
    let slots = parameters.slots();
    let encoder = Encoder::new(&parameters);
    for (size, diagonals) in [(1, 1), (2, 3), (16, 31)] {
        let rows = random_rows(size, 5);
        let blocks = SlotMatrix::on_blocks(slots, &rows).unwrap();
        let periodic = SlotMatrix::on_periodic(slots, &rows).unwrap();
        assert_eq!(blocks.diagonals().len(), diagonals);
        assert_eq!(periodic.diagonals().len(), size);
        let [on_blocks, on_periodic] =
            [&blocks, &periodic].map(|m| LinearTransform::new(&encoder, m, 1).unwrap());
        let s = Scheme::new(parameters.clone(), |plan| {
            plan.rotations(on_blocks.rotations())
                .rotations(on_periodic.rotations())
                .up_to_level(1)
        });
        let bound = bound(&parameters, size);
        let x = s.random(9);
        let y = s
            .evaluator
            .linear_transform(&s.encrypt_at(&x, 1), &on_blocks);
        s.check(&y.unwrap(), &block_product(&rows, &x), bound);
        let x: Vec<_> = x[..size].iter().cycle().copied().take(slots).collect();
        let y = s
            .evaluator
            .linear_transform(&s.encrypt_at(&x, 1), &on_periodic);
        s.check(&y.unwrap(), &block_product(&rows, &x), bound);
    }

    // A sparse matrix has no diagonals that it does not need, and in one block they wrap around.
    let mut rows = vec![vec![Complex64::ZERO; 8]; 8];
    rows[6][1] = Complex64::new(2.0, 1.0);
    let indices = |m: SlotMatrix| m.diagonals().map(|(k, _)| k).collect::<Vec<_>>();
    assert_eq!(indices(SlotMatrix::on_blocks(8, &rows).unwrap()), [3]);
    assert_eq!(indices(SlotMatrix::on_blocks(16, &rows).unwrap()), [11]);
    assert_eq!(indices(SlotMatrix::on_periodic(16, &rows).unwrap()), [3]);
    let x = random(8, 1);
    assert_eq!(
        SlotMatrix::on_blocks(8, &rows).unwrap().apply(&x).unwrap(),
        block_product(&rows, &x)
    );
}

#[test]
fn plans_split_with_little_work_and_as_asked() {
    let parameters = Parameters::preset(Preset::N14);
    let counts = |indices: &[i64], level| {
        let plan = LinearTransformPlan::new(&parameters, indices.iter().copied(), level).unwrap();
        let operations = plan.operations();
        assert!(plan.rotations().len() <= operations.inner_products);
        assert_eq!(operations.plaintext_products, indices.len());
        (
            operations.decompositions,
            operations.inner_products,
            operations.divisions,
        )
    };
    assert_eq!(counts(&[0], 1), (0, 0, 2));
    assert_eq!(counts(&[-1, 0, 1], 8), (1, 2, 2));
    assert_eq!(counts(&[4095, 4096, 4097], 8), (1, 3, 2));
    assert_eq!(counts(&(0..64).collect::<Vec<_>>(), 8), (8, 14, 9));
    assert_eq!(counts(&(1..65).collect::<Vec<_>>(), 8), (7, 15, 8));
    // A convolution: its nine taps are the baby steps, its eight channels the giant steps.
    let taps = [-33, -32, -31, -1, 0, 1, 31, 32, 33];
    let convolution = (0..8).flat_map(|c| taps.map(|t| 1024 * c + t));
    assert_eq!(counts(&convolution.collect::<Vec<_>>(), 8), (8, 15, 9));
    // The stages of a factored Fourier transform: odd numbers of diagonals with a stride.
    let dense: Vec<_> = (-31..32).collect();
    let strided: Vec<_> = dense.iter().map(|k| 64 * k).collect();
    assert_eq!(counts(&dense, 8), (8, 14, 9));
    assert_eq!(counts(&dense, 8), counts(&strided, 8));
    // All diagonals: of the order of the square root of their number.
    let all: Vec<_> = (0..8192).collect();
    assert!(counts(&all, 3).1 < 4 * 90);

    let asked = |count| {
        let plan = LinearTransformPlan::with_baby_steps(&parameters, 0..64, 8, count);
        plan.unwrap().rotations().len()
    };
    // Giant steps that are multiples of one of them share its key.
    assert_eq!((asked(1), asked(8), asked(64)), (1, 7 + 1, 63));
}

#[test]
fn one_plan_serves_matrices_with_fewer_diagonals() {
    let parameters = Parameters::preset(Preset::N13);
    let slots = parameters.slots();
    let encoder = Encoder::new(&parameters);
    let plan = LinearTransformPlan::with_baby_steps(&parameters, -8..8, 1, 4).unwrap();
    let keys = plan.rotations();
    assert_eq!(keys, [-4, 1, 2, 3, 4].into());
    let s = Scheme::new(parameters.clone(), |key_plan| {
        key_plan.rotations(keys.clone()).up_to_level(1)
    });
    let x = s.random(3);
    let a = s.encrypt_at(&x, 1);
    for indices in [vec![-7, 6], vec![0, 1, 2], vec![-8, -4, 0, 4]] {
        let diagonals = random_diagonals(slots, &indices);
        let matrix = SlotMatrix::from_diagonals(slots, diagonals.clone()).unwrap();
        let transform = LinearTransform::with_plan(&encoder, &matrix, plan.clone()).unwrap();
        assert!(transform.rotations().is_subset(&keys));
        assert_eq!(transform.operations().plaintext_products, indices.len());
        let y = s.evaluator.linear_transform(&a, &transform).unwrap();
        s.check(&y, &product(&diagonals, &x), bound(&parameters, 4));
    }
    let outside = SlotMatrix::from_diagonals(slots, random_diagonals(slots, &[8])).unwrap();
    assert_eq!(
        LinearTransform::with_plan(&encoder, &outside, plan).unwrap_err(),
        LinearTransformError::NotPlanned { index: 8 }
    );
}

#[test]
fn what_is_no_transform_is_refused() {
    use LinearTransformError as E;
    let parameters = Parameters::preset(Preset::N13);
    let slots = parameters.slots();
    let encoder = Encoder::new(&parameters);
    let one = Complex64::new(1.0, 0.0);
    let of = |entries: &[(i64, usize)]| {
        let diagonals = entries.iter().map(|&(k, len)| (k, vec![one; len]));
        SlotMatrix::from_diagonals(4, diagonals.collect())
    };
    assert_eq!(of(&[]), Err(E::Empty));
    let wrong = E::DiagonalLength {
        index: -2,
        found: 3,
        slots: 4,
    };
    assert_eq!(of(&[(-2, 3), (1, 4)]), Err(wrong));
    let twice = E::DiagonalTwice { index: 3, slots: 4 };
    assert_eq!(of(&[(-1, 4), (3, 4)]), Err(twice));
    assert!(SlotMatrix::from_diagonals(0, [(0, vec![])].into()).is_err());
    assert!(of(&[(i64::MIN, 4), (i64::MAX, 4)]).is_ok());
    let shape = |rows: &[usize]| {
        let rows: Vec<_> = rows.iter().map(|&len| vec![one; len]).collect();
        let [blocks, periodic] = [SlotMatrix::on_blocks, SlotMatrix::on_periodic]
            .map(|constructor| constructor(4, &rows).map(|_| ()));
        assert_eq!(blocks, periodic);
        blocks
    };
    assert_eq!(shape(&[2, 2]), Ok(()));
    for (rows, row, columns) in [
        (&[][..], 0, 0),
        (&[3, 3, 3], 0, 3),
        (&[2, 1], 1, 1),
        (&[5; 5], 0, 5),
    ] {
        let (rows, slots, found) = (rows.len(), 4, shape(rows));
        let expected = E::Shape {
            rows,
            row,
            columns,
            slots,
        };
        assert_eq!(found, Err(expected));
    }
    let zero = vec![vec![Complex64::ZERO; 2]; 2];
    assert_eq!(SlotMatrix::on_blocks(4, &zero), Err(E::Empty));
    let small = of(&[(0, 4)]).unwrap();
    let short = small.apply(&[one; 3]);
    assert_eq!(short, Err(E::VectorLength { found: 3, slots: 4 }));
    let foreign = E::Slots { found: 4, slots };
    assert_eq!(
        LinearTransform::new(&encoder, &small, 1).unwrap_err(),
        foreign
    );

    let with = |value: Complex64| {
        let mut diagonals = random_diagonals(slots, &[0, 5]);
        diagonals.get_mut(&5).unwrap()[17] = value;
        SlotMatrix::from_diagonals(slots, diagonals).unwrap()
    };
    let good = with(one);
    for level in [0, 4] {
        let refused = LinearTransform::new(&encoder, &good, level).unwrap_err();
        assert_eq!(refused, E::Level { level, max: 3 });
    }
    for (value, too_large) in [(f64::NAN, false), (f64::INFINITY, false), (1e30, true)] {
        let matrix = with(Complex64::new(0.0, value));
        match LinearTransform::new(&encoder, &matrix, 1).unwrap_err() {
            E::Encode { index: 5, source } => {
                assert_eq!(matches!(source, EncodeError::TooLarge { .. }), too_large);
            }
            other => panic!("{other}"),
        }
    }
    let plan = |indices: &[i64], count| {
        let indices = indices.iter().copied();
        LinearTransformPlan::with_baby_steps(&parameters, indices, 1, count)
    };
    assert_eq!(plan(&[], 4).unwrap_err(), E::Empty);
    for found in [0, slots + 1] {
        let refused = plan(&[1], found).unwrap_err();
        assert_eq!(refused, E::BabySteps { found, slots });
    }
    let other = Encoder::new(&Parameters::preset(Preset::N12));
    let refused = LinearTransform::with_plan(&other, &good, plan(&[0, 5], 4).unwrap());
    assert_eq!(refused.unwrap_err(), E::Parameters);
}

#[test]
fn what_a_transform_cannot_be_applied_to_is_refused() {
    use EvaluationError as E;
    let parameters = Parameters::preset(Preset::N13);
    let slots = parameters.slots();
    let encoder = Encoder::new(&parameters);
    let indices = [0, 1, 2, 3, 4, 5, 6, 7];
    let matrix = SlotMatrix::from_diagonals(slots, random_diagonals(slots, &indices)).unwrap();
    let at = |level| {
        let plan = LinearTransformPlan::with_baby_steps(&parameters, indices, level, 4);
        LinearTransform::with_plan(&encoder, &matrix, plan.unwrap()).unwrap()
    };
    let transform = at(2);
    let needed: BTreeSet<i64> = [1, 2, 3, 4].into();
    assert_eq!(transform.rotations(), needed);
    for missing in needed.clone() {
        let mut held = needed.clone();
        held.remove(&missing);
        let s = Scheme::new(parameters.clone(), |plan| {
            plan.rotations(held.clone()).up_to_level(2)
        });
        let a = s.encrypt_at(&s.random(1), 2);
        let refused = s.evaluator.linear_transform(&a, &transform);
        assert_eq!(refused, Err(E::MissingKey(KeyName::Rotation(missing))));
    }
    let s = Scheme::new(parameters.clone(), |plan| {
        plan.rotations(needed.clone()).up_to_level(2)
    });
    let x = s.random(1);
    let e = &s.evaluator;
    let low_keys = E::KeyLevel {
        key: KeyName::Rotation(1),
        key_level: 2,
        level: 3,
    };
    assert_eq!(e.linear_transform(&s.encrypt(&x), &at(3)), Err(low_keys));
    let levels = E::Levels { left: 1, right: 2 };
    let a = s.encrypt_at(&x, 1);
    assert_eq!(e.linear_transform(&a, &transform), Err(levels));
    let product = e.mul(&s.encrypt(&x), &s.encrypt(&x)).unwrap();
    let product = e.rescale(&product).unwrap();
    let product = e.drop_to_level(&product, 2).unwrap();
    let refused = e.linear_transform(&product, &transform);
    let missing = E::MissingKey(KeyName::Relinearization);
    assert_eq!(refused, Err(missing));
    let a = s.encrypt_at(&x, 2);
    let mut once = a.clone();
    for _ in 0..2 {
        once = e.mul_scalar(&once, 1.0).unwrap_or(once);
    }
    let refused = e.linear_transform(&once, &transform).unwrap_err();
    assert!(matches!(refused, E::ScaleTooLarge { .. }), "{refused}");
    let other = Scheme::new(Parameters::preset(Preset::N14), |plan| plan);
    let foreign = other.encrypt_at(&other.random(1), 2);
    let refused = e.linear_transform(&foreign, &transform);
    assert_eq!(refused, Err(E::Parameters));
    let a = other.encrypt_at(&other.random(1), 2);
    let refused = other.evaluator.linear_transform(&a, &transform);
    assert_eq!(refused, Err(E::Parameters));
}
