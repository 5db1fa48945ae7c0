//! Transforms with several inputs and outputs against matrices in the clear.
//!
//! The stated bounds are on the largest error of any slot for messages and matrix entries in the
//! square [-1, 1] + [-1, 1] i, in units of the *grain*, N / scale, times the square root of the
//! number of diagonals of an output.

mod common;

use std::collections::BTreeMap;

use common::{Scheme, uneven};
use tapetum_ckks::{
    BlockIndices, BlockMatrix, Ciphertext, Complex64, DiagonalEntries, DiagonalForm,
    DiagonalSource, Encoder, EvaluationError, KeyName, LinearTransform, LinearTransformError,
    LinearTransformPlan, Parameters, Preset, SlotMatrix,
};

type Diagonals = BTreeMap<(usize, usize), Vec<i64>>;

fn matrix(s: &Scheme, blocks: &Diagonals) -> BlockMatrix {
    let block = |(&(output, input), indices): (&(usize, usize), &Vec<i64>)| {
        let diagonals = indices
            .iter()
            .zip(1..)
            .map(|(&k, seed)| (k, s.random(100 * output as u64 + 10 * input as u64 + seed)));
        let matrix = SlotMatrix::from_diagonals(s.parameters.slots(), diagonals.collect());
        ((output, input), matrix.unwrap())
    };
    BlockMatrix::new(blocks.iter().map(block).collect()).unwrap()
}

fn scheme(parameters: &Parameters, transform: &LinearTransformPlan) -> Scheme {
    Scheme::new(parameters.clone(), |plan| {
        let plan = plan.rotations(transform.rotations()).relinearization();
        plan.up_to_level(transform.level())
    })
}

fn bound(parameters: &Parameters, diagonals: usize) -> f64 {
    let grain = parameters.degree() as f64 / 2f64.powi(parameters.literal().log_scale as i32);
    8.0 * grain * (diagonals as f64).sqrt()
}

/// Blocks of every kind: full, of one diagonal, absent; 3 outputs of 2 inputs, 1 of 3, 2 of 1.
fn shapes(slots: i64) -> [Diagonals; 3] {
    let run = |low: i64, high: i64| (low..high).collect::<Vec<_>>();
    [
        BTreeMap::from([
            ((0, 0), run(-5, 9)),
            ((0, 1), vec![0]),
            ((1, 1), vec![3, slots / 2, slots - 2]),
            ((2, 0), run(0, 3)),
            ((2, 1), run(8, 20)),
        ]),
        BTreeMap::from([((0, 0), run(0, 8)), ((0, 1), run(-8, 0)), ((0, 2), vec![1])]),
        BTreeMap::from([((0, 0), vec![0, 1, 16, 17]), ((1, 0), vec![0, 5])]),
    ]
}

#[test]
fn transforms_are_products_with_the_matrix_in_the_clear() {
    for parameters in [
        Parameters::preset(Preset::N13),
        Parameters::preset(Preset::N14),
        uneven(),
    ] {
        let slots = parameters.slots() as i64;
        let top = parameters.max_level().min(2);
        for (shape, level) in shapes(slots).iter().zip([top, 1, top]) {
            let indices = shape
                .iter()
                .map(|(&block, indices)| (block, indices.iter().copied().collect()))
                .collect();
            let plan = LinearTransformPlan::for_blocks(&parameters, &indices, level).unwrap();
            let s = scheme(&parameters, &plan);
            let matrix = matrix(&s, shape);
            assert_eq!(
                (plan.outputs(), plan.inputs()),
                (matrix.outputs(), matrix.inputs())
            );
            let inputs: Vec<_> = (0..matrix.inputs() as u64)
                .map(|i| s.random(50 + i))
                .collect();
            let encrypted: Vec<_> = inputs.iter().map(|x| s.encrypt_at(x, level)).collect();
            let encrypted: Vec<&Ciphertext> = encrypted.iter().collect();
            let apply = |form| {
                let encoder = Encoder::new(&parameters);
                let transform = LinearTransform::of_blocks(&encoder, &matrix, plan.clone(), form);
                s.evaluator
                    .linear_transforms(&encrypted, &transform.unwrap())
                    .unwrap()
            };
            let images = apply(DiagonalForm::Values);
            assert!(images == apply(DiagonalForm::Coefficients));
            let expected = matrix.apply(&inputs).unwrap();
            assert_eq!(images.len(), expected.len());
            for (image, expected) in images.iter().zip(expected) {
                assert_eq!(
                    (image.level(), image.scale()),
                    (level - 1, parameters.scale(level - 1))
                );
                s.check(image, &expected, bound(&parameters, 30));
            }
        }
    }
}

