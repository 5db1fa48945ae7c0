//! Weights of a network, and where they lie in a packed vector.

use super::shape::TwoLayerShape;

/// Both layers in the clear, in powers of two: T x H and H x P.
pub(super) struct Weights {
    /// Feature after feature, a number for each hidden unit.
    pub hidden: Vec<f64>,
    /// Hidden unit after hidden unit, a number for each output.
    pub output: Vec<f64>,
}

impl Weights {
    /// Those of these rows: one number a feature for each hidden unit, and one number a hidden unit for each score.
    pub fn from_rows(shape: &TwoLayerShape, hidden: &[f64], output: &[f64]) -> Self {
        let (units, outputs) = (shape.hidden.outputs, shape.output.outputs);
        let mut weights = Self {
            hidden: vec![0.0; shape.hidden.features * units],
            output: vec![0.0; units * outputs],
        };
        let columns = hidden.len() / units;
        for (unit, row) in hidden.chunks_exact(columns.max(1)).enumerate() {
            for (feature, &weight) in row.iter().enumerate() {
                weights.hidden[feature * units + unit] = weight;
            }
        }
        for (class, row) in output.chunks_exact(units).enumerate() {
            for (unit, &weight) in row.iter().enumerate() {
                weights.output[unit * outputs + class] = weight;
            }
        }
        weights
    }

    /// As rows again: of so many features, and so many scores.
    pub fn to_rows(&self, shape: &TwoLayerShape, features: usize, scores: usize) -> [Vec<f64>; 2] {
        let (units, outputs) = (shape.hidden.outputs, shape.output.outputs);
        let hidden = (0..units)
            .flat_map(|unit| (0..features).map(move |feature| self.hidden[feature * units + unit]));
        let output = (0..scores)
            .flat_map(|class| (0..units).map(move |unit| self.output[unit * outputs + class]));
        [hidden.collect(), output.collect()]
    }

    /// Diagonal number `number` of both layers, over the outer axis.
    pub fn diagonal(&self, shape: &TwoLayerShape, number: usize) -> Vec<f64> {
        (0..shape.hidden.features)
            .map(|outer| match place(shape, number, outer) {
                (true, index) => self.hidden[index],
                (false, index) => self.output[index],
            })
            .collect()
    }

    /// All diagonals in the slots of a packed vector.
    pub fn pack(&self, shape: &TwoLayerShape) -> Vec<f64> {
        let mut slots = vec![0.0; shape.hidden.slots()];
        for number in 0..shape.positions.diagonals {
            let diagonal = self.diagonal(shape, number);
            for (outer, weight) in diagonal.into_iter().enumerate() {
                slots[outer * shape.hidden.samples + number] = weight;
            }
        }
        slots
    }

    /// What [`pack`](Self::pack) was given. A weight of the second layer is there several times; the first counts.
    pub fn unpack(shape: &TwoLayerShape, slots: &[f64]) -> Self {
        let mut weights = Self {
            hidden: vec![0.0; shape.hidden.features * shape.hidden.outputs],
            output: vec![0.0; shape.hidden.outputs * shape.output.outputs],
        };
        for number in 0..shape.positions.diagonals {
            // A period of hidden units has all of the second layer.
            for outer in (0..shape.hidden.features).rev() {
                let weight = slots[outer * shape.hidden.samples + number];
                match place(shape, number, outer) {
                    (true, index) => weights.hidden[index] = weight,
                    (false, index) => weights.output[index] = weight,
                }
            }
        }
        weights
    }
}

/// Whether a slot of a diagonal is of the hidden layer, and where its weight is in that layer: D_j in the slots of u is
/// W[u + b, u - g B] with j = g B + b.
fn place(shape: &TwoLayerShape, number: usize, outer: usize) -> (bool, usize) {
    let units = shape.hidden.outputs;
    let (hidden, layer, number) = match number < units {
        true => (true, &shape.hidden, number),
        false => (false, &shape.output, number - units),
    };
    let (giant, baby) = (number / layer.babies, number % layer.babies);
    let row = (outer + baby) % layer.features;
    let column = (outer + layer.features - giant * layer.babies) % layer.outputs;
    (hidden, row * layer.outputs + column)
}

/// Numbers for the hidden layer to begin with, in rows of features: the same for everybody who begins with this seed, as they
/// are no secret. They are of variance 1 / `columns` times that of `scale`.
pub(super) fn initial(seed: u64, (units, columns): (usize, usize), scale: f64) -> Vec<f64> {
    let uniform = |index: u64| {
        let mut input = [0; 16];
        input[..8].copy_from_slice(&seed.to_le_bytes());
        input[8..].copy_from_slice(&index.to_le_bytes());
        let hash = blake3::derive_key("tapetum 2026 weights that a network begins with", &input);
        let word = u64::from_le_bytes(std::array::from_fn(|i| hash[i]));
        // 53 bits, from (0, 1].
        ((word >> 11) + 1) as f64 / (1u64 << 53) as f64
    };
    let deviation = scale / (columns as f64).sqrt();
    (0..(units * columns) as u64)
        .map(|i| {
            // Box and Muller, 1958.
            let radius = (-2.0 * uniform(2 * i).ln()).sqrt();
            deviation * radius * (std::f64::consts::TAU * uniform(2 * i + 1)).cos()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_weights_come_back(
            (columns, classes) in (1usize..70, 2usize..40),
            log_units in 5usize..7,
            seed in 0u64..9,
        ) {
            let units = 1 << log_units;
            prop_assume!(classes <= units);
            let layout = TwoLayerShape::layout(9, columns, (units, classes), 1 << 14).unwrap();
            let shape = TwoLayerShape::new(&layout, units, classes).unwrap();
            let scores = crate::task::outputs(classes);
            let hidden = initial(seed, (units, columns), 1.0);
            let output = initial(seed + 1, (scores, units), 1.0);
            let weights = Weights::from_rows(&shape, &hidden, &output);
            let read = Weights::unpack(&shape, &weights.pack(&shape));
            prop_assert_eq!(read.to_rows(&shape, columns, scores), [hidden, output]);
        }
    }

    #[test]
    fn weights_to_begin_with_are_normal_and_known() {
        let weights = initial(7, (64, 250), 0.5);
        assert_eq!(weights, initial(7, (64, 250), 0.5));
        assert_ne!(weights[..9], initial(8, (64, 250), 0.5)[..9]);
        let mean = weights.iter().sum::<f64>() / 16_000.0;
        let variance = weights.iter().map(|w| w * w).sum::<f64>() / 16_000.0;
        assert!(mean.abs() < 1e-3, "{mean}");
        assert!((variance * 1000.0 - 1.0).abs() < 0.05, "{variance}");
    }
}
