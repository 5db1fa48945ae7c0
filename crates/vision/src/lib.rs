//! Client-side image handling: data sets, splits and features. No ciphertext passes through here.
//!
//! The way of the data: a loader of [`load`] (or [`embedded`]) makes a [`DataSet`]; its exact repeats are removed,
//! one class is set against the rest, and the result is split; a [`Pipeline`] (a [`FeatureSpec`] and a
//! [`Standardizer`]) turns the samples into a matrix of [`Features`], which is what gets encrypted.
//!
//! ```
//! use tapetum_vision::{FeatureSpec, Pipeline, PipelineOptions, embedded};
//!
//! let (animals, repeats) = embedded::animal_shapes()?.without_repeats();
//! assert_eq!(repeats.removed, 284);
//! let cats = animals.one_vs_rest("cat", true, 1)?;
//! let split = cats.split_counts(200, 100, 1)?;
//!
//! let spec: FeatureSpec = "hog:7".parse()?;
//! let pipeline = Pipeline::fit(spec, &split.train, PipelineOptions::default())?;
//! let features = pipeline.apply(split.test.samples())?;
//! assert_eq!((features.rows(), features.cols()), (100, 145)); // 4 * 4 cells * 9 orientations, and the intercept
//! # Ok::<(), tapetum_vision::Error>(())
//! ```
//!
//! Every file is taken for hostile: sizes are capped by [`Limits`] before memory is spent, and whatever is wrong
//! comes back as an [`Error`] that names the file and the place in it.

mod backbone;
pub mod cholesky;
mod collection;
mod dataset;
mod eigen;
pub mod embedded;
mod error;
mod features;
mod grey;
pub mod load;
mod matrix;
mod moments;
pub mod notes;
mod pipeline;
mod projection;
mod select;
mod shuffle;
mod spec;
mod standardize;

pub use backbone::{Backbone, HAS_BACKBONES, Scale};
pub use collection::Collection;
pub use dataset::{DataSet, Repeats, Samples, Table, Unlabeled};
pub use error::Error;
pub use grey::GreyImage;
pub use load::{Limits, TableOptions};
pub use matrix::Features;
pub use moments::Moments;
pub use pipeline::{Pipeline, PipelineOptions};
pub use projection::DEFAULT_DIRECTIONS;
pub use select::Split;
pub use spec::{FeaturePart, FeatureSpec};
pub use standardize::{DEFAULT_CLIP, Standardizer, StandardizerOptions};