/// One diagonal in every type of numbers, made when it is asked for.
struct Typed {
    slots: usize,
    wrong: usize,
}

impl Typed {
    fn entry(i: usize, index: i64) -> i16 {
        ((7 * i + index as usize) % 11) as i16 - 5
    }
}

impl DiagonalSource for Typed {
    fn slots(&self) -> usize {
        self.slots
    }

    fn indices(&self) -> BlockIndices {
        BTreeMap::from([((0, 0), (0..4).collect())])
    }

    fn entries(&self, block: (usize, usize), index: i64) -> DiagonalEntries<'_> {
        assert_eq!(block, (0, 0));
        let entries = (0..self.slots - self.wrong).map(|i| Self::entry(i, index));
        match index {
            0 => DiagonalEntries::Complex(entries.map(|x| f64::from(x).into()).collect()),
            1 => DiagonalEntries::Real(entries.map(f64::from).collect()),
            2 => DiagonalEntries::Single(entries.map(f32::from).collect()),
            _ => DiagonalEntries::Small(entries.collect()),
        }
    }
}

#[test]
fn diagonals_of_all_types_are_those_of_complex_numbers() {
    let parameters = Parameters::preset(Preset::N13);
    let slots = parameters.slots();
    let plan = LinearTransformPlan::new(&parameters, 0..4, 2).unwrap();
    let s = scheme(&parameters, &plan);
    let complex = (0..4i64).map(|k| {
        let entry = |i| f64::from(Typed::entry(i, k)).into();
        (k, (0..slots).map(entry).collect())
    });
    let matrix = SlotMatrix::from_diagonals(slots, complex.collect()).unwrap();
    let a = s.encrypt_at(&s.random(3), 2);
    let transform = LinearTransform::with_plan(&s.encoder, &matrix, plan.clone()).unwrap();
    let expected = s.evaluator.linear_transform(&a, &transform).unwrap();
    for form in [DiagonalForm::Values, DiagonalForm::Coefficients] {
        let source = Typed { slots, wrong: 0 };
        let typed = LinearTransform::of_blocks(&s.encoder, &source, plan.clone(), form).unwrap();
        assert!(s.evaluator.linear_transform(&a, &typed).unwrap() == expected);
    }
    let source = Typed { slots, wrong: 1 };
    let refused = LinearTransform::of_blocks(&s.encoder, &source, plan, DiagonalForm::Values);
    let error = refused.unwrap_err();
    let (found, length) = (slots - 1, slots);
    assert!(
        matches!(error, LinearTransformError::DiagonalLength { found: f, slots: s, .. } if f == found && s == length),
        "{error}"
    );
}

#[test]
fn one_block_is_the_transform_of_its_matrix() {
    let parameters = Parameters::preset(Preset::N13);
    let shape = BTreeMap::from([((0, 0), (-9..30).collect())]);
    let plan = LinearTransformPlan::new(&parameters, -9..30, 2).unwrap();
    let s = scheme(&parameters, &plan);
    let blocks = matrix(&s, &shape);
    let (_, single) = blocks.blocks().next().unwrap();
    let a = s.encrypt_at(&s.random(3), 2);
    let transform = LinearTransform::with_plan(&s.encoder, single, plan.clone()).unwrap();
    let expected = s.evaluator.linear_transform(&a, &transform).unwrap();
    let form = DiagonalForm::Values;
    let transform = LinearTransform::of_blocks(&s.encoder, &blocks, plan, form).unwrap();
    let images = s.evaluator.linear_transforms(&[&a], &transform).unwrap();
    assert!(images == [expected]);
}

