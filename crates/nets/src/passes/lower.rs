//! Operations written as others.

use crate::error::{NetworkError, Result};
use crate::graph::{Affine, AveragePool, Convolution, Graph, Operation, Shape, Tensor};

/// Pools as convolutions of each channel by itself, unless padding changes how many values a mean has.
pub(crate) fn pools_as_convolutions(graph: &Graph) -> Result<Graph> {
    graph.rewrite(|builder, _, node, inputs| {
        let operation = match &node.operation {
            Operation::AveragePool(pool) if pool.count_padding || pool.window.pads == [0; 4] => {
                let [channels, ..] = channels(&node.shape);
                let layer = pool_as_convolution(pool, channels);
                Operation::Convolution(layer.map_err(|reason| NetworkError::Node {
                    node: node.name.clone(),
                    reason,
                })?)
            }
            other => other.clone(),
        };
        builder.add(&node.name, operation, inputs)
    })
}

fn channels(shape: &Shape) -> [usize; 1] {
    [shape.dims().get(1).copied().unwrap_or(1)]
}

fn pool_as_convolution(pool: &AveragePool, channels: usize) -> Result<Convolution, String> {
    let [height, width] = pool.window.kernel;
    let shape = Shape::new(vec![channels, 1, height, width])?;
    let weights = vec![1.0 / (height * width) as f64; shape.values()];
    Ok(Convolution {
        window: pool.window.clone(),
        groups: channels,
        weights: Tensor::new(shape, weights)?,
        bias: vec![0.0; channels],
    })
}

/// Sums and products with a constant that is the same all over a channel, as factor and shift of the channel.
pub(crate) fn constants_per_channel(graph: &Graph) -> Result<Graph> {
    graph.rewrite(|builder, _, node, inputs| {
        let [channels] = channels(&node.shape);
        let operation = match &node.operation {
            Operation::AddConstant(c) => c.per_channel(&node.shape).map(|shifts| Affine {
                factors: vec![1.0; channels],
                shifts,
            }),
            Operation::MulConstant(c) => c.per_channel(&node.shape).map(|factors| Affine {
                factors,
                shifts: vec![0.0; channels],
            }),
            _ => None,
        };
        // A constant may also give its input more dimensions or values.
        let fits = inputs
            .first()
            .is_some_and(|&id| builder.node(id).shape == node.shape);
        let operation = operation
            .filter(|_| fits)
            .map_or_else(|| node.operation.clone(), Operation::Affine);
        builder.add(&node.name, operation, inputs)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Window;
    use crate::passes::testing::{assert_same, chain, names, tensor};

    fn pool(count_padding: bool, pads: [usize; 4]) -> Operation {
        Operation::AveragePool(AveragePool {
            window: Window {
                strides: [2, 2],
                ..Window::new([2, 2], pads)
            },
            count_padding,
        })
    }

    #[test]
    fn pools_become_convolutions() {
        for (count_padding, pads, name) in [
            (false, [0; 4], "Conv"),
            (true, [1; 4], "Conv"),
            (false, [1; 4], "AveragePool"),
        ] {
            let before = chain(&[1, 3, 4, 4], vec![pool(count_padding, pads)]);
            let after = pools_as_convolutions(&before).unwrap();
            assert_eq!(names(&after), ["input", name]);
            assert_same(&before, &after, 1.0);
        }
    }

    #[test]
    fn constants_become_factors_and_shifts_of_channels() {
        let single = Tensor::new(Shape::new(vec![]).unwrap(), vec![3.0]).unwrap();
        let operations = vec![
            Operation::AddConstant(tensor(&[2, 1, 1])),
            Operation::MulConstant(single),
            Operation::AddConstant(tensor(&[1, 3])),
        ];
        let before = chain(&[1, 2, 2, 3], operations);
        let after = constants_per_channel(&before).unwrap();
        let norm = "BatchNormalization";
        assert_eq!(names(&after), ["input", norm, norm, "Add"]);
        assert_same(&before, &after, 1.0);
    }
}
