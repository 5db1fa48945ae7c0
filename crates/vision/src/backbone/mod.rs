//! Frozen backbones: a public network whose inner layer serves as features.
//!
//! The network runs on the machine of whoever has the pictures, before anything is encrypted. It is public and it is
//! not trained; what is trained under encryption is the linear classifier on its features.

mod cache;
#[cfg(feature = "onnx")]
mod constants;
mod format;
#[cfg(feature = "onnx")]
mod graph;
#[cfg(feature = "onnx")]
mod lite;
#[cfg(feature = "onnx")]
mod network;
#[cfg(not(feature = "onnx"))]
#[path = "absent.rs"]
mod network;

use crate::{Error, GreyImage, load};
use cache::Cache;
pub(crate) use format::Format;
pub use format::Scale;
use network::Network;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

/// Whether this crate was built to run backbones (feature `onnx`).
pub const HAS_BACKBONES: bool = cfg!(feature = "onnx");

/// Bytes of a model file.
const MAX_FILE: u64 = 512 << 20;
/// Features that a backbone may give.
const MAX_WIDTH: usize = 1 << 16;

/// A network in a file, and which of its layers to read.
///
/// As text `onnx:FILE`, `onnx:FILE:LAYER`, or with `tflite` for a file of TensorFlow Lite, each perhaps followed by `?`
/// and a [`Scale`]; neither a file's nor a layer's
/// name may hold `: ? @ +`. Without a layer it is what the last convolution or fully connected layer looks at: of a
/// classifier the features that its classes are told apart by. Once the file has been read (see
/// [`FeatureSpec::pinned`](crate::FeatureSpec::pinned)), `@` follows with the number of features and the digest of the
/// file, and any other file is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backbone {
    format: Format,
    path: PathBuf,
    layer: Option<String>,
    scale: Scale,
    pin: Option<Pin>,
}

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pin {
    width: usize,
    digest: blake3::Hash,
}

impl Backbone {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of features, once the file has been read.
    pub(crate) fn width(&self) -> Option<usize> {
        self.pin.map(|pin| pin.width)
    }

    /// The same network in a file elsewhere.
    pub(crate) fn at(&self, path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            ..self.clone()
        }
    }

    /// Reads the file, to know the number of features and to refuse another file later.
    pub(crate) fn pinned(&self) -> Result<Self, Error> {
        let (network, digest) = self.open()?;
        let pin = Pin {
            width: network.width(),
            digest,
        };
        Ok(Self {
            pin: Some(pin),
            ..self.clone()
        })
    }

    fn open(&self) -> Result<(Network, blake3::Hash), Error> {
        let bytes = load::bytes(&self.path, MAX_FILE)?;
        let digest = blake3::hash(&bytes);
        if let Some(pin) = self.pin
            && pin.digest != digest
        {
            return Err(
                self.error("it is another file than the one that this pipeline was made with")
            );
        }
        let network = Network::new(&bytes, self.format, self.layer.as_deref(), self.scale)
            .map_err(|reason| self.error(reason))?;
        if !(1..=MAX_WIDTH).contains(&network.width()) {
            let reason = format!(
                "the layer has {} values, not 1 to {MAX_WIDTH}",
                network.width()
            );
            return Err(self.error(reason));
        }
        Ok((network, digest))
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        Error::Backbone {
            path: self.path.clone(),
            reason: reason.into(),
        }
    }

    /// What a cached feature vector depends on besides the image.
    fn cache_key(&self, digest: &blake3::Hash) -> String {
        let layer = self.layer.as_deref().unwrap_or_default();
        format!("{digest}:{layer}?{}", self.scale.name())
    }
}

impl fmt::Display for Backbone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.format.name(), self.path.display())?;
        if let Some(layer) = &self.layer {
            write!(f, ":{layer}")?;
        }
        if self.scale != Scale::default() {
            write!(f, "?{}", self.scale.name())?;
        }
        match &self.pin {
            Some(pin) => write!(f, "@{}-{}", pin.width, pin.digest),
            None => Ok(()),
        }
    }
}