#[test]
fn chosen_steps_are_taken_and_products_of_degree_2_relinearised() {
    let parameters = Parameters::preset(Preset::N13);
    let taps = [-33, -32, -31, -1, 0, 1, 31, 32, 33];
    let channels = [0, 1024, -1024];
    let indices: Vec<i64> = channels
        .iter()
        .flat_map(|c| taps.iter().map(move |t| c + t))
        .collect();
    let shape = BTreeMap::from([((0, 0), indices)]);
    let of = |k: &Vec<i64>| k.iter().copied().collect();
    let blocks = shape.iter().map(|(&block, k)| (block, of(k))).collect();
    let level = parameters.max_level() - 1;
    let plan =
        LinearTransformPlan::with_steps(&parameters, &blocks, level, &taps, &channels).unwrap();
    let operations = plan.operations();
    assert_eq!(
        (operations.decompositions, operations.inner_products),
        (1 + 2, 8 + 2)
    );
    let missing =
        LinearTransformPlan::with_steps(&parameters, &blocks, level, &taps[1..], &channels);
    let refused = LinearTransformError::NotPlanned { index: -1024 - 33 };
    assert_eq!(missing.unwrap_err(), refused);

    let s = Scheme::new(parameters.clone(), |keys| {
        keys.rotations(plan.rotations()).relinearization()
    });
    let matrix = matrix(&s, &shape);
    let form = DiagonalForm::Coefficients;
    let transform = LinearTransform::of_blocks(&s.encoder, &matrix, plan, form).unwrap();
    let x = s.random(4);
    let a = s.encrypt(&x);
    let square = s
        .evaluator
        .rescale(&s.evaluator.mul(&a, &a).unwrap())
        .unwrap();
    assert_eq!(square.degree(), 2);
    let image = s.evaluator.linear_transform(&square, &transform).unwrap();
    let squares: Vec<Complex64> = x.iter().map(|z| z * z).collect();
    let expected = matrix.apply(&[squares]).unwrap();
    // The slots of the square are up to 2 in magnitude, and it has been rescaled at degree 2.
    s.check(&image, &expected[0], 20.0 * bound(&parameters, 27));
}

#[test]
fn what_does_not_fit_is_refused() {
    use EvaluationError as E;
    let parameters = Parameters::preset(Preset::N13);
    let shape = BTreeMap::from([((0, 0), vec![0, 1]), ((1, 1), vec![2])]);
    let of = |k: &Vec<i64>| k.iter().copied().collect();
    let blocks = shape.iter().map(|(&block, k)| (block, of(k))).collect();
    let plan = LinearTransformPlan::for_blocks(&parameters, &blocks, 1).unwrap();
    let s = scheme(&parameters, &plan);
    let matrix = matrix(&s, &shape);
    let form = DiagonalForm::Values;
    let transform = LinearTransform::of_blocks(&s.encoder, &matrix, plan.clone(), form).unwrap();
    let a = s.encrypt_at(&s.random(1), 1);
    let apply = |inputs: &[&Ciphertext]| s.evaluator.linear_transforms(inputs, &transform);
    let counts = E::Inputs {
        found: 1,
        expected: 2,
    };
    assert_eq!(apply(&[&a]), Err(counts.clone()));
    assert_eq!(s.evaluator.linear_transform(&a, &transform), Err(counts));
    assert_eq!(apply(&[]), Err(E::Empty));
    let higher = s.encrypt(&s.random(1));
    assert!(matches!(apply(&[&a, &higher]), Err(E::Levels { .. })));
    let mut scaled = s.evaluator.drop_to_level(&higher, 1).unwrap();
    scaled = s.evaluator.mul_scalar(&scaled, 1.0).unwrap_or(scaled);
    assert!(matches!(apply(&[&a, &scaled]), Err(E::Scales { .. })));

    let two = BTreeMap::from([((0, 0), vec![1]), ((1, 0), vec![1])]);
    let blocks = two.iter().map(|(&block, k)| (block, of(k))).collect();
    let plan = LinearTransformPlan::for_blocks(&parameters, &blocks, 1).unwrap();
    let outputs = self::matrix(&s, &two);
    let transform = LinearTransform::of_blocks(&s.encoder, &outputs, plan.clone(), form).unwrap();
    let refused = s.evaluator.linear_transform(&a, &transform);
    assert_eq!(refused, Err(E::Outputs { found: 2 }));
    let refused = LinearTransform::of_blocks(&s.encoder, &matrix, plan, form).unwrap_err();
    assert!(
        matches!(refused, LinearTransformError::NotPlanned { .. }),
        "{refused}"
    );

    let none = Scheme::new(parameters.clone(), |plan| plan);
    let refused = none.evaluator.linear_transform(&a, &{
        let plan = LinearTransformPlan::new(&parameters, [5], 1).unwrap();
        let one = self::matrix(&s, &BTreeMap::from([((0, 0), vec![5])]));
        LinearTransform::of_blocks(&s.encoder, &one, plan, form).unwrap()
    });
    assert_eq!(refused, Err(E::MissingKey(KeyName::Rotation(5))));

    let gap = BTreeMap::from([((0, 0), vec![0]), ((2, 0), vec![0])]);
    let blocks = gap.iter().map(|(&block, k)| (block, of(k))).collect();
    let refused = LinearTransformPlan::for_blocks(&parameters, &blocks, 1).unwrap_err();
    assert_eq!(refused, LinearTransformError::EmptyBlocks);
}
