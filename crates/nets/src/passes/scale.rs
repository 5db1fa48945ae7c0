//! Scaling of what each layer gives, so that encrypted values use the precision that they have.

use crate::error::{NetworkError, Result};
use crate::graph::{Graph, Operation};
use crate::reference;

/// What a layer before a square gives at most for the images of the calibration.
///
/// Noise is about the same for all values, so larger ones are more precise; but their squares grow.
const ACTIVATION: f64 = 4.0;

/// For each layer with weights, in their order, the factor by which its outputs are scaled so that the largest one
/// for these images is [`ACTIVATION`], and that of the last layer `scores`. Without images all factors are 1.
pub(crate) fn layer_factors(graph: &Graph, images: &[Vec<f64>], scores: f64) -> Result<Vec<f64>> {
    let mut largest = vec![0.0_f64; graph.nodes().len()];
    for image in images {
        for (largest, value) in largest.iter_mut().zip(reference::values(graph, image)?) {
            let values = value.values().iter();
            *largest = values.fold(*largest, |most, v| most.max(v.abs()));
        }
    }
    let nodes = graph.nodes().iter().zip(largest);
    let layers = nodes.filter(|(node, _)| has_weights(&node.operation));
    let mut largest: Vec<f64> = layers.map(|(_, most)| most).collect();
    let last = largest.len().saturating_sub(1);
    for (i, value) in largest.iter_mut().enumerate() {
        let target = if i == last { scores } else { ACTIVATION };
        *value = if *value > 0.0 { target / *value } else { 1.0 };
    }
    Ok(largest)
}

/// The graph whose layers' outputs are times these factors: a square multiplies the factor by itself, and the next
/// layer divides by what comes in. The output of the graph is times the last factor.
pub(crate) fn scale_layers(graph: &Graph, layer_factors: &[f64]) -> Result<Graph> {
    let mut layer_factors = layer_factors.iter().copied();
    // What each node's values are multiplied by.
    let mut factors = vec![1.0; graph.nodes().len()];
    graph.rewrite(|builder, id, node, inputs| {
        let before = node.inputs.first().map_or(1.0, |i| factors[i.index()]);
        let factor = match &node.operation {
            operation if has_weights(operation) => layer_factors
                .next()
                .ok_or_else(|| NetworkError::Plan("it has fewer factors than layers".to_owned()))?,
            Operation::Square => before * before,
            Operation::Reshape(_) => before,
            other => {
                return Err(NetworkError::Encrypted {
                    node: node.name.clone(),
                    reason: format!("{} cannot be scaled", other.name()),
                });
            }
        };
        factors[id.index()] = factor;
        let operation = scaled_layer(&node.operation, factor, before);
        let operation = operation.map_err(|reason| NetworkError::Node {
            node: node.name.clone(),
            reason,
        })?;
        builder.add(&node.name, operation, inputs)
    })
}

fn has_weights(operation: &Operation) -> bool {
    matches!(operation, Operation::Convolution(_) | Operation::Dense(_))
}

/// The layer for inputs times `before` whose outputs are times `factor`.
fn scaled_layer(operation: &Operation, factor: f64, before: f64) -> Result<Operation, String> {
    let weights = |outputs: usize| vec![factor / before; outputs];
    let bias = |bias: &[f64]| bias.iter().map(|b| b * factor).collect::<Vec<_>>();
    Ok(match operation {
        Operation::Convolution(layer) => {
            let mut scaled = layer.clone().scaled(&weights(layer.bias.len()))?;
            scaled.bias = bias(&layer.bias);
            Operation::Convolution(scaled)
        }
        Operation::Dense(layer) => {
            let mut scaled = layer.clone().scaled(&weights(layer.bias.len()))?;
            scaled.bias = bias(&layer.bias);
            Operation::Dense(scaled)
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Shape;
    use crate::passes::testing::{assert_same, chain, convolution, dense, numbers};

    #[test]
    fn values_reach_the_bound_and_the_output_is_the_same_up_to_the_factor() {
        let operations = vec![
            convolution(2, 1),
            Operation::Square,
            Operation::Reshape(Shape::new(vec![1, 32]).unwrap()),
            dense(6, 32),
            Operation::Square,
            dense(3, 6),
        ];
        let before = chain(&[1, 1, 4, 4], operations);
        let images: Vec<_> = (1..4)
            .map(|i| numbers(16 * i)[16 * (i - 1)..].to_vec())
            .collect();
        let factors = layer_factors(&before, &images, 10.0).unwrap();
        let graph = scale_layers(&before, &factors).unwrap();
        assert_same(&before, &graph, factors[2]);
        let mut largest = vec![0.0_f64; graph.nodes().len()];
        for image in &images {
            for (most, value) in largest
                .iter_mut()
                .zip(reference::values(&graph, image).unwrap())
            {
                *most = value.values().iter().fold(*most, |m, v| m.max(v.abs()));
            }
        }
        for (node, bound) in [(1, ACTIVATION), (4, ACTIVATION), (6, 10.0)] {
            assert!(
                (largest[node] - bound).abs() < 1e-9,
                "{} is not {bound}",
                largest[node]
            );
        }
    }

    #[test]
    fn what_cannot_be_scaled_is_named() {
        let graph = chain(&[1, 4], vec![dense(4, 4), Operation::Relu]);
        assert_eq!(layer_factors(&graph, &[], 1.0).unwrap(), [1.0]);
        let error = scale_layers(&graph, &[1.0]).unwrap_err().to_string();
        assert!(error.contains("Relu"), "{error}");
        assert!(scale_layers(&graph, &[]).is_err());
    }
}
