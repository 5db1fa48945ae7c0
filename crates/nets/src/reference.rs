//! The plaintext reference: a graph evaluated in `f64`.

use crate::error::{NetworkError, Result};
use crate::graph::{
    Affine, AveragePool, Convolution, Dense, Graph, NodeId, Operation, Shape, Tensor,
};

/// The value of each node for an image, by node.
pub(crate) fn values(graph: &Graph, image: &[f64]) -> Result<Vec<Tensor>> {
    let shape = graph.input_shape();
    if image.len() != shape.values() {
        return Err(NetworkError::ImageSize {
            found: image.len(),
            expected: shape.values(),
        });
    }
    let image =
        Tensor::new(shape.clone(), image.to_vec()).map_err(|reason| NetworkError::Tensor {
            name: "image".to_owned(),
            reason,
        })?;
    let mut values: Vec<Tensor> = vec![image];
    for node in &graph.nodes()[1..] {
        let of = |id: &NodeId| &values[id.index()];
        let inputs: Vec<_> = node.inputs.iter().map(of).collect();
        let value =
            apply(&node.operation, &node.shape, &inputs).map_err(|reason| NetworkError::Node {
                node: node.name.clone(),
                reason,
            })?;
        values.push(value);
    }
    Ok(values)
}

/// The output of a graph for an image.
pub(crate) fn output(graph: &Graph, image: &[f64]) -> Result<Vec<f64>> {
    let values = values(graph, image)?;
    Ok(values[graph.output().index()].values().to_vec())
}

/// The place of the largest score, which is the class of an image.
///
/// ```
/// assert_eq!(tapetum_nets::largest(&[0.5, 2.0, -3.0]), 1);
/// ```
pub fn largest(scores: &[f64]) -> usize {
    (0..scores.len())
        .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
        .unwrap_or(0)
}

/// What an operation makes of its inputs, whose shapes fit; the reason if a value is not finite.
pub(crate) fn apply(
    operation: &Operation,
    shape: &Shape,
    inputs: &[&Tensor],
) -> Result<Tensor, String> {
    match (operation, inputs) {
        (Operation::Convolution(layer), [x]) => convolution(layer, x, shape),
        (Operation::Dense(layer), [x]) => dense(layer, x, shape),
        (Operation::Affine(Affine { factors, shifts }), [x]) => {
            by_channel(x, factors.len(), |c, v| v * factors[c] + shifts[c])
        }
        (Operation::Quadratic(q), [x]) => by_channel(x, q.squares.len(), |c, v| {
            (q.squares[c] * v + q.linear[c]) * v + q.constants[c]
        }),
        (Operation::AddConstant(c), [x]) => elementwise(x, c, shape, |a, b| a + b),
        (Operation::MulConstant(c), [x]) => elementwise(x, c, shape, |a, b| a * b),
        (Operation::Add, [a, b]) => elementwise(a, b, shape, |a, b| a + b),
        (Operation::Sub, [a, b]) => elementwise(a, b, shape, |a, b| a - b),
        (Operation::Mul, [a, b]) => elementwise(a, b, shape, |a, b| a * b),
        (Operation::Square, [x]) => (*x).clone().map(|v| v * v),
        (Operation::Relu, [x]) => (*x).clone().map(|v| v.max(0.0)),
        (Operation::AveragePool(pool), [x]) => average_pool(pool, x, shape),
        (Operation::Reshape(to), [x]) => (*x).clone().reshaped(to.clone()),
        (Operation::Pad([top, left, _, _]), [x]) => {
            let [channels, height, width] = x.shape().image()?;
            let [_, padded_height, padded_width] = shape.image()?;
            let mut values = vec![0.0; shape.values()];
            for (row, line) in x.values().chunks(width).enumerate() {
                let (channel, y) = (row / height, row % height);
                debug_assert!(channel < channels);
                let start = (channel * padded_height + y + top) * padded_width + left;
                values[start..start + width].copy_from_slice(line);
            }
            Tensor::new(shape.clone(), values)
        }
        _ => Err(format!(
            "it takes {} inputs and has {}",
            operation.arity(),
            inputs.len()
        )),
    }
}

