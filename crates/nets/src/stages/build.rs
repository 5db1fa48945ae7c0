//! From a graph to its stages.

use tapetum_ckks::Precision;

use super::{Stage, StageKind, Sum, View, channel_of};
use crate::error::{NetworkError, Result};
use crate::graph::{Affine, Graph, Node, NodeId, Operation};
use crate::layers::{Linear, Term};

/// What a node's values are, in terms of vectors that have been computed.
#[derive(Clone)]
enum Form {
    View(View),
    /// Not computed yet: what reads it may become part of it.
    Sum(Sum),
}

/// The stages of a simplified graph; another operation is refused by name. The last one is linear. ReLU are
/// as coarse as they can be: see [`set_precision`](super::set_precision).
pub(crate) fn stages(graph: &Graph) -> Result<Vec<Stage>> {
    let readers = graph.readers();
    let mut stages = Vec::new();
    let mut forms = vec![Form::View(View::of(0, graph.input_shape().values()))];
    for (index, node) in graph.nodes().iter().enumerate().skip(1) {
        let id = NodeId::at(index);
        let inputs = node.inputs.iter().map(|input| forms[input.index()].clone());
        let form = read(graph, id, inputs.collect(), &mut stages)?;
        forms.push(match form {
            Form::Sum(sum) if readers[index] > 1 => {
                Form::View(computed(graph, id, sum, &mut stages))
            }
            form => form,
        });
    }
    let output = graph.output();
    match forms.swap_remove(output.index()) {
        Form::Sum(sum) => {
            computed(graph, output, sum, &mut stages);
        }
        Form::View(view) => {
            let whole =
                view.factors.iter().all(|&f| f == 1.0) && view.shifts.iter().all(|&s| s == 0.0);
            let last = stages
                .last()
                .is_some_and(|stage: &Stage| matches!(stage.kind, StageKind::Linear(_)));
            if !(whole && last && view.source == stages.len()) {
                let sum = Sum::of(view);
                computed(graph, output, sum, &mut stages);
            }
        }
    }
    Ok(stages)
}

/// The form of a node, given those of its inputs.
fn read(graph: &Graph, id: NodeId, inputs: Vec<Form>, stages: &mut Vec<Stage>) -> Result<Form> {
    let node = graph.node(id);
    let refuse = |reason: String| {
        Err(NetworkError::Encrypted {
            node: node.name.clone(),
            reason,
        })
    };
    let mut inputs = inputs.into_iter();
    let (Some(first), second) = (inputs.next(), inputs.next()) else {
        return refuse("it reads nothing".to_owned());
    };
    Ok(match (&node.operation, second) {
        (Operation::Reshape(_), None) => first,
        (Operation::Affine(affine), None) => first.changed(node, affine),
        (Operation::Add, Some(second)) => {
            if graph.node(node.inputs[0]).shape != graph.node(node.inputs[1]).shape {
                return refuse("the shapes of its inputs differ".to_owned());
            }
            Form::Sum(first.sum().plus(second.sum(), 1.0))
        }
        (Operation::Sub, Some(second)) => {
            if graph.node(node.inputs[0]).shape != graph.node(node.inputs[1]).shape {
                return refuse("the shapes of its inputs differ".to_owned());
            }
            Form::Sum(first.sum().plus(second.sum(), -1.0))
        }
        (Operation::Quadratic(quadratic), None) => {
            let of = first.view(graph, node.inputs[0], stages);
            stages.push(Stage {
                name: node.name.clone(),
                operator: node.operation.name(),
                node: id,
                shape: node.shape.clone(),
                kind: StageKind::Quadratic {
                    of,
                    quadratic: quadratic.clone(),
                },
            });
            Form::View(View::of(stages.len(), node.shape.values()))
        }
        (Operation::Relu, None) => {
            let read = node.inputs[0];
            let mut of = first.view(graph, read, stages);
            // What it reads must be scaled to its interval, which only a linear layer can be.
            let linear = of.source.checked_sub(1).map(|index| &stages[index].kind);
            let scalable = matches!(linear, Some(StageKind::Linear(_)))
                && of.factors.iter().all(|&f| f > 0.0)
                && of.shifts.iter().all(|&s| s == 0.0);
            if !scalable {
                of = computed(graph, read, Sum::of(of), stages);
            }
            stages.push(Stage {
                name: node.name.clone(),
                operator: node.operation.name(),
                node: id,
                shape: node.shape.clone(),
                kind: StageKind::Relu {
                    of,
                    precision: Precision::COARSEST,
                },
            });
            Form::View(View::of(stages.len(), node.shape.values()))
        }
        (operation, None) => {
            let input = &graph.node(node.inputs[0]).shape;
            let Some(linear) = Linear::new(operation, input, &node.shape) else {
                return refuse(format!(
                    "{} is not supported on encrypted images yet: see docs/networks-operators.md",
                    operation.name()
                ));
            };
            let view = first.view(graph, node.inputs[0], stages);
            Form::Sum(Sum::layer(linear, view))
        }
        (operation, _) => {
            return refuse(format!(
                "{} of two values that depend on the image is not supported on encrypted images: only a square, or a \
                 polynomial of degree 2 of one value",
                operation.name()
            ));
        }
    })
}

