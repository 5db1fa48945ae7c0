//! Operators that move values without changing them.

use super::node::{Argument, NodeReader, Reading, Unread, sizes};
use crate::graph::{Operation, Shape};

pub(super) fn flatten(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let x = node.input(0)?;
    let shape = node.shape(x)?;
    let rank = shape.dims().len() as i64;
    let axis = node.int("axis", 1);
    let axis = if axis < 0 { axis + rank } else { axis };
    let axis = usize::try_from(axis)
        .ok()
        .filter(|&axis| axis <= shape.dims().len())
        .ok_or_else(|| format!("there is no axis {axis} in {shape}"))?;
    let (before, after) = shape.dims().split_at(axis);
    let to = Shape::new(vec![before.iter().product(), after.iter().product()])?;
    Ok(Reading::Chain(x.clone(), vec![Operation::Reshape(to)]))
}

pub(super) fn reshape(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let x = node.input(0)?;
    let shape = node.shape(x)?;
    let asked = node.integers(1)?;
    // With `allowzero` a zero is a size, and no dimension can be empty.
    if node.int("allowzero", 0) != 0 && asked.contains(&0) {
        return Err(format!("the shape {asked:?} is empty").into());
    }
    let mut dims = Vec::with_capacity(asked.len());
    let mut open = None;
    for (i, &size) in asked.iter().enumerate() {
        dims.push(match size {
            0 => *shape.dims().get(i).ok_or_else(|| {
                format!("dimension {i} of {shape} is to be kept, and there is none")
            })?,
            -1 if open.replace(i).is_none() => 1,
            _ => usize::try_from(size).map_err(|_| format!("{asked:?} is not a shape"))?,
        });
    }
    if let Some(i) = open {
        let known = Shape::new(dims.clone())?.values();
        dims[i] = shape.values() / known;
    }
    let to = Shape::new(dims)?;
    Ok(Reading::Chain(x.clone(), vec![Operation::Reshape(to)]))
}

pub(super) fn pad(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let x = node.input(0)?;
    let mode = node.string("mode", "constant");
    if mode != "constant" {
        return Err(format!("mode = {mode:?} is not supported: pad with zeros").into());
    }
    if node.optional(3).is_some() {
        return Err("axes are not supported: state pads of all dimensions".into());
    }
    match node.optional(2) {
        None => {}
        Some(Argument::Constant(value)) if value.values().iter().all(|&v| v == 0.0) => {}
        Some(_) => return Err("only padding with zeros is supported".into()),
    }
    let pads = node.integers(1)?;
    let expected =
        || format!("pads must be 8 sizes, zeros for batch and channels, and are {pads:?}");
    match sizes::<8>(pads).map_err(|_| expected())? {
        [0, 0, top, left, 0, 0, bottom, right]
            if [top, left, bottom, right].iter().all(|&n| n < 1 << 12) =>
        {
            let operation = Operation::Pad([top, left, bottom, right]);
            Ok(Reading::Chain(x.clone(), vec![operation]))
        }
        _ => Err(expected().into()),
    }
}
