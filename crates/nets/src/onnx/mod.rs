//! Reads networks from ONNX files.
//!
//! Every byte is hostile: what a file holds is counted before it is decoded, every size is checked before memory is
//! taken for it, and all weights must be finite. Constants are computed while the file is read, so the graph that
//! comes out has only nodes that depend on the image.

mod census;
mod layers;
mod node;
mod operators;
mod schema;
mod shapes;
mod tensors;

use std::collections::HashMap;

use prost::Message;

use crate::error::{NetworkError, NodeName, Result};
use crate::graph::{Builder, Graph, MAX_ALL_VALUES, Operation, Shape, Tensor};
use crate::reference;
use node::{Argument, NodeReader, Reading, Unread};

pub use operators::page as operators_page;

/// The oldest operator set that is read: since then shapes are inputs everywhere.
const LEAST_OPSET: i64 = 13;

/// The graph of a file.
pub(crate) fn read(bytes: &[u8]) -> Result<Graph> {
    census::check(bytes)?;
    let model =
        schema::Model::decode(bytes).map_err(|error| NetworkError::NotOnnx(error.to_string()))?;
    let standard = |domain: &str| matches!(domain, "" | "ai.onnx");
    let opset = model.opsets.iter().find(|set| standard(&set.domain));
    let found = opset
        .ok_or_else(|| NetworkError::NotOnnx("it states no operator set".to_owned()))?
        .version;
    if found < LEAST_OPSET {
        return Err(NetworkError::OperatorSet {
            found,
            least: LEAST_OPSET,
        });
    }
    let graph = model
        .graph
        .ok_or_else(|| NetworkError::NotOnnx("it has no graph".to_owned()))?;
    if !model.functions.is_empty() {
        return Err(unsupported("it defines operators of its own: inline them"));
    }
    if !graph.sparse_initializers.is_empty() {
        return Err(unsupported("it has sparse weights: store them dense"));
    }
    Reader::new(&graph)?.read(&graph)
}

fn unsupported(reason: impl Into<String>) -> NetworkError {
    NetworkError::Graph(reason.into())
}

/// What is known while nodes are read in their order.
struct Reader<'a> {
    builder: Builder,
    /// Weights that no node has used yet are not decoded.
    initializers: HashMap<&'a str, &'a schema::Tensor>,
    /// What names stand for.
    arguments: HashMap<&'a str, Argument>,
    /// How many values the constants among them have.
    constants: usize,
}

impl<'a> Reader<'a> {
    fn new(graph: &'a schema::Graph) -> Result<Self> {
        let initializers: HashMap<_, _> = graph
            .initializers
            .iter()
            .map(|tensor| (&*tensor.name, tensor))
            .collect();
        // Old exporters list weights among the inputs too.
        let is_input = |value: &&schema::Value| !initializers.contains_key(&*value.name);
        let inputs: Vec<_> = graph.inputs.iter().filter(is_input).collect();
        let [input] = inputs[..] else {
            return Err(unsupported(format!(
                "it has {} inputs, and must have one, the image",
                inputs.len()
            )));
        };
        let name = NodeName::new("input", &input.name, 0);
        let shape = input_shape(input).map_err(|reason| NetworkError::Node {
            node: name.clone(),
            reason,
        })?;
        let builder = Builder::new(name, shape);
        let arguments = HashMap::from([(&*input.name, Argument::Node(builder.input()))]);
        Ok(Self {
            builder,
            initializers,
            arguments,
            constants: 0,
        })
    }

    fn read(mut self, graph: &'a schema::Graph) -> Result<Graph> {
        for (place, node) in graph.nodes.iter().enumerate() {
            let name = NodeName::new(&node.operator, &node.name, place);
            let argument = self.node(&name, node)?;
            if let Argument::Constant(tensor) = &argument {
                self.constants += tensor.values().len();
                let what = "values of computed constants";
                NetworkError::check_limit(what, self.constants, MAX_ALL_VALUES)?;
            }
            let Some((output, others)) = node.outputs.split_first() else {
                continue;
            };
            // Some operators have further outputs that are of use in training only.
            if others.iter().any(|name| !name.is_empty()) {
                return Err(NetworkError::Node {
                    node: name,
                    reason: "it has several outputs: export the network for inference".to_owned(),
                });
            }
            let known = self.initializers.contains_key(&**output);
            if known || self.arguments.insert(output, argument).is_some() {
                return Err(NetworkError::Node {
                    node: name,
                    reason: "its output has a name that is in use already".to_owned(),
                });
            }
        }
        let of = |output: &schema::Value| match self.arguments.get(&*output.name) {
            Some(&Argument::Node(id)) => Ok(id),
            _ => Err(unsupported("an output does not depend on the image")),
        };
        let outputs = graph.outputs.iter().map(of).collect::<Result<Vec<_>>>()?;
        // Some files also give the features before the scores.
        let Some(&scores) = outputs.iter().max_by_key(|id| id.index()) else {
            return Err(unsupported("it has no output"));
        };
        let all = self.builder.finish(scores);
        let needed = all.needed();
        if outputs.iter().any(|id| !needed[id.index()]) {
            return Err(unsupported(format!(
                "it has {} outputs, none of which depends on all others: leave one, the scores",
                outputs.len()
            )));
        }
        // Leaves out what the output does not need.
        all.rewrite(|builder, _, node, inputs| {
            builder.add(&node.name, node.operation.clone(), inputs)
        })
    }