/// Each value changed by a function of its channel and itself.
fn by_channel(
    x: &Tensor,
    channels: usize,
    f: impl Fn(usize, f64) -> f64,
) -> Result<Tensor, String> {
    let inner = x.values().len() / channels.max(1);
    let values = x.values().iter().enumerate();
    let values = values.map(|(i, &v)| f(i / inner % channels, v));
    Tensor::new(x.shape().clone(), values.collect())
}

fn elementwise(
    a: &Tensor,
    b: &Tensor,
    shape: &Shape,
    f: impl Fn(f64, f64) -> f64,
) -> Result<Tensor, String> {
    let left = a.shape().repeated_in(shape);
    let right = b.shape().repeated_in(shape);
    let pairs = left.zip(right);
    let values = pairs.map(|(i, j)| f(a.values()[i], b.values()[j]));
    Tensor::new(shape.clone(), values.collect())
}

fn dense(layer: &Dense, x: &Tensor, shape: &Shape) -> Result<Tensor, String> {
    let rows = layer.weights.values().chunks(x.values().len());
    let product = |row: &[f64]| -> f64 { row.iter().zip(x.values()).map(|(w, x)| w * x).sum() };
    let values = rows.zip(&layer.bias).map(|(row, b)| product(row) + b);
    Tensor::new(shape.clone(), values.collect())
}

fn convolution(layer: &Convolution, x: &Tensor, shape: &Shape) -> Result<Tensor, String> {
    let [channels, height, width] = x.shape().image()?;
    let [outputs, out_height, out_width] = shape.image()?;
    let window = &layer.window;
    let group_inputs = channels / layer.groups;
    let group_outputs = outputs / layer.groups;
    let [kernel_height, kernel_width] = window.kernel;
    let mut values = vec![0.0; shape.values()];
    let planes = values.chunks_exact_mut(out_height * out_width);
    let weights = layer
        .weights
        .values()
        .chunks_exact(group_inputs * kernel_height * kernel_width);
    for (output, (plane, weights)) in planes.zip(weights).take(outputs).enumerate() {
        plane.fill(layer.bias[output]);
        let first = output / group_outputs * group_inputs;
        for (i, weight) in weights.iter().enumerate() {
            let (kx, ky) = (i % kernel_width, i / kernel_width % kernel_height);
            let channel = first + i / kernel_width / kernel_height;
            for (y, sums) in plane.chunks_exact_mut(out_width).enumerate() {
                let Some(row) = window.source(0, y, ky, height) else {
                    continue;
                };
                let line = &x.values()[(channel * height + row) * width..][..width];
                for (x_out, sum) in sums.iter_mut().enumerate() {
                    if let Some(column) = window.source(1, x_out, kx, width) {
                        *sum += weight * line[column];
                    }
                }
            }
        }
    }
    Tensor::new(shape.clone(), values)
}