/// Computes a sum: a stage of its own.
fn computed(graph: &Graph, id: NodeId, sum: Sum, stages: &mut Vec<Stage>) -> View {
    let node = graph.node(id);
    stages.push(Stage {
        name: node.name.clone(),
        operator: node.operation.name(),
        node: id,
        shape: node.shape.clone(),
        kind: StageKind::Linear(sum),
    });
    View::of(stages.len(), node.shape.values())
}

impl Form {
    fn changed(self, node: &Node, affine: &Affine) -> Self {
        let change = |value: usize| {
            let channel = channel_of(&node.shape, value);
            (affine.factors[channel], affine.shifts[channel])
        };
        match self {
            Self::View(mut view) => {
                let values = view.factors.iter_mut().zip(&mut view.shifts);
                for (i, (factor, shift)) in values.enumerate() {
                    let (by, plus) = change(i);
                    (*factor, *shift) = (*factor * by, *shift * by + plus);
                }
                Self::View(view)
            }
            Self::Sum(mut sum) => {
                for term in &mut sum.terms {
                    let rows = term.rows.iter_mut().enumerate();
                    rows.for_each(|(i, row)| *row *= change(i).0);
                }
                for (i, bias) in sum.bias.iter_mut().enumerate() {
                    let (by, plus) = change(i);
                    *bias = *bias * by + plus;
                }
                Self::Sum(sum)
            }
        }
    }

    fn sum(self) -> Sum {
        match self {
            Self::Sum(sum) => sum,
            Self::View(view) => Sum::of(view),
        }
    }

    /// As a vector; a sum of this node is computed.
    fn view(self, graph: &Graph, id: NodeId, stages: &mut Vec<Stage>) -> View {
        match self {
            Self::View(view) => view,
            Self::Sum(sum) => computed(graph, id, sum, stages),
        }
    }
}

impl View {
    fn of(source: usize, values: usize) -> Self {
        Self {
            source,
            factors: vec![1.0; values],
            shifts: vec![0.0; values],
        }
    }
}

impl Sum {
    /// The values of a view.
    fn of(view: View) -> Self {
        Self::layer(Linear::Identity(view.factors.len()), view)
    }

    /// A layer of a view.
    fn layer(linear: Linear, view: View) -> Self {
        let rows = linear.rows();
        let mut bias: Vec<f64> = (0..rows).map(|row| linear.bias(row)).collect();
        let mut term = Term {
            source: view.source,
            part: 0,
            rows: vec![1.0; rows],
            columns: vec![1.0; linear.columns()],
            linear,
        };
        if view.shifts.iter().any(|&s| s != 0.0) {
            term.add_to(&mut bias, &view.shifts);
        }
        term.columns = view.factors;
        Self {
            terms: vec![term],
            bias,
        }
    }

    fn plus(mut self, mut other: Self, sign: f64) -> Self {
        if sign != 1.0 {
            let rows = other.terms.iter_mut().flat_map(|term| &mut term.rows);
            rows.chain(&mut other.bias).for_each(|v| *v *= sign);
        }
        for (a, b) in self.bias.iter_mut().zip(other.bias) {
            *a += b;
        }
        self.terms.extend(other.terms);
        self
    }
}
