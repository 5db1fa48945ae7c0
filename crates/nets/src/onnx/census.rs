//! Counts what a file holds before it is decoded.
//!
//! An empty message takes 2 bytes in a file and up to 200 in memory, and a small integer 1 and 8. The count bounds
//! what decoding allocates beyond the bytes of the file.

use crate::error::NetworkError;

/// Bytes of a file.
pub(crate) const MAX_FILE: usize = 64 << 20;
/// Messages, strings and integers in a file.
const MAX_PARTS: usize = 1 << 18;

/// What a kind of message may contain.
struct Kind {
    /// Fields that are messages, with their kinds.
    messages: &'static [(u64, &'static Kind)],
    /// Fields that may be packed varints.
    integers: &'static [u64],
}

impl Kind {
    /// Without packed integers.
    const fn of(messages: &'static [(u64, &'static Kind)]) -> Self {
        Self {
            messages,
            integers: &[],
        }
    }
}

const TENSOR: Kind = Kind {
    messages: &[],
    integers: &[1, 5, 7],
};
const ATTRIBUTE: Kind = Kind {
    messages: &[(5, &TENSOR)],
    integers: &[8],
};
const NODE: Kind = Kind::of(&[(5, &ATTRIBUTE)]);
const DIMENSION: Kind = Kind::of(&[]);
const SHAPE: Kind = Kind::of(&[(1, &DIMENSION)]);
const TENSOR_TYPE: Kind = Kind::of(&[(2, &SHAPE)]);
const TYPE: Kind = Kind::of(&[(1, &TENSOR_TYPE)]);
const VALUE: Kind = Kind::of(&[(2, &TYPE)]);
const GRAPH: Kind = Kind::of(&[(1, &NODE), (5, &TENSOR), (11, &VALUE), (12, &VALUE)]);
const MODEL: Kind = Kind::of(&[(7, &GRAPH)]);

/// Refuses a file that is too large, is not made of ONNX messages, or has too many parts.
pub(crate) fn check(bytes: &[u8]) -> Result<(), NetworkError> {
    NetworkError::check_limit("bytes of the file", bytes.len(), MAX_FILE)?;
    let damaged = || NetworkError::NotOnnx("its structure is damaged".to_owned());
    let parts = count(bytes, &MODEL).ok_or_else(damaged)?;
    NetworkError::check_limit("fields of the file", parts, MAX_PARTS)
}

/// How many parts a message has; nothing if it is damaged.
fn count(mut bytes: &[u8], kind: &Kind) -> Option<usize> {
    let mut parts = 0;
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        parts += 1;
        match key & 7 {
            0 => {
                varint(&mut bytes)?;
            }
            1 => bytes = bytes.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (field, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                let tag = key >> 3;
                if let Some((_, inner)) = kind.messages.iter().find(|(t, _)| *t == tag) {
                    parts += count(field, inner)?;
                } else if kind.integers.contains(&tag) {
                    parts += length;
                }
            }
            5 => bytes = bytes.get(4..)?,
            // Groups, which the schema does not use.
            _ => return None,
        }
    }
    Some(parts)
}

/// An integer of 7 bits in each byte, the lowest first.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_before_they_take_memory() {
        // 2^18 empty nodes take 512 KiB in the file.
        let nodes = [0x0a, 0].repeat(1 << 18);
        let mut file = vec![0x3a];
        let mut length = nodes.len();
        while length >= 0x80 {
            file.push(length as u8 | 0x80);
            length >>= 7;
        }
        file.push(length as u8);
        file.extend(nodes);
        let error = check(&file).unwrap_err().to_string();
        assert!(error.contains("fields"), "{error}");
    }

    #[test]
    fn truncated_fields_are_refused() {
        for bytes in [&[0x3a, 5, 0][..], &[0x3a], &[0x3a, 0xff], &[0x08], &[0x0b]] {
            assert!(matches!(check(bytes), Err(NetworkError::NotOnnx(_))));
        }
        assert!(check(&[]).is_ok());
    }
}
