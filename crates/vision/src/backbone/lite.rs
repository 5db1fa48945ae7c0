//! What a TensorFlow Lite file may hold, looked at before the runtime does.
//!
//! The runtime checks that offsets stay within the file, and believes what lies there: it reads settings such as
//! permutations out of tensors and computes whatever depends on constants alone. So only layers that image classifiers
//! are made of get to it, each with something of the image in it, with settings that lie in the file and make sense.

use super::graph::{MAX_NODES, MAX_RANK, MAX_SIDE, MAX_TENSOR, is_permutation, size_of};
use std::collections::HashSet;
use tract_tflite::tflite::{BuiltinOperator, Model, Operator, SubGraph, Tensor};

/// Layers that the graph may have: none makes shapes out of data or runs another graph.
const LAYERS: [BuiltinOperator; 36] = [
    BuiltinOperator::ABS,
    BuiltinOperator::ADD,
    BuiltinOperator::AVERAGE_POOL_2D,
    BuiltinOperator::BATCH_MATMUL,
    BuiltinOperator::CEIL,
    BuiltinOperator::CONCATENATION,
    BuiltinOperator::CONV_2D,
    BuiltinOperator::DEPTHWISE_CONV_2D,
    BuiltinOperator::DIV,
    BuiltinOperator::EXP,
    BuiltinOperator::FLOOR,
    BuiltinOperator::FULLY_CONNECTED,
    BuiltinOperator::HARD_SWISH,
    BuiltinOperator::LEAKY_RELU,
    BuiltinOperator::LOGISTIC,
    BuiltinOperator::MAXIMUM,
    BuiltinOperator::MAX_POOL_2D,
    BuiltinOperator::MEAN,
    BuiltinOperator::MINIMUM,
    BuiltinOperator::MUL,
    BuiltinOperator::PAD,
    BuiltinOperator::PADV2,
    BuiltinOperator::REDUCE_MAX,
    BuiltinOperator::REDUCE_MIN,
    BuiltinOperator::RELU,
    BuiltinOperator::RELU6,
    BuiltinOperator::RESHAPE,
    BuiltinOperator::RSQRT,
    BuiltinOperator::SOFTMAX,
    BuiltinOperator::SQRT,
    BuiltinOperator::SQUARE,
    BuiltinOperator::SQUEEZE,
    BuiltinOperator::SUB,
    BuiltinOperator::SUM,
    BuiltinOperator::TANH,
    BuiltinOperator::TRANSPOSE,
];

/// Refuses a model that the runtime should not see.
pub(super) fn check(model: &Model<'_>) -> Result<(), String> {
    let graphs = model.subgraphs();
    let graph = graphs.filter(|graphs| !graphs.is_empty());
    let graph = File {
        model,
        graph: graph.ok_or("it holds no graph")?.get(0),
    };
    graph.check()
}

/// The main graph of a file.
struct File<'a> {
    model: &'a Model<'a>,
    graph: SubGraph<'a>,
}

impl<'a> File<'a> {
    fn check(&self) -> Result<(), String> {
        self.check_tensors()?;
        let operators = self.graph.operators().ok_or("its graph has no nodes")?;
        if operators.is_empty() || operators.len() > MAX_NODES {
            let nodes = operators.len();
            return Err(format!("its graph has {nodes} nodes, not 1 to {MAX_NODES}"));
        }
        // What depends on the image.
        let mut computed = HashSet::new();
        for input in self.graph.inputs().into_iter().flatten() {
            self.made_once(input, &mut computed)?;
        }
        for operator in operators {
            let layer = self.layer(&operator)?;
            let wrong = |what: &str| {
                let layer = layer.variant_name().unwrap_or("unknown");
                format!("a layer of type {layer} {what}")
            };
            let inputs: Vec<i32> = operator.inputs().into_iter().flatten().collect();
            for &input in &inputs {
                let tensor = self.tensor(input)?;
                if !computed.contains(&input) && self.data(&tensor).is_none() {
                    return Err(wrong("needs what nothing has made"));
                }
            }
            if !inputs.iter().any(|input| computed.contains(input)) {
                return Err(wrong("works on constants alone"));
            }
            let setting = match inputs.get(1).filter(|input| !computed.contains(input)) {
                Some(&input) => self.data(&self.tensor(input)?),
                None => None,
            };
            if !is_set_sensibly(layer, &operator, setting) {
                return Err(wrong("has absurd settings"));
            }
            let outputs = operator.outputs().filter(|outputs| !outputs.is_empty());
            for output in outputs.ok_or_else(|| wrong("makes nothing"))? {
                self.made_once(output, &mut computed)?;
            }
        }
        for output in self.graph.outputs().into_iter().flatten() {
            if !computed.contains(&output) {
                return Err("nothing makes its output".to_owned());
            }
        }
        Ok(())
    }

    /// All tensors are of a sensible size, and constants are as long as they say.
    fn check_tensors(&self) -> Result<(), String> {
        for tensor in self.graph.tensors().ok_or("it holds no tensors")? {
            let dims: Vec<i32> = tensor.shape().into_iter().flatten().collect();
            let size = size_of(dims.iter().map(|&dim| dim.into()));
            let size = size.filter(|_| dims.len() <= MAX_RANK);
            let size = size.ok_or("a tensor has an absurd shape")?;
            if self
                .data(&tensor)
                .is_some_and(|data| (data.len() as i64) < size)
            {
                return Err("a tensor is cut short".to_owned());
            }
        }
        Ok(())
    }

