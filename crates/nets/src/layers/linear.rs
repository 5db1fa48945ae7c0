//! The matrix of a linear layer, entry by entry.

use crate::graph::{Convolution, Dense, Operation, Shape};

/// A linear layer on the values of a tensor in their order. Its matrix is never stored: the entries come from the
/// weights.
#[derive(Clone, Debug)]
pub(crate) enum Linear {
    Dense(Dense),
    Convolution {
        layer: Convolution,
        /// Channels, height, width.
        input: [usize; 3],
        output: [usize; 3],
    },
    /// The values as they are: so many of them.
    Identity(usize),
    /// A layer of each of several images that lie in one vector: all of those that it reads.
    Several {
        layer: Box<Self>,
        inputs: Beside,
        outputs: Beside,
    },
}

/// Where the values of some images are in a vector of several: each channel of one is as many channels beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beside {
    /// How many images the vector holds.
    pub images: usize,
    /// The place of the first of these images among them.
    pub first: usize,
    /// Of a channel.
    pub pixels: usize,
}

impl Beside {
    /// Which value of the vector is this one of an image, counted from the first.
    pub fn place(self, image: usize, value: usize) -> usize {
        let channel = value / self.pixels * self.images + self.first + image;
        channel * self.pixels + value % self.pixels
    }
}

impl Linear {
    /// The layer of an operation on a tensor of this shape, if it is one.
    pub fn new(operation: &Operation, input: &Shape, output: &Shape) -> Option<Self> {
        match operation {
            Operation::Dense(layer) => Some(Self::Dense(layer.clone())),
            Operation::Convolution(layer) => Some(Self::Convolution {
                layer: layer.clone(),
                input: input.image().ok()?,
                output: output.image().ok()?,
            }),
            _ => None,
        }
    }

    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.bias.len(),
            Self::Convolution { output, .. } => output.iter().product(),
            Self::Identity(values) => *values,
            Self::Several { layer, outputs, .. } => layer.rows() * outputs.images,
        }
    }

    pub fn columns(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.weights.values().len() / layer.bias.len(),
            Self::Convolution { input, .. } => input.iter().product(),
            Self::Identity(values) => *values,
            Self::Several { layer, inputs, .. } => layer.columns() * inputs.images,
        }
    }

    /// What is added to a row.
    pub fn bias(&self, row: usize) -> f64 {
        match self {
            Self::Dense(layer) => layer.bias[row],
            Self::Convolution { layer, output, .. } => layer.bias[row / (output[1] * output[2])],
            // Biases of several images are those of their sums.
            Self::Identity(_) | Self::Several { .. } => 0.0,
        }
    }

    /// Visits every entry that the layer's shape does not make zero: row, column, weight.
    pub fn for_each(&self, mut visit: impl FnMut(usize, usize, f64)) {
        self.visit(&mut visit);
    }

    fn visit(&self, visit: &mut dyn FnMut(usize, usize, f64)) {
        match self {
            Self::Identity(values) => (0..*values).for_each(|i| visit(i, i, 1.0)),
            Self::Several {
                layer,
                inputs,
                outputs,
            } => layer.visit(&mut |row, column, weight| {
                for image in 0..inputs.images {
                    visit(
                        outputs.place(image, row),
                        inputs.place(image, column),
                        weight,
                    );
                }
            }),
            Self::Dense(layer) => {
                let columns = self.columns();
                for (i, &weight) in layer.weights.values().iter().enumerate() {
                    visit(i / columns, i % columns, weight);
                }
            }
            Self::Convolution {
                layer,
                input: [inputs, height, width],
                output: [outputs, out_height, out_width],
            } => {
                let window = &layer.window;
                let group_inputs = inputs / layer.groups;
                let group_outputs = outputs / layer.groups;
                for (i, &weight) in layer.weights.values().iter().enumerate() {
                    let [kernel_height, kernel_width] = window.kernel;
                    let (kx, i) = (i % kernel_width, i / kernel_width);
                    let (ky, i) = (i % kernel_height, i / kernel_height);
                    let (channel, output) = (i % group_inputs, i / group_inputs);
                    let channel = output / group_outputs * group_inputs + channel;
                    for y in 0..*out_height {
                        let Some(from_y) = window.source(0, y, ky, *height) else {
                            continue;
                        };
                        for x in 0..*out_width {
                            if let Some(from_x) = window.source(1, x, kx, *width) {
                                let row = (output * out_height + y) * out_width + x;
                                let column = (channel * height + from_y) * width + from_x;
                                visit(row, column, weight);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What one vector adds to the output of a layer: a linear layer between diagonal matrices.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// Which vector.
    pub source: usize,
    /// Which of its ciphertexts, of those that belong to an output: there are several only with several images.
    pub part: usize,
    pub linear: Linear,
    /// Factors of the output's values.
    pub rows: Vec<f64>,
    /// Factors of the vector's values.
    pub columns: Vec<f64>,
}

impl Term {
    /// Visits every entry of the matrix, as [`Linear::for_each`]; the bias of the layer is not part of it.
    pub fn for_each(&self, mut visit: impl FnMut(usize, usize, f64)) {
        self.linear.for_each(|row, column, weight| {
            visit(row, column, weight * self.rows[row] * self.columns[column]);
        });
    }

    /// Adds what the matrix makes of a vector.
    pub fn add_to(&self, sums: &mut [f64], vector: &[f64]) {
        self.for_each(|row, column, weight| sums[row] += weight * vector[column]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Tensor, Window};
    use crate::reference;

    #[test]
    fn the_entries_are_those_of_the_reference() {
        let shape = |dims: &[usize]| Shape::new(dims.to_vec()).unwrap();
        let weights = shape(&[4, 1, 2, 3]);
        let operation = Operation::Convolution(Convolution {
            window: Window {
                strides: [2, 1],
                dilations: [1, 2],
                ..Window::new([2, 3], [1, 2, 0, 1])
            },
            groups: 2,
            weights: Tensor::new(weights, (1..=24).map(f64::from).collect()).unwrap(),
            bias: vec![0.5, 1.5, 2.5, 3.5],
        });
        let input = shape(&[1, 2, 4, 5]);
        let output = operation.output_shape(&[&input]).unwrap();
        let linear = Linear::new(&operation, &input, &output).unwrap();
        assert_eq!((linear.rows(), linear.columns()), (output.values(), 40));
        let x: Vec<f64> = (0..40).map(|i| f64::from(i * i % 17)).collect();
        let mut y: Vec<f64> = (0..linear.rows()).map(|row| linear.bias(row)).collect();
        linear.for_each(|row, column, weight| y[row] += weight * x[column]);
        let x = Tensor::new(input, x).unwrap();
        let expected = reference::apply(&operation, &output, &[&x]).unwrap();
        assert_eq!(expected.values(), y);
    }
}
