//! The window that a convolution or a pool moves over an image.

/// Pixels along a side of a window, of a step and of padding.
const MAX_EXTENT: usize = 1 << 12;

/// Which pixels each output pixel reads. Pairs are vertical, horizontal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    pub dilations: [usize; 2],
    /// Rows above, columns to the left, rows below, columns to the right, all of zeros.
    pub pads: [usize; 4],
}

impl Window {
    /// Of pixels beside each other, moved by one pixel at a time.
    pub const fn new(kernel: [usize; 2], pads: [usize; 4]) -> Self {
        Self {
            kernel,
            strides: [1, 1],
            dilations: [1, 1],
            pads,
        }
    }

    /// The reason if a number is zero where it must not be, or too large.
    pub fn checked(self) -> Result<Self, String> {
        let positive = [self.kernel, self.strides, self.dilations].concat();
        let all = positive.iter().chain(&self.pads);
        if positive.contains(&0) || all.clone().any(|&n| n > MAX_EXTENT) {
            return Err(format!(
                "kernel {:?}, strides {:?} and dilations {:?} must be within 1 and {MAX_EXTENT}, pads {:?} at most \
                 {MAX_EXTENT}",
                self.kernel, self.strides, self.dilations, self.pads
            ));
        }
        Ok(self)
    }

    /// Height and width of the output for an image of this size.
    pub fn output(&self, size: [usize; 2]) -> Result<[usize; 2], String> {
        let along = |axis: usize| {
            let padded = size[axis] + self.pads[axis] + self.pads[axis + 2];
            let covered = (self.kernel[axis] - 1) * self.dilations[axis] + 1;
            let room = padded.checked_sub(covered).ok_or_else(|| {
                format!("a window of {covered} pixels does not fit into {padded} padded pixels")
            })?;
            Ok::<_, String>(room / self.strides[axis] + 1)
        };
        Ok([along(0)?, along(1)?])
    }

    /// The pixel along an axis that the window's pixel `k` reads for output pixel `o`, if it is not padding.
    pub fn source(&self, axis: usize, o: usize, k: usize, size: usize) -> Option<usize> {
        let padded = o * self.strides[axis] + k * self.dilations[axis];
        padded.checked_sub(self.pads[axis]).filter(|&i| i < size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window {
        strides: [2, 2],
        ..Window::new([5, 5], [2; 4])
    };

    #[test]
    fn sizes_follow_the_standard() {
        assert_eq!(WINDOW.output([28, 28]), Ok([14, 14]));
        let dilated = Window {
            dilations: [2, 1],
            pads: [0; 4],
            ..WINDOW
        };
        assert_eq!(dilated.output([28, 28]), Ok([10, 12]));
        assert!(dilated.output([8, 28]).is_err());
    }

    #[test]
    fn padding_has_no_source() {
        assert_eq!(WINDOW.source(0, 0, 1, 28), None);
        assert_eq!(WINDOW.source(0, 0, 2, 28), Some(0));
        assert_eq!(WINDOW.source(1, 13, 4, 28), None);
        assert_eq!(WINDOW.source(1, 13, 3, 28), Some(27));
    }

    #[test]
    fn numbers_are_checked() {
        let zero = Window {
            strides: [0, 1],
            ..WINDOW
        };
        assert!(zero.checked().is_err());
        let wide = Window {
            pads: [0, 1 << 20, 0, 0],
            ..WINDOW
        };
        assert!(wide.checked().is_err());
    }
}