    fn tensor(&self, index: i32) -> Result<Tensor<'a>, String> {
        let tensors = self.graph.tensors();
        let index = usize::try_from(index).ok();
        let tensor = index.and_then(|i| tensors.filter(|all| i < all.len()).map(|all| all.get(i)));
        tensor.ok_or_else(|| "it names a tensor that is not there".to_owned())
    }

    /// The bytes of a constant. Buffer 0 stands for none.
    fn data(&self, tensor: &Tensor<'a>) -> Option<&'a [u8]> {
        let buffers = self.model.buffers()?;
        let index = tensor.buffer() as usize;
        let held = index != 0 && index < buffers.len();
        let data = held.then(|| buffers.get(index)).and_then(|b| b.data());
        data.map(|data| data.bytes())
    }

    /// A tensor that the image or a layer is, and nothing else.
    fn made_once(&self, index: i32, computed: &mut HashSet<i32>) -> Result<(), String> {
        let tensor = self.tensor(index)?;
        if self.data(&tensor).is_some() || !computed.insert(index) {
            return Err("a tensor is made twice".to_owned());
        }
        Ok(())
    }

    fn layer(&self, operator: &Operator<'a>) -> Result<BuiltinOperator, String> {
        let codes = self.model.operator_codes();
        let index = operator.opcode_index() as usize;
        let code = codes
            .filter(|codes| index < codes.len())
            .map(|codes| codes.get(index));
        let code = code.ok_or("it names a type of layer that is not there")?;
        // Since there are more than 127 types, newer files have them in a wider field.
        let layer = match i32::from(code.deprecated_builtin_code()) {
            wide if wide == BuiltinOperator::PLACEHOLDER_FOR_GREATER_OP_CODES.0 => {
                code.builtin_code()
            }
            narrow => BuiltinOperator(narrow),
        };
        LAYERS.contains(&layer).then_some(layer).ok_or_else(|| {
            let name = layer.variant_name().unwrap_or("unknown");
            format!("it has a layer of type {name}, which backbones are not run with")
        })
    }
}

/// Whether what a layer is told in numbers makes sense. `setting` is its second input if that is a constant.
fn is_set_sensibly(layer: BuiltinOperator, op: &Operator<'_>, setting: Option<&[u8]>) -> bool {
    let numbers = setting.and_then(whole_numbers);
    let all = |range: std::ops::RangeInclusive<i64>| {
        let numbers = numbers.as_deref();
        numbers.is_some_and(|numbers| numbers.iter().all(|n| range.contains(n)))
    };
    let places = |numbers: &[i32]| {
        let range = 1..=MAX_SIDE;
        numbers.iter().all(|&n| range.contains(&n.into()))
    };
    match layer {
        BuiltinOperator::TRANSPOSE => numbers.is_some_and(|numbers| is_permutation(&numbers)),
        BuiltinOperator::PAD | BuiltinOperator::PADV2 => all(0..=MAX_SIDE),
        BuiltinOperator::MEAN
        | BuiltinOperator::REDUCE_MAX
        | BuiltinOperator::REDUCE_MIN
        | BuiltinOperator::SUM => all(0..=MAX_RANK as i64),
        BuiltinOperator::RESHAPE => match op.builtin_options_as_reshape_options() {
            _ if op.inputs().is_some_and(|inputs| inputs.len() > 1) => all(-1..=MAX_TENSOR),
            Some(options) => options
                .new_shape()
                .is_some_and(|shape| shape.len() <= MAX_RANK && shape.iter().all(|n| n >= -1)),
            None => false,
        },
        BuiltinOperator::CONV_2D => op.builtin_options_as_conv_2_doptions().is_some_and(|o| {
            let dilations = [o.dilation_h_factor(), o.dilation_w_factor()];
            places(&[o.stride_h(), o.stride_w()]) && places(&dilations)
        }),
        BuiltinOperator::DEPTHWISE_CONV_2D => {
            let options = op.builtin_options_as_depthwise_conv_2_doptions();
            options.is_some_and(|o| {
                let dilations = [o.dilation_h_factor(), o.dilation_w_factor()];
                places(&[o.stride_h(), o.stride_w()]) && places(&dilations)
            })
        }
        BuiltinOperator::AVERAGE_POOL_2D | BuiltinOperator::MAX_POOL_2D => {
            let options = op.builtin_options_as_pool_2_doptions();
            options.is_some_and(|o| {
                places(&[o.filter_height(), o.filter_width()])
                    && places(&[o.stride_h(), o.stride_w()])
            })
        }
        _ => true,
    }
}

/// Numbers of 32 bits each, as many as settings have.
fn whole_numbers(bytes: &[u8]) -> Option<Vec<i64>> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let numbers = (rest.is_empty() && numbers.len() <= 2 * MAX_RANK).then_some(numbers)?;
    Some(
        numbers
            .iter()
            .map(|&n| i32::from_le_bytes(n).into())
            .collect(),
    )
}
