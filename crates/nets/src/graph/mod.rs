//! Networks as graphs of operations.

mod operation;
mod tensor;
mod window;

pub(crate) use operation::{Affine, AveragePool, Convolution, Dense, Operation, Quadratic};
pub(crate) use tensor::{Shape, Tensor};
pub(crate) use window::Window;

use crate::error::{NetworkError, NodeName, Result};

/// Nodes of a graph.
const MAX_NODES: usize = 1 << 14;
/// Values and weights of all nodes together.
pub(crate) const MAX_ALL_VALUES: usize = 1 << 26;

/// A node's place in the list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(usize);

impl NodeId {
    /// The node at this place.
    pub fn at(index: usize) -> Self {
        Self(index)
    }

    pub fn index(self) -> usize {
        self.0
    }
}

/// An operation, the nodes that it reads, and the shape of what comes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub name: NodeName,
    pub operation: Operation,
    pub inputs: Vec<NodeId>,
    pub shape: Shape,
}

/// Nodes in an order in which each reads only earlier ones. The first is the only input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    output: NodeId,
}

impl Graph {
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    pub fn output(&self) -> NodeId {
        self.output
    }

    /// The shape of the image.
    pub fn input_shape(&self) -> &Shape {
        &self.nodes[0].shape
    }

    /// How many nodes read each node; the output of the graph counts as a reader.
    pub fn readers(&self) -> Vec<usize> {
        let mut readers = vec![0; self.nodes.len()];
        for id in self.nodes.iter().flat_map(|node| &node.inputs) {
            readers[id.0] += 1;
        }
        readers[self.output.0] += 1;
        readers
    }

    /// The graph with each node replaced by what `replace` adds in its place, given the replacements of its
    /// inputs. What the output does not need is left out.
    pub fn rewrite(
        &self,
        mut replace: impl FnMut(&mut Builder, NodeId, &Node, Vec<NodeId>) -> Result<NodeId>,
    ) -> Result<Self> {
        let needed = self.needed();
        let mut builder = Builder::new(self.nodes[0].name.clone(), self.input_shape().clone());
        let mut replaced = vec![builder.input(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().skip(1) {
            if needed[index] {
                let inputs = node.inputs.iter().map(|id| replaced[id.0]).collect();
                replaced[index] = replace(&mut builder, NodeId(index), node, inputs)?;
            }
        }
        let rewritten = builder.finish(replaced[self.output.0]);
        Ok(rewritten.without_unneeded())
    }

    /// Which nodes the output depends on, itself included.
    pub fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        needed[self.output.0] = true;
        for index in (0..self.nodes.len()).rev() {
            if needed[index] {
                for id in &self.nodes[index].inputs {
                    needed[id.0] = true;
                }
            }
        }
        needed
    }

    /// The part that this node depends on, which is its output.
    pub fn up_to(&self, output: NodeId) -> Self {
        let graph = Self {
            nodes: self.nodes.clone(),
            output,
        };
        graph.without_unneeded()
    }

    fn without_unneeded(self) -> Self {
        let mut needed = self.needed();
        needed[0] = true;
        let mut new_ids = vec![NodeId(0); self.nodes.len()];
        let mut nodes = Vec::new();
        for (index, mut node) in self.nodes.into_iter().enumerate() {
            if needed[index] {
                node.inputs.iter_mut().for_each(|id| *id = new_ids[id.0]);
                new_ids[index] = NodeId(nodes.len());
                nodes.push(node);
            }
        }
        Self {
            nodes,
            output: new_ids[self.output.0],
        }
    }
}

/// A graph under construction.
pub(crate) struct Builder {
    nodes: Vec<Node>,
    values: usize,
}

impl Builder {
    pub fn new(name: NodeName, shape: Shape) -> Self {
        let values = shape.values();
        let input = Node {
            name,
            operation: Operation::Input,
            inputs: Vec::new(),
            shape,
        };
        Self {
            nodes: vec![input],
            values,
        }
    }

    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Adds a node whose inputs are of this graph.
    pub fn add(
        &mut self,
        name: &NodeName,
        operation: Operation,
        inputs: Vec<NodeId>,
    ) -> Result<NodeId> {
        let shapes: Vec<_> = inputs.iter().map(|id| &self.nodes[id.0].shape).collect();
        let shape = operation
            .output_shape(&shapes)
            .map_err(|reason| NetworkError::Node {
                node: name.clone(),
                reason,
            })?;
        self.values += shape.values() + operation.weights();
        for (what, found, limit) in [
            ("nodes", self.nodes.len(), MAX_NODES),
            (
                "values and weights of all nodes",
                self.values,
                MAX_ALL_VALUES,
            ),
        ] {
            NetworkError::check_limit(what, found, limit)?;
        }
        self.nodes.push(Node {
            name: name.clone(),
            operation,
            inputs,
            shape,
        });
        Ok(NodeId(self.nodes.len() - 1))
    }

    /// The graph whose output is this node.
    pub fn finish(self, output: NodeId) -> Graph {
        Graph {
            nodes: self.nodes,
            output,
        }
    }
}
