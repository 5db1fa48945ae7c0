//! Linear layers that follow each other, as one: a level less.

use crate::error::{NetworkError, Result};
use crate::graph::{Dense, Graph, Node, NodeId, Operation, Shape, Tensor};
use crate::layers::Linear;

/// Values that a dense layer may read in place of pooled ones.
const MAX_COLUMNS: usize = 1 << 16;

/// Pools that only a dense layer reads become part of it.
pub(crate) fn fuse_pools(graph: &Graph) -> Result<Graph> {
    let readers = graph.readers();
    let mut replaced = vec![None; graph.nodes().len()];
    graph.rewrite(|builder, id, node, inputs| {
        let new = match pool_before(graph, node, &readers) {
            Some(pool) => {
                let source = graph.node(pool.inputs[0]);
                let failed = |reason| NetworkError::Node {
                    node: node.name.clone(),
                    reason,
                };
                let dense = fused(node, pool, &source.shape).map_err(failed)?;
                let flat = Shape::new(vec![1, source.shape.values()]).map_err(failed)?;
                let read = replaced[pool.inputs[0].index()].unwrap_or(builder.input());
                let flat = builder.add(&pool.name, Operation::Reshape(flat), vec![read])?;
                builder.add(&node.name, dense, vec![flat])?
            }
            None => builder.add(&node.name, node.operation.clone(), inputs)?,
        };
        replaced[id.index()] = Some(new);
        Ok(new)
    })
}

/// The pool that a dense layer reads, if nothing else does.
fn pool_before<'a>(graph: &'a Graph, node: &Node, readers: &[usize]) -> Option<&'a Node> {
    let Operation::Dense(_) = node.operation else {
        return None;
    };
    let alone = |id: &NodeId| (readers[id.index()] == 1).then(|| graph.node(*id));
    let mut before = alone(node.inputs.first()?)?;
    while let Operation::Reshape(_) = before.operation {
        before = alone(before.inputs.first()?)?;
    }
    let Operation::Convolution(layer) = &before.operation else {
        return None;
    };
    let source = &graph.node(*before.inputs.first()?).shape;
    let by_channel =
        layer.groups == layer.bias.len() && source.dims().get(1) == Some(&layer.groups);
    (by_channel && source.values() <= MAX_COLUMNS).then_some(before)
}

fn fused(node: &Node, pool: &Node, source: &Shape) -> Result<Operation, String> {
    let (Operation::Dense(dense), Some(linear)) = (
        &node.operation,
        Linear::new(&pool.operation, source, &pool.shape),
    ) else {
        return Err("it does not follow a pool".to_owned());
    };
    let (pooled, columns) = (linear.rows(), linear.columns());
    let shape = Shape::new(vec![dense.bias.len(), columns])?;
    let mut weights = vec![0.0; shape.values()];
    linear.for_each(|middle, column, weight| {
        for (row, line) in weights.chunks_mut(columns).enumerate() {
            line[column] += dense.weights.values()[row * pooled + middle] * weight;
        }
    });
    let rows = dense.weights.values().chunks(pooled).zip(&dense.bias);
    let bias = rows.map(|(row, bias)| {
        let moved = row.iter().enumerate().map(|(i, w)| w * linear.bias(i));
        bias + moved.sum::<f64>()
    });
    Ok(Operation::Dense(Dense {
        bias: bias.collect(),
        weights: Tensor::new(shape, weights)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{AveragePool, Window};
    use crate::passes::pools_as_convolutions;
    use crate::passes::testing::{assert_same, chain, dense, names};

    #[test]
    fn a_mean_becomes_part_of_the_dense_layer_after_it() {
        let pool = Operation::AveragePool(AveragePool {
            window: Window::new([4, 4], [0; 4]),
            count_padding: false,
        });
        let flat = Operation::Reshape(Shape::new(vec![1, 3]).unwrap());
        let before = chain(
            &[1, 3, 4, 4],
            vec![Operation::Square, pool, flat, dense(2, 3)],
        );
        let after = fuse_pools(&pools_as_convolutions(&before).unwrap()).unwrap();
        assert_eq!(names(&after), ["input", "square", "Reshape", "Gemm"]);
        assert_same(&before, &after, 1.0);
    }
}
