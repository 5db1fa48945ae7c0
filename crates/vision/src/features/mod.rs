//! Numbers out of images: each submodule computes one kind of feature of a square image.

pub(crate) mod dct;
pub(crate) mod hog;
pub(crate) mod resample;
