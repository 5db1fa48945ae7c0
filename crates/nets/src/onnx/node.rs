//! A node of a file: its attributes and inputs, read with checks.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::schema;
use super::tensors::{self, Constant};
use crate::error::NetworkError;
use crate::graph::{Builder, NodeId, Operation, Shape, Tensor};

/// What an input of a node stands for.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    /// The output of a node.
    Node(NodeId),
    /// Weights.
    Constant(Tensor),
    /// A shape, or part of one.
    Integers(Vec<i64>),
}

impl From<Constant> for Argument {
    fn from(constant: Constant) -> Self {
        match constant {
            Constant::Numbers(tensor) => Self::Constant(tensor),
            Constant::Integers(integers) => Self::Integers(integers),
        }
    }
}

/// What a node of the file becomes.
pub(super) enum Reading {
    /// Operations one after the other, which may be none.
    Chain(Argument, Vec<Operation>),
    /// An operation on two nodes.
    Pair(Operation, [NodeId; 2]),
}

/// Why a node is not read: a reason to which the caller adds the node's name, or an error that is complete.
pub(super) enum Unread {
    Reason(String),
    Error(NetworkError),
}

impl From<String> for Unread {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<&str> for Unread {
    fn from(reason: &str) -> Self {
        Self::Reason(reason.to_owned())
    }
}

/// Access to a node's attributes and inputs. A message of `Err` is completed with the node's name by the caller.
pub(super) struct NodeReader<'a> {
    builder: &'a Builder,
    attributes: BTreeMap<&'a str, &'a schema::Attribute>,
    read: RefCell<BTreeSet<&'a str>>,
    inputs: Vec<Option<Argument>>,
}

impl<'a> NodeReader<'a> {
    /// The inputs are those of the node; an optional one that is left out has an empty name.
    pub fn new(
        node: &'a schema::Node,
        builder: &'a Builder,
        inputs: Vec<Option<Argument>>,
    ) -> Self {
        Self {
            builder,
            attributes: node.attributes.iter().map(|a| (&*a.name, a)).collect(),
            read: RefCell::default(),
            inputs,
        }
    }

    fn attribute(&self, name: &str) -> Option<&'a schema::Attribute> {
        let (&name, &attribute) = self.attributes.get_key_value(name)?;
        self.read.borrow_mut().insert(name);
        Some(attribute)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.int)
    }

    pub fn float(&self, name: &str, default: f32) -> f64 {
        f64::from(self.attribute(name).map_or(default, |a| a.float))
    }

    pub fn string(&self, name: &str, default: &str) -> String {
        match self.attribute(name) {
            Some(attribute) => String::from_utf8_lossy(&attribute.string)
                .chars()
                .take(80)
                .collect(),
            None => default.to_owned(),
        }
    }

    pub fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|a| &a.ints[..])
    }

    pub fn floats(&self, name: &str) -> Option<&'a [f32]> {
        self.attribute(name).map(|a| &a.floats[..])
    }

    pub fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    pub fn tensor(&self, name: &str) -> Option<Result<Constant, NetworkError>> {
        self.attribute(name)?.tensor.as_ref().map(tensors::read)
    }

    /// Sizes of an attribute with `N` numbers, or the default.
    pub fn sizes<const N: usize>(
        &self,
        name: &str,
        default: Option<[usize; N]>,
    ) -> Result<[usize; N], String> {
        let Some(found) = self.ints(name) else {
            return default.ok_or_else(|| format!("the attribute {name} is missing"));
        };
        sizes(found).map_err(|found| {
            format!("the attribute {name} must be {N} sizes and is {found:?}: only images with height and width are supported")
        })
    }

    /// An attribute that must have one value.
    pub fn must_be(&self, name: &str, value: i64, remedy: &str) -> Result<(), String> {
        match self.int(name, value) {
            found if found == value => Ok(()),
            found => Err(format!("{name} = {found} is not supported: {remedy}")),
        }
    }

    /// Input `i`, if the node has it.
    pub fn optional(&self, i: usize) -> Option<&Argument> {
        self.inputs.get(i)?.as_ref()
    }

    /// Input `i`.
    pub fn input(&self, i: usize) -> Result<&Argument, String> {
        self.optional(i)
            .ok_or_else(|| format!("input {} is missing", i + 1))
    }

    /// Input `i`, which must be weights.
    pub fn weights(&self, i: usize) -> Result<&Tensor, String> {
        match self.input(i)? {
            Argument::Constant(tensor) => Ok(tensor),
            Argument::Node(_) => Err(format!(
                "input {} is computed from the image: only constants are supported there",
                i + 1
            )),
            Argument::Integers(_) => Err(format!("input {} must be of type float", i + 1)),
        }
    }

    /// Input `i`, which must be one weight for each of `n` outputs, or zeros if it is left out.
    pub fn bias(&self, i: usize, n: usize) -> Result<Vec<f64>, String> {
        if self.optional(i).is_none() {
            return Ok(vec![0.0; n]);
        }
        let tensor = self.weights(i)?;
        if tensor.shape().dims() == [n] {
            Ok(tensor.values().to_vec())
        } else {
            Err(format!(
                "input {} must have the shape [{n}] and has {}",
                i + 1,
                tensor.shape()
            ))
        }
    }

    /// Input `i`, which must be integers that the file states.
    pub fn integers(&self, i: usize) -> Result<&[i64], String> {
        match self.input(i)? {
            Argument::Integers(integers) => Ok(integers),
            _ => Err(format!(
                "input {} is not a list of integers stated in the file: simplify the model, with onnxsim for instance",
                i + 1
            )),
        }
    }

    /// The shape of an argument that is a tensor.
    pub fn shape<'b>(&'b self, argument: &'b Argument) -> Result<&'b Shape, String> {
        match argument {
            Argument::Node(id) => Ok(&self.builder.node(*id).shape),
            Argument::Constant(tensor) => Ok(tensor.shape()),
            Argument::Integers(_) => Err("its input must be of type float".to_owned()),
        }
    }

    /// Refuses attributes that nothing has read: they would change the result.
    pub fn finish(&self) -> Result<(), String> {
        let read = self.read.borrow();
        match self.attributes.keys().find(|name| !read.contains(*name)) {
            Some(name) => {
                let name: String = name.chars().take(80).collect();
                Err(format!("the attribute {name:?} is not supported"))
            }
            None => Ok(()),
        }
    }
}

/// `N` integers that are sizes; what was found if they are not.
pub(super) fn sizes<const N: usize>(found: &[i64]) -> Result<[usize; N], Vec<i64>> {
    let few = || found.iter().copied().take(8).collect();
    let converted: Vec<usize> = found
        .iter()
        .take(N + 1)
        .map(|&n| usize::try_from(n))
        .collect::<Result<_, _>>()
        .map_err(|_| few())?;
    converted.try_into().map_err(|_| few())
}
