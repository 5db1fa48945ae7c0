//! In place of a network, where the program was built without.

use super::format::{Format, Scale};
use crate::GreyImage;

/// There is none.
pub(super) enum Network {}

impl Network {
    pub fn new(_: &[u8], _: Format, _: Option<&str>, _: Scale) -> Result<Self, String> {
        Err("this program was built without backbones: build it with `--features onnx`".to_owned())
    }

    pub fn width(&self) -> usize {
        match *self {}
    }

    pub fn run(&self, _: &GreyImage) -> Result<Vec<f32>, String> {
        match *self {}
    }
}
