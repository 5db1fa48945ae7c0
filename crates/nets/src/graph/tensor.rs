//! Tensors of numbers.

use std::fmt;

/// Values in one tensor.
const MAX_VALUES: usize = 1 << 24;
/// Dimensions of one tensor.
const MAX_RANK: usize = 6;

/// The size of a tensor along each of its dimensions, all at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape(Vec<usize>);

impl Shape {
    /// The reason if a shape is empty, too large or has too many dimensions. No dimensions make a single number.
    pub fn new(dims: Vec<usize>) -> Result<Self, String> {
        if dims.len() > MAX_RANK {
            return Err(format!(
                "{} dimensions exceed the limit of {MAX_RANK}",
                dims.len()
            ));
        }
        if dims.contains(&0) {
            return Err(format!("the shape {dims:?} is empty"));
        }
        let values = dims.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
        match values {
            Some(n) if n <= MAX_VALUES => Ok(Self(dims)),
            _ => Err(format!(
                "the shape {dims:?} has more than {MAX_VALUES} values"
            )),
        }
    }

    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// The number of values.
    pub fn values(&self) -> usize {
        self.0.iter().product()
    }

    /// Channels, height and width of a batch of one image.
    pub fn image(&self) -> Result<[usize; 3], String> {
        match self.0[..] {
            [1, channels, height, width] => Ok([channels, height, width]),
            _ => Err(format!(
                "it expects [1, channels, height, width] and gets {self}"
            )),
        }
    }

    /// The length of a batch of one vector.
    pub fn vector(&self) -> Result<usize, String> {
        match self.0[..] {
            [1, length] => Ok(length),
            _ => Err(format!(
                "it expects [1, length] and gets {self}: put a Flatten before it"
            )),
        }
    }

    /// The shape of the sum or product of two tensors: dimensions are compared from the last, and one of size 1
    /// is repeated.
    pub fn broadcast(&self, other: &Self) -> Result<Self, String> {
        let rank = self.0.len().max(other.0.len());
        let dims = (0..rank).map(|i| {
            let (a, b) = (self.aligned(i, rank), other.aligned(i, rank));
            if a == b || b == 1 {
                Ok(a)
            } else if a == 1 {
                Ok(b)
            } else {
                Err(format!("the shapes {self} and {other} do not fit"))
            }
        });
        Self::new(dims.collect::<Result<_, _>>()?)
    }

    /// Dimension `i` once there are `rank` dimensions.
    fn aligned(&self, i: usize, rank: usize) -> usize {
        let missing = rank - self.0.len();
        if i < missing { 1 } else { self.0[i - missing] }
    }

    /// For each value of a tensor of shape `to`, the index of the value of a tensor of this shape that is
    /// repeated there.
    pub fn repeated_in<'a>(&'a self, to: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let rank = to.0.len();
        let mut strides = vec![0; rank];
        let mut stride = 1;
        for i in (0..rank).rev() {
            let size = self.aligned(i, rank);
            if size > 1 {
                strides[i] = stride;
            }
            stride *= size;
        }
        (0..to.values()).map(move |mut index| {
            let mut found = 0;
            for i in (0..rank).rev() {
                found += (index % to.0[i]) * strides[i];
                index /= to.0[i];
            }
            found
        })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A shape and its values, the last dimension running fastest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    shape: Shape,
    values: Vec<f64>,
}

impl Tensor {
    /// The reason if the number of values is not that of the shape, or one is not finite.
    pub fn new(shape: Shape, values: Vec<f64>) -> Result<Self, String> {
        if values.len() != shape.values() {
            return Err(format!(
                "the shape {shape} has {} values, but there are {}",
                shape.values(),
                values.len()
            ));
        }
        match values.iter().position(|v| !v.is_finite()) {
            Some(index) => Err(format!("value {index} is infinite or not a number")),
            None => Ok(Self { shape, values }),
        }
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The same values in another shape.
    pub fn reshaped(self, shape: Shape) -> Result<Self, String> {
        Self::new(shape, self.values)
    }

    /// Each value changed on its own.
    pub fn map(mut self, f: impl Fn(f64) -> f64) -> Result<Self, String> {
        self.values.iter_mut().for_each(|v| *v = f(*v));
        Self::new(self.shape, self.values)
    }

    /// One value for each channel, the second dimension of a tensor of shape `of`; nothing if there are
    /// different values within a channel.
    pub fn per_channel(&self, of: &Shape) -> Option<Vec<f64>> {
        let channels = *of.dims().get(1)?;
        let inner: usize = of.dims()[2..].iter().product();
        let mut found = vec![None; channels];
        if self.shape.broadcast(of).ok()? != *of {
            return None;
        }
        for (index, from) in self.shape.repeated_in(of).enumerate() {
            let value = self.values[from];
            let slot = &mut found[index / inner % channels];
            if *slot.get_or_insert(value) != value {
                return None;
            }
        }
        found.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(dims: &[usize]) -> Shape {
        Shape::new(dims.to_vec()).unwrap()
    }

    #[test]
    fn shapes_are_bounded() {
        assert!(Shape::new(vec![1 << 12, 1 << 13]).is_err());
        assert!(Shape::new(vec![usize::MAX, 2]).is_err());
        assert!(Shape::new(vec![3, 0]).is_err());
        assert!(Shape::new(vec![1; 7]).is_err());
        assert_eq!(shape(&[]).values(), 1);
    }

    #[test]
    fn shapes_broadcast_from_the_last_dimension() {
        let (image, bias) = (shape(&[1, 3, 2, 2]), shape(&[3, 1, 1]));
        assert_eq!(image.broadcast(&bias).unwrap(), image);
        assert_eq!(bias.broadcast(&image).unwrap(), image);
        assert!(image.broadcast(&shape(&[3])).is_err());
        let indices: Vec<_> = bias.repeated_in(&image).collect();
        assert_eq!(indices, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    }

    #[test]
    fn values_per_channel_are_recognised() {
        let image = shape(&[1, 2, 1, 2]);
        let of = |dims: &[usize], values: &[f64]| {
            let tensor = Tensor::new(shape(dims), values.to_vec()).unwrap();
            tensor.per_channel(&image)
        };
        assert_eq!(of(&[2, 1, 1], &[1.0, 2.0]), Some(vec![1.0, 2.0]));
        assert_eq!(of(&[], &[3.0]), Some(vec![3.0, 3.0]));
        assert_eq!(of(&[1, 2], &[1.0, 2.0]), None);
        assert_eq!(of(&[3], &[1.0; 3]), None);
    }

    #[test]
    fn values_must_be_finite_and_as_many_as_the_shape_has() {
        assert!(Tensor::new(shape(&[2]), vec![1.0]).is_err());
        assert!(Tensor::new(shape(&[2]), vec![1.0, f64::NAN]).is_err());
    }
}
