//! The numbers of a file's tensors.

use half::f16;

use super::schema;
use crate::error::NetworkError;
use crate::graph::{Shape, Tensor};

/// What a tensor of a file holds: weights, or integers that describe shapes.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    Numbers(Tensor),
    Integers(Vec<i64>),
}

/// Integers in one tensor: they describe shapes, which have few dimensions.
const MAX_INTEGERS: usize = 1 << 10;

/// Element types of ONNX, by their numbers.
const FLOAT: i32 = 1;
const INT32: i32 = 6;
const INT64: i32 = 7;
const FLOAT16: i32 = 10;
const DOUBLE: i32 = 11;

/// Whether numbers of this type are read. All are computed with in double precision.
pub(super) fn is_number(element: i64) -> bool {
    [FLOAT, FLOAT16, DOUBLE].map(i64::from).contains(&element)
}

/// How an element type is called.
pub(super) fn type_name(element: i32) -> &'static str {
    match element {
        FLOAT => "float",
        2 => "uint8",
        3 => "int8",
        4 => "uint16",
        5 => "int16",
        INT32 => "int32",
        INT64 => "int64",
        8 => "string",
        9 => "bool",
        FLOAT16 => "float16",
        DOUBLE => "double",
        16 => "bfloat16",
        17..=20 => "float8",
        _ => "an unknown type",
    }
}

/// Reads a tensor, which errors call by its name.
pub(super) fn read(tensor: &schema::Tensor) -> Result<Constant, NetworkError> {
    values(tensor).map_err(|reason| NetworkError::Tensor {
        name: tensor.name.chars().take(80).collect(),
        reason,
    })
}

fn values(tensor: &schema::Tensor) -> Result<Constant, String> {
    if tensor.data_location != 0 || !tensor.external_data.is_empty() {
        return Err(
            "its data are in another file, which is not read: save the model with its weights inside"
                .to_owned(),
        );
    }
    let dims = tensor.dims.iter().map(|&d| usize::try_from(d));
    let dims = dims
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| format!("the dimensions {:?} are not sizes", tensor.dims))?;
    match tensor.data_type {
        FLOAT => {
            let shape = Shape::new(dims)?;
            let typed = tensor.float_data.iter().map(|&v| f64::from(v)).collect();
            let raw = |raw: [u8; 4]| f64::from(f32::from_le_bytes(raw));
            numbers(shape, elements(&tensor.raw_data, typed, raw)?)
        }
        DOUBLE => {
            let shape = Shape::new(dims)?;
            let typed = tensor.double_data.clone();
            numbers(
                shape,
                elements(&tensor.raw_data, typed, f64::from_le_bytes)?,
            )
        }
        FLOAT16 => {
            let shape = Shape::new(dims)?;
            // The field is for the bits.
            let bits = |&v: &i32| u16::try_from(v).map(|bits| f16::from_bits(bits).to_f64());
            let typed = tensor.int32_data.iter().map(bits);
            let typed = typed.collect::<Result<Vec<_>, _>>();
            let typed = typed.map_err(|_| "it has a float16 of more than 16 bits")?;
            let raw = |raw: [u8; 2]| f16::from_le_bytes(raw).to_f64();
            numbers(shape, elements(&tensor.raw_data, typed, raw)?)
        }
        INT64 => {
            let typed = tensor.int64_data.clone();
            integers(
                &dims,
                elements(&tensor.raw_data, typed, i64::from_le_bytes)?,
            )
        }
        INT32 => {
            let typed = tensor.int32_data.iter().map(|&v| i64::from(v)).collect();
            let raw = |raw: [u8; 4]| i64::from(i32::from_le_bytes(raw));
            integers(&dims, elements(&tensor.raw_data, typed, raw)?)
        }
        other => Err(format!(
            "its elements are {}: convert the model to float",
            type_name(other)
        )),
    }
}

/// The elements from the raw bytes, if there are any, or those that are there in the schema's own field.
fn elements<T, const SIZE: usize>(
    raw: &[u8],
    typed: Vec<T>,
    from_raw: impl Fn([u8; SIZE]) -> T,
) -> Result<Vec<T>, String> {
    if raw.is_empty() {
        return Ok(typed);
    }
    if !typed.is_empty() {
        return Err("it has its values twice".to_owned());
    }
    let (chunks, rest) = raw.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(format!(
            "{} bytes are no multiple of the {SIZE} bytes of an element",
            raw.len()
        ));
    }
    Ok(chunks.iter().map(|&chunk| from_raw(chunk)).collect())
}

