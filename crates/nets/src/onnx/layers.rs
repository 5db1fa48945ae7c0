//! Operators with weights or windows.

use super::node::{Argument, NodeReader, Reading, Unread};
use crate::graph::{Affine, AveragePool, Convolution, Dense, Operation, Shape, Tensor, Window};

pub(super) fn conv(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let x = node.input(0)?;
    let weights = node.weights(1)?;
    let &[outputs, _, height, width] = weights.shape().dims() else {
        return Err(format!(
            "its weights have the shape {}: only convolutions over height and width are supported",
            weights.shape()
        )
        .into());
    };
    let window = window(node, x, node.sizes("kernel_shape", Some([height, width]))?)?;
    if window.kernel != [height, width] {
        return Err(format!(
            "the kernel {:?} is not that of the weights {}",
            window.kernel,
            weights.shape()
        )
        .into());
    }
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    if groups == 0 || outputs % groups != 0 {
        return Err(
            format!("{outputs} output channels cannot be split into {groups} groups").into(),
        );
    }
    let layer = Convolution {
        window,
        groups,
        weights: weights.clone(),
        bias: node.bias(2, outputs)?,
    };
    Ok(Reading::Chain(
        x.clone(),
        vec![Operation::Convolution(layer)],
    ))
}

pub(super) fn average_pool(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let x = node.input(0)?;
    node.must_be("ceil_mode", 0, "pad the image instead")?;
    let count_padding = node.int("count_include_pad", 0) != 0;
    let window = window(node, x, node.sizes("kernel_shape", None)?)?;
    let pool = AveragePool {
        window,
        count_padding,
    };
    Ok(Reading::Chain(
        x.clone(),
        vec![Operation::AveragePool(pool)],
    ))
}

pub(super) fn global_average_pool(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let x = node.input(0)?;
    let pool = global_pool(node.shape(x)?)?;
    Ok(Reading::Chain(x.clone(), vec![pool]))
}

pub(super) fn reduce_mean(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let x = node.input(0)?;
    node.must_be("noop_with_empty_axes", 0, "state the axes")?;
    // An attribute before operator set 18, and an input since.
    let mut axes = match node.ints("axes") {
        Some(axes) => axes.to_vec(),
        None => node.integers(1)?.to_vec(),
    };
    for axis in &mut axes {
        if *axis < 0 {
            *axis += 4;
        }
    }
    axes.sort_unstable();
    if axes != [2, 3] {
        return Err("only the mean over height and width is supported".into());
    }
    let shape = node.shape(x)?;
    let mut operations = vec![global_pool(shape)?];
    if node.int("keepdims", 1) == 0 {
        let [channels, ..] = shape.image()?;
        operations.push(Operation::Reshape(Shape::new(vec![1, channels])?));
    }
    Ok(Reading::Chain(x.clone(), operations))
}

/// The mean over height and width.
fn global_pool(shape: &Shape) -> Result<Operation, String> {
    let [_, height, width] = shape.image()?;
    let window = Window::new([height, width], [0; 4]).checked()?;
    Ok(Operation::AveragePool(AveragePool {
        window,
        count_padding: false,
    }))
}

/// The window of a convolution or a pool, with padding as `auto_pad` says.
fn window(node: &NodeReader<'_>, x: &Argument, kernel: [usize; 2]) -> Result<Window, String> {
    let [_, height, width] = node.shape(x)?.image()?;
    let mut window = Window {
        kernel,
        strides: node.sizes("strides", Some([1, 1]))?,
        dilations: node.sizes("dilations", Some([1, 1]))?,
        pads: node.sizes("pads", Some([0; 4]))?,
    }
    .checked()?;
    let mode = node.string("auto_pad", "NOTSET");
    match &*mode {
        "NOTSET" => {}
        "VALID" => window.pads = [0; 4],
        "SAME_UPPER" | "SAME_LOWER" => {
            for (axis, size) in [height, width].into_iter().enumerate() {
                let outputs = size.div_ceil(window.strides[axis]);
                let covered = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
                let reached = (outputs - 1) * window.strides[axis] + covered;
                let total = reached.saturating_sub(size);
                let (less, more) = (total / 2, total.div_ceil(2));
                let (before, after) = if mode == "SAME_UPPER" {
                    (less, more)
                } else {
                    (more, less)
                };
                window.pads[axis] = before;
                window.pads[axis + 2] = after;
            }
        }
        _ => return Err(format!("auto_pad = {mode:?} is not supported: state pads")),
    }
    window.checked()
}

pub(super) fn batch_norm(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let x = node.input(0)?;
    node.must_be("training_mode", 0, "export the network for inference")?;
    node.float("momentum", 0.9);
    let epsilon = node.float("epsilon", 1e-5);
    let channels = node.shape(x)?.dims().get(1).copied().unwrap_or(0);
    let of = |i| {
        node.weights(i)?;
        node.bias(i, channels)
    };
    let (scale, shift, mean, variance) = (of(1)?, of(2)?, of(3)?, of(4)?);
    let deviations = variance.iter().map(|v| (v + epsilon).sqrt());
    let factors: Vec<f64> = scale.iter().zip(deviations).map(|(s, d)| s / d).collect();
    let shifts: Vec<f64> = (0..channels)
        .map(|i| shift[i] - mean[i] * factors[i])
        .collect();
    if factors.iter().chain(&shifts).any(|v| !v.is_finite()) {
        return Err("a variance is not above -epsilon, or too small".into());
    }
    let affine = Operation::Affine(Affine { factors, shifts });
    Ok(Reading::Chain(x.clone(), vec![affine]))
}

pub(super) fn gemm(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    node.must_be("transA", 0, "the image is the left operand as it is")?;
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let weights = node.weights(1)?.clone().map(|w| w * alpha)?;
    let weights = match node.int("transB", 0) {
        0 => transposed(&weights)?,
        _ => weights,
    };
    let &[outputs, _] = weights.shape().dims() else {
        return Err(format!(
            "its weights have the shape {}: a matrix is expected",
            weights.shape()
        )
        .into());
    };
    let bias = match node.optional(2) {
        None => vec![0.0; outputs],
        // Any shape that repeats to one row.
        Some(_) => {
            let bias = node.weights(2)?;
            let row = Shape::new(vec![1, outputs])?;
            if bias.shape().broadcast(&row)? != row {
                return Err(
                    format!("its bias has the shape {}, not [{outputs}]", bias.shape()).into(),
                );
            }
            let repeated = bias.shape().repeated_in(&row);
            repeated.map(|i| bias.values()[i] * beta).collect()
        }
    };
    let layer = Operation::Dense(Dense { weights, bias });
    Ok(Reading::Chain(node.input(0)?.clone(), vec![layer]))
}

pub(super) fn matmul(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let weights = transposed(node.weights(1)?)?;
    let bias = vec![0.0; weights.shape().dims()[0]];
    let layer = Operation::Dense(Dense { weights, bias });
    Ok(Reading::Chain(node.input(0)?.clone(), vec![layer]))
}

fn transposed(matrix: &Tensor) -> Result<Tensor, String> {
    let &[rows, columns] = matrix.shape().dims() else {
        return Err(format!(
            "its weights have the shape {}: a matrix is expected",
            matrix.shape()
        ));
    };
    let values = (0..columns).flat_map(|j| (0..rows).map(move |i| i * columns + j));
    let values = values.map(|i| matrix.values()[i]).collect();
    Tensor::new(Shape::new(vec![columns, rows])?, values)
}