    fn node(&mut self, name: &NodeName, node: &'a schema::Node) -> Result<Argument> {
        let operator = match operators::OPERATORS
            .iter()
            .find(|o| o.name == node.operator && matches!(&*node.domain, "" | "ai.onnx"))
        {
            Some(operator) => operator,
            None => {
                return Err(NetworkError::Operator {
                    node: name.clone(),
                    operator: node.operator.chars().take(80).collect(),
                    remedy: operators::remedy(&node.operator),
                });
            }
        };
        let inputs = node.inputs.iter().map(|input| self.argument(name, input));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let reader = NodeReader::new(node, &self.builder, inputs);
        let refuse = |reason| NetworkError::Node {
            node: name.clone(),
            reason,
        };
        let reading = (operator.read)(&reader).map_err(|unread| match unread {
            Unread::Reason(reason) => refuse(reason),
            Unread::Error(error) => error,
        })?;
        reader.finish().map_err(refuse)?;
        match reading {
            Reading::Pair(operation, pair) => {
                let id = self.builder.add(name, operation, pair.to_vec())?;
                Ok(Argument::Node(id))
            }
            Reading::Chain(argument, operations) => operations
                .into_iter()
                .try_fold(argument, |x, operation| self.apply(name, x, operation)),
        }
    }

    /// A node for an operation, or its result if its input is constant.
    fn apply(&mut self, name: &NodeName, x: Argument, operation: Operation) -> Result<Argument> {
        match x {
            Argument::Node(id) => {
                let id = self.builder.add(name, operation, vec![id])?;
                Ok(Argument::Node(id))
            }
            Argument::Constant(tensor) => {
                constant(&operation, &tensor).map_err(|reason| NetworkError::Node {
                    node: name.clone(),
                    reason,
                })
            }
            Argument::Integers(_) => Err(NetworkError::Node {
                node: name.clone(),
                reason: "it computes with integers: simplify the model, with onnxsim for instance"
                    .to_owned(),
            }),
        }
    }

    /// What a name stands for; nothing for the empty name of an optional input that is left out.
    fn argument(&mut self, node: &NodeName, name: &'a str) -> Result<Option<Argument>> {
        if name.is_empty() {
            return Ok(None);
        }
        if let Some(argument) = self.arguments.get(name) {
            return Ok(Some(argument.clone()));
        }
        if let Some(tensor) = self.initializers.get(name) {
            return Ok(Some(tensors::read(tensor)?.into()));
        }
        let name: String = name.chars().take(80).collect();
        Err(NetworkError::Node {
            node: node.clone(),
            reason: format!("tensor {name:?} is used before it is produced"),
        })
    }
}

fn constant(operation: &Operation, tensor: &Tensor) -> Result<Argument, String> {
    let shape = match operation {
        // A constant need not be a batch of one image.
        Operation::AddConstant(c) | Operation::MulConstant(c) => {
            tensor.shape().broadcast(c.shape())?
        }
        Operation::Reshape(shape) if shape.values() == tensor.shape().values() => shape.clone(),
        _ => operation.output_shape(&[tensor.shape()])?,
    };
    reference::apply(operation, &shape, &[tensor]).map(Argument::Constant)
}

/// The shape of the image; an open batch is one image.
fn input_shape(input: &schema::Value) -> Result<Shape, String> {
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor.as_ref());
    let tensor = tensor.ok_or("it is not a tensor")?;
    if !tensors::is_number(tensor.element.into()) {
        return Err(format!(
            "it is of type {}: export a model whose input is of type float or float16",
            tensors::type_name(tensor.element)
        ));
    }
    let shape = tensor.shape.as_ref().ok_or("it has no shape")?;
    if !matches!(shape.dims.len(), 2 | 4) {
        return Err(format!(
            "it has {} dimensions: [batch, channels, height, width] or [batch, length] is expected",
            shape.dims.len()
        ));
    }
    let mut dims = Vec::new();
    for (i, dimension) in shape.dims.iter().enumerate() {
        // Some exporters write an open dimension as 0 or -1.
        let stated = dimension.value.filter(|&size| size > 0);
        match stated.and_then(|size| usize::try_from(size).ok()) {
            Some(1) | None if i == 0 => dims.push(1),
            Some(size) if i == 0 => {
                return Err(format!(
                    "it is a batch of {size} images: export with an open batch, or one of 1"
                ));
            }
            Some(size) => dims.push(size),
            None => {
                return Err(format!(
                    "its dimension {i} is open: export with a fixed size of the image"
                ));
            }
        }
    }
    Shape::new(dims)
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
