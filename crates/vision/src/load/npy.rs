//! NPY, NumPy's array format: a small text header (NumPy Enhancement Proposal 1), then the raw elements.

use super::Limits;
use crate::Error;
use std::path::Path;

/// The element types that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    Unsigned(usize),
    Signed(usize),
    Float(usize),
}

impl Element {
    fn size(self) -> usize {
        match self {
            Element::Bool => 1,
            Element::Unsigned(n) | Element::Signed(n) | Element::Float(n) => n,
        }
    }
}

/// An array in row-major order, its elements still as bytes.
#[derive(Debug)]
pub(super) struct Array {
    pub shape: Vec<usize>,
    pub element: Element,
    big_endian: bool,
    bytes: Vec<u8>,
}

impl Array {
    /// Parses one `.npy` file; `path` names it in messages.
    pub fn parse(path: &Path, file: &[u8], limits: &Limits) -> Result<Self, Error> {
        let bad = |reason: &str| Error::format(path, reason);
        let rest = file
            .strip_prefix(b"\x93NUMPY")
            .ok_or_else(|| bad("this is not an NPY array"))?;
        let (length, rest) = match rest {
            [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
            [2 | 3, _, a, b, c, d, rest @ ..] => {
                (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest)
            }
            _ => return Err(bad("the NPY version is unknown or the header is cut short")),
        };
        if rest.len() < length {
            return Err(bad("the NPY header is cut short"));
        }
        let (header, data) = rest.split_at(length);
        let header = std::str::from_utf8(header).map_err(|_| bad("the NPY header is not text"))?;
        let (big_endian, element) = element(path, quoted(header, "descr"))?;
        let fortran = match value(header, "fortran_order") {
            Some(v) if v.starts_with("False") => false,
            Some(v) if v.starts_with("True") => true,
            _ => return Err(bad("the NPY header lacks fortran_order")),
        };
        let shape = shape(header).ok_or_else(|| bad("the NPY header lacks a readable shape"))?;
        let count = shape
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(d))
            .filter(|&n| (n as u64).saturating_mul(8) <= limits.data_bytes)
            .ok_or_else(|| Error::too_large(path, "the array in memory", limits.data_bytes))?;
        if data.len() != count * element.size() {
            return Err(Error::format(
                path,
                format!(
                    "shape {shape:?} needs {} bytes, but {} follow the header",
                    count * element.size(),
                    data.len()
                ),
            ));
        }
        let bytes = match fortran {
            false => data.to_vec(),
            true => row_major(&shape, element.size(), data),
        };
        Ok(Self {
            shape,
            element,
            big_endian,
            bytes,
        })
    }

    /// All elements as `f64`, row after row.
    pub fn to_f64(&self) -> Vec<f64> {
        self.bytes
            .chunks_exact(self.element.size())
            .map(|chunk| {
                let mut raw = [0u8; 8];
                raw[..chunk.len()].copy_from_slice(chunk);
                if self.big_endian {
                    raw[..chunk.len()].reverse();
                }
                let unsigned = u64::from_le_bytes(raw);
                match self.element {
                    Element::Bool => f64::from(raw[0] != 0),
                    Element::Unsigned(_) => unsigned as f64,
                    Element::Signed(n) => {
                        let unused = 64 - 8 * n as u32;
                        ((unsigned << unused) as i64 >> unused) as f64
                    }
                    Element::Float(4) => f64::from(f32::from_bits(unsigned as u32)),
                    Element::Float(_) => f64::from_bits(unsigned),
                }
            })
            .collect()
    }

    /// The elements, if they are unsigned bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        (self.element == Element::Unsigned(1)).then_some(&self.bytes)
    }
}

/// What follows `'key':` in the header, a Python dictionary.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let after = header.split_once(&format!("'{key}'"))?.1;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    Some(value(header, key)?.strip_prefix('\'')?.split_once('\'')?.0)
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let inner = value(header, "shape")?
        .strip_prefix('(')?
        .split_once(')')?
        .0;
    let parts = inner.split(',').map(str::trim).filter(|p| !p.is_empty());
    let dims: Vec<usize> = parts.map(|p| p.parse().ok()).collect::<Option<_>>()?;
    (dims.len() <= 8).then_some(dims)
}

fn element(path: &Path, descr: Option<&str>) -> Result<(bool, Element), Error> {
    let descr = descr.unwrap_or("a record");
    let (order, kind) = match descr.as_bytes() {
        [b'<' | b'|' | b'=', ..] => (false, &descr[1..]),
        [b'>', ..] => (true, &descr[1..]),
        _ => (false, descr),
    };
    let element = match kind {
        "b1" => Element::Bool,
        "u1" | "u2" | "u4" | "u8" => Element::Unsigned(usize::from(kind.as_bytes()[1] - b'0')),
        "i1" | "i2" | "i4" | "i8" => Element::Signed(usize::from(kind.as_bytes()[1] - b'0')),
        "f4" | "f8" => Element::Float(usize::from(kind.as_bytes()[1] - b'0')),
        _ => {
            let shown: String = descr.chars().take(40).collect();
            return Err(Error::format(
                path,
                format!("elements of type {shown:?} are not supported (integers, f4, f8, b1 are)"),
            ));
        }
    };
    Ok((order, element))
}

/// Fortran order (first index fastest) to row-major.
fn row_major(shape: &[usize], size: usize, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut index = vec![0usize; shape.len()];
    for _ in 0..data.len() / size {
        let offset = index
            .iter()
            .zip(shape)
            .rev()
            .fold(0, |acc, (&i, &d)| acc * d + i);
        out.extend_from_slice(&data[offset * size..(offset + 1) * size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}