fn numbers(shape: Shape, values: Vec<f64>) -> Result<Constant, String> {
    Tensor::new(shape, values).map(Constant::Numbers)
}

fn integers(dims: &[usize], values: Vec<i64>) -> Result<Constant, String> {
    let length = match dims {
        [] => 1,
        [length] => *length,
        _ => {
            return Err(format!(
                "integers of shape {dims:?} are not supported: only lists, as shapes are"
            ));
        }
    };
    if length > MAX_INTEGERS || values.len() != length {
        return Err(format!(
            "the shape {dims:?} must have as many values as there are, {}, and at most {MAX_INTEGERS}",
            values.len()
        ));
    }
    Ok(Constant::Integers(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(tensor: &schema::Tensor) -> String {
        read(tensor).unwrap_err().to_string()
    }

    #[test]
    fn numbers_are_read_from_either_field() {
        let raw = schema::Tensor {
            dims: vec![2],
            data_type: FLOAT,
            raw_data: [1.5_f32, -2.0].map(f32::to_le_bytes).concat(),
            ..Default::default()
        };
        let typed = schema::Tensor {
            float_data: vec![1.5, -2.0],
            raw_data: Vec::new(),
            ..raw.clone()
        };
        for tensor in [raw, typed] {
            let Constant::Numbers(found) = read(&tensor).unwrap() else {
                panic!("not numbers");
            };
            assert_eq!(found.values(), [1.5, -2.0]);
        }
    }

    #[test]
    fn half_precision_is_read_from_either_field() {
        // 1.5, -2 and the least number above zero.
        let bits = [0x3e00_u16, 0xc000, 1];
        let raw = schema::Tensor {
            dims: vec![3],
            data_type: FLOAT16,
            raw_data: bits.map(u16::to_le_bytes).concat(),
            ..Default::default()
        };
        let typed = schema::Tensor {
            int32_data: bits.map(i32::from).to_vec(),
            raw_data: Vec::new(),
            ..raw.clone()
        };
        let infinite = schema::Tensor {
            raw_data: [0x3e00_u16, 0x7c00, 0].map(u16::to_le_bytes).concat(),
            ..raw.clone()
        };
        for tensor in [raw, typed] {
            let Constant::Numbers(found) = read(&tensor).unwrap() else {
                panic!("not numbers");
            };
            assert_eq!(found.values(), [1.5, -2.0, 0.5_f64.powi(24)]);
        }
        assert!(error(&infinite).contains("value 1"));
    }

    #[test]
    fn what_is_not_read_is_refused_by_name() {
        let good = schema::Tensor {
            name: "w".to_owned(),
            dims: vec![2],
            data_type: FLOAT,
            float_data: vec![1.0, 2.0],
            ..Default::default()
        };
        let external = schema::Tensor {
            data_location: 1,
            ..good.clone()
        };
        assert!(error(&external).contains("another file"));
        assert!(error(&external).contains("\"w\""));
        let brain = schema::Tensor {
            data_type: 16,
            ..good.clone()
        };
        assert!(error(&brain).contains("bfloat16"));
        let wide = schema::Tensor {
            data_type: FLOAT16,
            float_data: Vec::new(),
            int32_data: vec![0, 1 << 16],
            ..good.clone()
        };
        assert!(error(&wide).contains("16 bits"));
        for dims in [vec![3], vec![-2], vec![1 << 40, 1 << 40], vec![0]] {
            let damaged = schema::Tensor {
                dims,
                ..good.clone()
            };
            assert!(read(&damaged).is_err());
        }
        let infinite = schema::Tensor {
            float_data: vec![1.0, f32::INFINITY],
            ..good.clone()
        };
        assert!(error(&infinite).contains("value 1"));
        let ragged = schema::Tensor {
            float_data: Vec::new(),
            raw_data: vec![0; 7],
            ..good.clone()
        };
        assert!(error(&ragged).contains("multiple"));
        let twice = schema::Tensor {
            raw_data: vec![0; 8],
            ..good
        };
        assert!(error(&twice).contains("twice"));
    }
}
