//! Which features to take of a sample, as text: `dct:14`, `hog:7+dct:7`, `table`.

use crate::backbone::{self, Backbone, Format, Runner};
use crate::features::resample::{self, MAX_SIDE};
use crate::features::{dct::Dct, hog};
use crate::{Error, GreyImage};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// One kind of feature. `side` below is the side of the square image, see
/// [`PipelineOptions`](crate::PipelineOptions).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeaturePart {
    /// `pixels:s`: the image at s x s (area means), values in [0, 1]; s * s features, s at most `side`.
    Pixels(usize),
    /// `dct:k`: the k x k lowest coefficients of the orthonormal DCT-II of the image; k at most `side`.
    /// They are nearly uncorrelated, so training needs few steps.
    Dct(usize),
    /// `hog:c`: histograms of gradients in 9 unsigned orientations over cells of c x c pixels, each normalised (L2)
    /// by the 2 x 2 blocks it lies in; `9 * (side / c)^2` features, c a divisor of `side`.
    Hog(usize),
    /// `hog-blocks:c`: the same histograms, each block of 2 x 2 cells normalised by itself (L2-Hys) and written out
    /// whole; `36 * (side / c - 1)^2` features, c a divisor of at most half of `side`.
    HogBlocks(usize),
    /// `onnx:FILE`, `tflite:FILE:LAYER` and so on: what an inner layer of a public network makes of the image, see
    /// [`Backbone`]. The network sees the image as it was, in its own size and perhaps in colour.
    Backbone(Backbone),
    /// `table`: the columns of a feature table as they are; stands alone.
    Table,
}

/// Features laid side by side, in the order written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeatureSpec {
    parts: Vec<FeaturePart>,
}

impl FeatureSpec {
    /// The parts, in order; at least one.
    pub fn parts(&self) -> &[FeaturePart] {
        &self.parts
    }

    /// Whether it takes feature tables instead of images.
    pub fn is_table(&self) -> bool {
        self.parts == [FeaturePart::Table]
    }

    /// Whether colours make a difference.
    pub fn wants_colour(&self) -> bool {
        let looks = |part: &FeaturePart| matches!(part, FeaturePart::Backbone(_));
        self.parts.iter().any(looks)
    }

    /// The same with the number of features and the digest of each backbone's file, which is read for that. Nothing
    /// else changes.
    ///
    /// # Errors
    /// [`Error::Backbone`] if a file cannot be used, or is another one than the digest says.
    pub fn pinned(&self) -> Result<Self, Error> {
        let pinned = |part: &FeaturePart| match part {
            FeaturePart::Backbone(backbone) => Ok(FeaturePart::Backbone(backbone.pinned()?)),
            part => Ok(part.clone()),
        };
        let parts = self
            .parts
            .iter()
            .map(pinned)
            .collect::<Result<_, Error>>()?;
        Ok(Self { parts })
    }

    /// The same with the file of its backbone, if it has one, elsewhere. Which file it must be does not change.
    pub fn with_backbone_at(&self, path: &Path) -> Self {
        let moved = |part: &FeaturePart| match part {
            FeaturePart::Backbone(backbone) => FeaturePart::Backbone(backbone.at(path)),
            part => part.clone(),
        };
        Self {
            parts: self.parts.iter().map(moved).collect(),
        }
    }