/// Parses what follows the format and a colon; the error says what is wrong.
pub(crate) fn parse(format: Format, text: &str) -> Result<Backbone, String> {
    let (text, pin) = match text.rsplit_once('@') {
        Some((text, pin)) => (text, Some(parse_pin(pin)?)),
        None => (text, None),
    };
    let (text, scale) = match text.rsplit_once('?') {
        Some((text, name)) => {
            let found = Scale::NAMES.iter().find(|(_, known)| *known == name);
            let (scale, _) = found.ok_or_else(|| {
                let known = Scale::NAMES.map(|(_, known)| known).join(", ");
                format!("the scale {name:?} is not one of {known}")
            })?;
            (text, *scale)
        }
        None => (text, Scale::default()),
    };
    let (path, layer) = match text.rsplit_once(':') {
        Some((path, layer)) => (path, Some(layer.to_owned())),
        None => (text, None),
    };
    if path.is_empty() || layer.as_deref() == Some("") || path.contains([':', '?', '@']) {
        return Err(
            "it is not of the form onnx:FILE, onnx:FILE:LAYER or the same with tflite".to_owned(),
        );
    }
    Ok(Backbone {
        format,
        path: path.into(),
        layer,
        scale,
        pin,
    })
}

fn parse_pin(text: &str) -> Result<Pin, String> {
    let parts = text.split_once('-').and_then(|(width, digest)| {
        let width = width.parse().ok().filter(|w| (1..=MAX_WIDTH).contains(w))?;
        let digest = blake3::Hash::from_hex(digest).ok()?;
        Some(Pin { width, digest })
    });
    parts.ok_or_else(|| {
        "after @ stand the number of features, -, and 64 hexadecimal digits".to_owned()
    })
}

/// A backbone made ready to run, on all processors.
pub(crate) struct Runner {
    backbone: Backbone,
    network: Network,
    cache: Option<Cache>,
}

impl Runner {
    pub fn new(backbone: &Backbone) -> Result<Self, Error> {
        let (network, digest) = backbone.open()?;
        if backbone
            .width()
            .is_some_and(|width| width != network.width())
        {
            let reason = format!("the layer has {} values", network.width());
            return Err(backbone.error(reason));
        }
        Ok(Self {
            cache: Cache::of_user(&backbone.cache_key(&digest)),
            backbone: backbone.clone(),
            network,
        })
    }

    /// The features of each image.
    pub fn features(&self, images: &[GreyImage]) -> Result<Vec<Vec<f32>>, Error> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = images.len().div_ceil(threads).max(1);
        let of_share = |images: &[GreyImage]| -> Result<Vec<Vec<f32>>, Error> {
            images.iter().map(|image| self.image(image)).collect()
        };
        let parts: Vec<_> = thread::scope(|scope| {
            let shares = images.chunks(share);
            let running: Vec<_> = shares
                .map(|share| scope.spawn(move || of_share(share)))
                .collect();
            let joined = running.into_iter().map(|thread| {
                let gave_up = |_| Err(self.backbone.error("a thread that ran it ended early"));
                thread.join().unwrap_or_else(gave_up)
            });
            joined.collect::<Result<_, _>>()
        })?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn image(&self, image: &GreyImage) -> Result<Vec<f32>, Error> {
        let width = self.network.width();
        let entry = self.cache.as_ref().map(|cache| cache.entry(image));
        if let Some(found) = entry.as_ref().and_then(|entry| entry.read(width)) {
            return Ok(found);
        }
        let features = self
            .network
            .run(image)
            .map_err(|reason| self.backbone.error(reason))?;
        if features.len() != width || features.iter().any(|v| !v.is_finite()) {
            return Err(self
                .backbone
                .error("it gave no finite features for an image"));
        }
        if let Some(entry) = entry {
            entry.write(&features);
        }
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let digest = "ab".repeat(32);
        let pinned = format!("m/x.onnx:pool/avg?signed@256-{digest}");
        for text in ["x.onnx", "x.onnx:features", "dir/x.onnx?unit", &pinned] {
            let backbone = parse(Format::Tflite, text).unwrap();
            assert_eq!(backbone.to_string(), format!("tflite:{text}"));
        }
        assert_eq!(parse(Format::Onnx, &pinned).unwrap().width(), Some(256));
        for bad in [
            "",
            ":layer",
            "x.onnx:",
            "a:b:c",
            "x.onnx?loud",
            "x.onnx@12",
            "x.onnx@0-00",
        ] {
            assert!(parse(Format::Onnx, bad).is_err(), "{bad:?}");
        }
        let there = parse(Format::Onnx, &pinned)
            .unwrap()
            .at(Path::new("elsewhere.onnx"));
        assert_eq!(
            there.to_string(),
            pinned.replace("m/x.onnx", "onnx:elsewhere.onnx")
        );
    }
}