fn average_pool(pool: &AveragePool, x: &Tensor, shape: &Shape) -> Result<Tensor, String> {
    let [channels, height, width] = x.shape().image()?;
    let [_, out_height, out_width] = shape.image()?;
    let window = &pool.window;
    let [kernel_height, kernel_width] = window.kernel;
    let mut values = Vec::with_capacity(shape.values());
    for channel in 0..channels {
        for y in 0..out_height {
            for x_out in 0..out_width {
                let rows = (0..kernel_height).filter_map(|k| window.source(0, y, k, height));
                let (mut sum, mut count) = (0.0, 0);
                for row in rows {
                    let columns =
                        (0..kernel_width).filter_map(|k| window.source(1, x_out, k, width));
                    for column in columns {
                        sum += x.values()[(channel * height + row) * width + column];
                        count += 1;
                    }
                }
                if pool.count_padding {
                    count = kernel_height * kernel_width;
                }
                values.push(sum / f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX)));
            }
        }
    }
    Tensor::new(shape.clone(), values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Window;

    fn tensor(dims: &[usize], values: impl IntoIterator<Item = f64>) -> Tensor {
        Tensor::new(
            Shape::new(dims.to_vec()).unwrap(),
            values.into_iter().collect(),
        )
        .unwrap()
    }

    fn run(operation: &Operation, x: &Tensor) -> Tensor {
        let shape = operation.output_shape(&[x.shape()]).unwrap();
        apply(operation, &shape, &[x]).unwrap()
    }

    /// By hand: a 3 x 3 image of 0 ..= 8, stride 2, one pixel of padding above and to the left.
    #[test]
    fn a_convolution_with_stride_and_padding() {
        let layer = Operation::Convolution(Convolution {
            window: Window {
                strides: [2, 2],
                ..Window::new([2, 2], [1, 1, 0, 0])
            },
            groups: 1,
            weights: tensor(&[1, 1, 2, 2], [1.0, 10.0, 100.0, 1000.0]),
            bias: vec![0.5],
        });
        let x = tensor(&[1, 1, 3, 3], (0..9).map(f64::from));
        // Windows: (pad pad / pad 0), (pad pad / 1 2), (pad 3 / pad 6), (4 5 / 7 8).
        assert_eq!(run(&layer, &x).values(), [0.5, 2100.5, 6030.5, 8754.5]);
    }

    #[test]
    fn groups_read_their_own_channels_and_dilated_windows_skip_pixels() {
        let layer = Operation::Convolution(Convolution {
            window: Window {
                dilations: [1, 2],
                ..Window::new([1, 2], [0; 4])
            },
            groups: 2,
            weights: tensor(&[2, 1, 1, 2], [1.0, 1.0, 1.0, -1.0]),
            bias: vec![0.0, 0.0],
        });
        let x = tensor(&[1, 2, 1, 3], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        assert_eq!(run(&layer, &x).values(), [5.0, -24.0]);
    }

    #[test]
    fn pools_count_padding_or_do_not() {
        let pool = |count_padding| {
            Operation::AveragePool(AveragePool {
                window: Window {
                    strides: [2, 2],
                    ..Window::new([2, 2], [1; 4])
                },
                count_padding,
            })
        };
        let x = tensor(&[1, 1, 2, 2], [4.0, 8.0, 12.0, 16.0]);
        assert_eq!(run(&pool(false), &x).values(), [4.0, 8.0, 12.0, 16.0]);
        assert_eq!(run(&pool(true), &x).values(), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn layers_of_single_values() {
        let dense = Operation::Dense(Dense {
            weights: tensor(&[2, 3], [1.0, 2.0, 3.0, 0.0, 0.0, -1.0]),
            bias: vec![10.0, 0.0],
        });
        let x = tensor(&[1, 3], [1.0, 1.0, 2.0]);
        assert_eq!(run(&dense, &x).values(), [19.0, -2.0]);
        assert_eq!(
            run(&Operation::Relu, &run(&dense, &x)).values(),
            [19.0, 0.0]
        );
        assert_eq!(run(&Operation::Square, &x).values(), [1.0, 1.0, 4.0]);
        let pad = Operation::Pad([1, 0, 0, 1]);
        let image = tensor(&[1, 1, 1, 2], [5.0, 6.0]);
        assert_eq!(run(&pad, &image).values(), [0.0, 0.0, 0.0, 5.0, 6.0, 0.0]);
    }

    #[test]
    fn overflow_is_an_error() {
        let x = tensor(&[1, 1], [1e100]);
        let shape = x.shape().clone();
        let square = apply(&Operation::Square, &shape, &[&x]).unwrap();
        assert!(apply(&Operation::Square, &shape, &[&square]).is_err());
    }
}