    /// The number of features of an image at `side` x `side`; an error if a part does not fit that side, or for
    /// `table`, whose width depends on the data, or for a backbone that is not [`pinned`](Self::pinned).
    pub fn columns(&self, side: usize) -> Result<usize, Error> {
        let fail = |reason: String| {
            Err(Error::Spec {
                spec: self.to_string(),
                reason,
            })
        };
        if side == 0 || side > MAX_SIDE {
            return fail(format!(
                "the image side is {side}; it must lie in 1..={MAX_SIDE}"
            ));
        }
        let mut columns = 0;
        for part in &self.parts {
            columns += match *part {
                FeaturePart::Backbone(ref backbone) => match backbone.width() {
                    Some(width) => width,
                    None => return fail(format!("the file of {part} has not been read yet")),
                },
                FeaturePart::Pixels(n) | FeaturePart::Dct(n) if n > side => {
                    return fail(format!("{part} is larger than the image side {side}"));
                }
                FeaturePart::Pixels(n) | FeaturePart::Dct(n) => n * n,
                FeaturePart::Hog(cell) | FeaturePart::HogBlocks(cell)
                    if cell > side || !side.is_multiple_of(cell) =>
                {
                    return fail(format!(
                        "the cell of {part} does not divide the image side {side}; choose another \
                         cell or side"
                    ));
                }
                FeaturePart::Hog(cell) => (side / cell).pow(2) * hog::BINS,
                FeaturePart::HogBlocks(cell) if 2 * cell > side => {
                    return fail(format!(
                        "{part} needs two cells along each side, which is {side}; choose a smaller \
                         cell"
                    ));
                }
                FeaturePart::HogBlocks(cell) => (side / cell - 1).pow(2) * 4 * hog::BINS,
                FeaturePart::Table => {
                    return fail("a table has no image side".to_owned());
                }
            };
        }
        Ok(columns)
    }
}

impl fmt::Display for FeaturePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FeaturePart::Pixels(n) => write!(f, "pixels:{n}"),
            FeaturePart::Dct(n) => write!(f, "dct:{n}"),
            FeaturePart::Hog(n) => write!(f, "hog:{n}"),
            FeaturePart::HogBlocks(n) => write!(f, "hog-blocks:{n}"),
            FeaturePart::Backbone(backbone) => backbone.fmt(f),
            FeaturePart::Table => f.write_str("table"),
        }
    }
}

impl fmt::Display for FeatureSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.parts.iter().enumerate() {
            if i > 0 {
                f.write_str("+")?;
            }
            part.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for FeatureSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fail = |reason: String| {
            Err(Error::Spec {
                spec: text.chars().take(100).collect(),
                reason,
            })
        };
        let mut parts = Vec::new();
        for part in text.split('+').map(str::trim) {
            if part == "table" {
                parts.push(FeaturePart::Table);
                continue;
            }
            let Some((kind, size)) = part.split_once(':') else {
                return fail(format!("{part:?} is not of the form kind:size"));
            };
            if let Some(format) = Format::by_name(kind) {
                match backbone::parse(format, size) {
                    Ok(backbone) => parts.push(FeaturePart::Backbone(backbone)),
                    Err(reason) => return fail(reason),
                }
                continue;
            }
            let size = match size.parse::<usize>() {
                Ok(size) if (1..=MAX_SIDE).contains(&size) => size,
                _ => return fail(format!("size {size:?} is not a number in 1..={MAX_SIDE}")),
            };
            parts.push(match kind {
                "pixels" => FeaturePart::Pixels(size),
                "dct" => FeaturePart::Dct(size),
                "hog" => FeaturePart::Hog(size),
                "hog-blocks" => FeaturePart::HogBlocks(size),
                _ => {
                    return fail(format!(
                        "{kind:?} is not one of pixels, dct, hog, hog-blocks, onnx, tflite, table"
                    ));
                }
            });
        }
        for (i, part) in parts.iter().enumerate() {
            if parts[..i].contains(part) {
                return fail(format!("{part} occurs twice"));
            }
        }
        if parts.contains(&FeaturePart::Table) && parts.len() > 1 {
            return fail("table cannot be combined with image features".to_owned());
        }
        Ok(Self { parts })
    }
}

impl TryFrom<String> for FeatureSpec {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<FeatureSpec> for String {
    fn from(spec: FeatureSpec) -> String {
        spec.to_string()
    }
}

/// A specification made ready for one image side.
pub(crate) struct Extractor {
    side: usize,
    columns: usize,
    steps: Vec<Step>,
}

enum Step {
    Pixels(usize),
    Dct(Dct),
    Hog(usize),
    HogBlocks(usize),
    Backbone(Runner),
}

impl Extractor {
    pub fn new(spec: &FeatureSpec, side: usize) -> Result<Self, Error> {
        let columns = spec.columns(side)?;
        let step = |part: &FeaturePart| {
            Ok(Some(match part {
                FeaturePart::Pixels(n) => Step::Pixels(*n),
                FeaturePart::Dct(k) => Step::Dct(Dct::new(*k, side)),
                FeaturePart::Hog(cell) => Step::Hog(*cell),
                FeaturePart::HogBlocks(cell) => Step::HogBlocks(*cell),
                FeaturePart::Backbone(backbone) => Step::Backbone(Runner::new(backbone)?),
                FeaturePart::Table => return Ok(None),
            }))
        };
        let steps = spec.parts.iter().filter_map(|part| step(part).transpose());
        Ok(Self {
            side,
            columns,
            steps: steps.collect::<Result<_, Error>>()?,
        })
    }

