//! What a node computes, with its weights.

use super::tensor::{Shape, Tensor};
use super::window::Window;

/// What a node computes from the outputs of other nodes. Weights are part of it: they never come from other nodes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    /// The image.
    Input,
    /// A convolution over height and width.
    Convolution(Convolution),
    /// A matrix times a vector.
    Dense(Dense),
    /// Each channel times a factor, plus a shift: a batch normalisation.
    Affine(Affine),
    /// Plus a constant, which is repeated as shapes ask.
    AddConstant(Tensor),
    /// Times a constant, which is repeated as shapes ask.
    MulConstant(Tensor),
    /// The sum of two nodes.
    Add,
    /// The difference of two nodes.
    Sub,
    /// The product of two nodes.
    Mul,
    /// Each value times itself.
    Square,
    /// A polynomial of degree 2 for each channel.
    Quadratic(Quadratic),
    /// max(0, x).
    Relu,
    /// The mean over a window.
    AveragePool(AveragePool),
    /// The same values in another shape.
    Reshape(Shape),
    /// Zeros around an image: above, left, below, right.
    Pad([usize; 4]),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Convolution {
    pub window: Window,
    pub groups: usize,
    /// [outputs, inputs / groups, kernel height, kernel width].
    pub weights: Tensor,
    /// One value for each output channel.
    pub bias: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dense {
    /// [outputs, inputs].
    pub weights: Tensor,
    /// One value for each output.
    pub bias: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Affine {
    pub factors: Vec<f64>,
    pub shifts: Vec<f64>,
}

/// `constants[c] + linear[c] x + squares[c] x^2` for the values x of channel c.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quadratic {
    pub constants: Vec<f64>,
    pub linear: Vec<f64>,
    pub squares: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AveragePool {
    pub window: Window,
    /// Whether zeros of the padding count as values.
    pub count_padding: bool,
}

impl Operation {
    /// How many nodes it reads.
    pub fn arity(&self) -> usize {
        match self {
            Self::Input => 0,
            Self::Add | Self::Sub | Self::Mul => 2,
            _ => 1,
        }
    }

    /// How many weights it has, a bias not counted.
    pub fn weights(&self) -> usize {
        match self {
            Self::Convolution(layer) => layer.weights.values().len(),
            Self::Dense(layer) => layer.weights.values().len(),
            Self::AddConstant(tensor) | Self::MulConstant(tensor) => tensor.values().len(),
            _ => 0,
        }
    }

    /// The operator's name in ONNX, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Convolution(_) => "Conv",
            Self::Dense(_) => "Gemm",
            Self::Affine(_) => "BatchNormalization",
            Self::AddConstant(_) | Self::Add => "Add",
            Self::MulConstant(_) | Self::Mul => "Mul",
            Self::Sub => "Sub",
            Self::Square => "square",
            Self::Quadratic(_) => "polynomial",
            Self::Relu => "Relu",
            Self::AveragePool(_) => "AveragePool",
            Self::Reshape(_) => "Reshape",
            Self::Pad(_) => "Pad",
        }
    }

    /// The shape of the output; the reason if the inputs do not fit.
    pub fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match (self, inputs) {
            (Self::Convolution(convolution), [x]) => convolution.output_shape(x),
            (Self::Dense(dense), [x]) => dense.output_shape(x),
            (Self::Affine(affine), [x]) => for_channels(affine.factors.len(), x),
            (Self::Quadratic(quadratic), [x]) => for_channels(quadratic.squares.len(), x),
            (Self::AddConstant(c) | Self::MulConstant(c), [x]) => {
                let shape = x.broadcast(c.shape())?;
                batch_of_one(shape)
            }
            (Self::Add | Self::Sub | Self::Mul, [a, b]) => a.broadcast(b),
            (Self::Square | Self::Relu, [x]) => Ok((*x).clone()),
            (Self::AveragePool(pool), [x]) => {
                let [channels, height, width] = x.image()?;
                let [height, width] = pool.window.output([height, width])?;
                Shape::new(vec![1, channels, height, width])
            }
            (Self::Reshape(shape), [x]) => {
                if shape.values() == x.values() {
                    batch_of_one(shape.clone())
                } else {
                    Err(format!("{x} does not have as many values as {shape}"))
                }
            }
            (Self::Pad([top, left, bottom, right]), [x]) => {
                let [channels, height, width] = x.image()?;
                Shape::new(vec![
                    1,
                    channels,
                    height + top + bottom,
                    width + left + right,
                ])
            }
            _ => Err(format!(
                "it takes {} inputs and has {}",
                self.arity(),
                inputs.len()
            )),
        }
    }
}

impl Convolution {
    fn output_shape(&self, input: &Shape) -> Result<Shape, String> {
        let [channels, height, width] = input.image()?;
        let [outputs, group_inputs, ..] = self.weights.shape().dims() else {
            return Err("its weights have no input channels".to_owned());
        };
        if Some(channels) != group_inputs.checked_mul(self.groups) {
            return Err(format!(
                "its weights are for {} x {group_inputs} channels, and its input has {channels}",
                self.groups
            ));
        }
        let [height, width] = self.window.output([height, width])?;
        Shape::new(vec![1, *outputs, height, width])
    }

    /// Weights and bias of each output channel times a factor.
    pub fn scaled(mut self, factors: &[f64]) -> Result<Self, String> {
        self.weights = scaled_rows(self.weights, factors)?;
        for (b, f) in self.bias.iter_mut().zip(factors) {
            *b *= f;
        }
        Ok(self)
    }
}

impl Dense {
    fn output_shape(&self, input: &Shape) -> Result<Shape, String> {
        let length = input.vector()?;
        match self.weights.shape().dims() {
            [outputs, inputs] if *inputs == length => Shape::new(vec![1, *outputs]),
            _ => {
                let weights = self.weights.shape();
                Err(format!("its weights {weights} do not fit {length} inputs"))
            }
        }
    }

    /// Weights and bias of each output times a factor.
    pub fn scaled(mut self, factors: &[f64]) -> Result<Self, String> {
        self.weights = scaled_rows(self.weights, factors)?;
        for (b, f) in self.bias.iter_mut().zip(factors) {
            *b *= f;
        }
        Ok(self)
    }
}

/// Each part along the first dimension times its factor.
fn scaled_rows(weights: Tensor, factors: &[f64]) -> Result<Tensor, String> {
    let shape = weights.shape().clone();
    let row = shape.values() / factors.len().max(1);
    let scaled = weights.values().iter().enumerate();
    let scaled = scaled.map(|(i, w)| w * factors.get(i / row).copied().unwrap_or(1.0));
    Tensor::new(shape, scaled.collect())
}

/// The shape of the input, if it has so many channels.
fn for_channels(channels: usize, input: &Shape) -> Result<Shape, String> {
    if input.dims().get(1) == Some(&channels) {
        Ok(input.clone())
    } else {
        Err(format!(
            "it is for {channels} channels, and its input is {input}"
        ))
    }
}

/// Images are computed one by one.
fn batch_of_one(shape: Shape) -> Result<Shape, String> {
    if shape.dims().first() == Some(&1) {
        Ok(shape)
    } else {
        Err(format!(
            "its output {shape} mixes the images of a batch: the first dimension must stay"
        ))
    }
}