    /// The raw features of all images, row-major, and their number a row.
    pub fn extract(&self, images: &[GreyImage]) -> Result<(usize, Vec<f64>), Error> {
        // A backbone takes all images at once, one list for each.
        let mut backbones = Vec::new();
        for step in &self.steps {
            if let Step::Backbone(runner) = step {
                backbones.push(runner.features(images)?);
            }
        }
        let mut out = Vec::with_capacity(images.len() * self.columns);
        for (i, image) in images.iter().enumerate() {
            let square = resample::resize(image, self.side, self.side);
            let mut from_backbones = backbones.iter();
            for step in &self.steps {
                match step {
                    Step::Pixels(n) => {
                        out.extend(resample::resize_square(&square, self.side, *n));
                    }
                    Step::Dct(dct) => dct.append(&square, &mut out),
                    Step::Hog(cell) => hog::append(&square, self.side, *cell, &mut out),
                    Step::HogBlocks(cell) => {
                        hog::append_blocks(&square, self.side, *cell, &mut out);
                    }
                    Step::Backbone(_) => {
                        let features = from_backbones.next().map(|all| all[i].as_slice());
                        out.extend(features.unwrap_or_default().iter().copied().map(f64::from));
                    }
                }
            }
        }
        Ok((self.columns, out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in [
            "dct:14",
            "pixels:1",
            "hog:7",
            "hog:4+dct:14",
            "hog:4+pixels:14+dct:3",
            "hog-blocks:7+dct:14",
            "table",
            "onnx:models/net.onnx:pool?signed+pixels:14",
        ] {
            let spec: FeatureSpec = text.parse().unwrap();
            assert_eq!(spec.to_string(), text);
            let json = serde_json::to_string(&spec).unwrap();
            assert_eq!(serde_json::from_str::<FeatureSpec>(&json).unwrap(), spec);
        }
        assert_eq!(
            " hog:4 + dct:2 "
                .parse::<FeatureSpec>()
                .unwrap()
                .to_string(),
            "hog:4+dct:2"
        );
    }

    #[test]
    fn bad_text_says_what_is_wrong() {
        for (text, word) in [
            ("", "kind:size"),
            ("dct", "kind:size"),
            ("dct:", "number"),
            ("dct:0", "number"),
            ("dct:-1", "number"),
            ("dct:99999999999999999999", "number"),
            ("sift:4", "not one of"),
            ("dct:4+", "kind:size"),
            ("dct:4+dct:4", "twice"),
            ("table+dct:4", "combined"),
            ("table:3", "not one of"),
            ("onnx:a:b:c", "onnx:FILE"),
            ("onnx:a?loud", "imagenet"),
        ] {
            let message = text.parse::<FeatureSpec>().unwrap_err().to_string();
            assert!(message.contains(word), "{text:?}: {message}");
        }
    }

    #[test]
    fn columns_follow_the_side() {
        let columns = |text: &str, side| text.parse::<FeatureSpec>().unwrap().columns(side);
        assert_eq!(columns("hog:7+dct:10", 28).unwrap(), 244);
        assert_eq!(columns("hog:4+pixels:14", 28).unwrap(), 441 + 196);
        assert_eq!(columns("hog-blocks:7+dct:14", 28).unwrap(), 324 + 196);
        for (text, side) in [
            ("hog:5", 28),
            ("dct:29", 28),
            ("pixels:29", 28),
            ("hog:56", 28),
            ("hog-blocks:28", 28),
        ] {
            assert!(
                matches!(columns(text, side), Err(Error::Spec { .. })),
                "{text}"
            );
        }
        assert!(columns("table", 28).is_err());
        assert!(columns("dct:1", 0).is_err() && columns("dct:1", MAX_SIDE + 1).is_err());
    }
}
