//! A network that runs.

use super::format::{Format, Scale};
use super::graph::{self, Input};
use super::lite;
use crate::GreyImage;
use crate::features::resample;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tract_onnx::data_resolver::ModelDataResolver;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::anyhow;

/// Numbers in a tensor between two layers: an image of 1024 x 1024 in 64 channels.
const MAX_TENSOR: usize = 1 << 26;
/// Pixels along each side of the network's input.
const MAX_SIDE: usize = graph::MAX_SIDE as usize;

/// The part of a network up to its features, and how it takes an image.
pub(super) struct Network {
    plan: Arc<TypedRunnableModel>,
    input: Input,
    element: DatumType,
    scale: Scale,
    width: usize,
}

impl Network {
    /// From the bytes of a file. The error says what is wrong with it.
    pub fn new(
        bytes: &[u8],
        format: Format,
        layer: Option<&str>,
        scale: Scale,
    ) -> Result<Self, String> {
        guarded(|| {
            let (model, input) = match format {
                Format::Onnx => from_onnx(bytes, layer)?,
                Format::Tflite => from_tflite(bytes, layer)?,
            };
            prepare(model, input, scale).map_err(|e| format!("{e:#}"))
        })
    }

    /// The number of features.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The features of an image: the layer's values, of those at several places the mean.
    pub fn run(&self, image: &GreyImage) -> Result<Vec<f32>, String> {
        guarded(|| self.try_run(image).map_err(|e| format!("{e:#}")))
    }

    fn try_run(&self, image: &GreyImage) -> TractResult<Vec<f32>> {
        let output = self.plan.run(tvec!(self.tensor(image)?.into()))?;
        let output = output.first().ok_or_else(|| anyhow!("it gives nothing"))?;
        let values = output.cast_to::<f32>()?;
        let values = values.to_plain_array_view::<f32>()?;
        let places = values.len() / self.width;
        // The places come before or after the channels of one place.
        let apart = match (values.ndim(), self.input.channels_last) {
            (4, false) => (places, 1),
            _ => (1, self.width),
        };
        let values: Vec<f32> = values.iter().copied().collect();
        let mean = |channel: usize| {
            let at = |place: usize| f64::from(values[channel * apart.0 + place * apart.1]);
            ((0..places).map(at).sum::<f64>() / places as f64) as f32
        };
        Ok((0..self.width).map(mean).collect())
    }

    /// The image as the network wants it.
    fn tensor(&self, image: &GreyImage) -> TractResult<Tensor> {
        let Input {
            width,
            height,
            channels,
            channels_last,
        } = self.input;
        let planes = match channels {
            1 => vec![resample::resize(image, width, height)],
            _ => resample::resize_rgb(image, width, height).to_vec(),
        };
        let value =
            |channel: usize, pixel: usize| self.scale.apply(planes[channel][pixel], channel);
        let pixels = width * height;
        let (shape, values): (_, Vec<f32>) = if channels_last {
            let values = (0..channels * pixels).map(|i| value(i % channels, i / channels));
            ([1, height, width, channels], values.collect())
        } else {
            let values = (0..channels * pixels).map(|i| value(i / pixels, i % pixels));
            ([1, channels, height, width], values.collect())
        };
        let tensor = Tensor::from_shape(&shape, &values)?;
        Ok(tensor.cast_to_dt(self.element)?.into_owned())
    }
}

/// The runtime may panic on what it does not expect, though nothing that it does is unsafe to leave half done: the
/// network is dropped or unchanged.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let gave_up = |_| Err("the runtime gave up on it: it is damaged or not supported".to_owned());
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(gave_up)
}

fn from_onnx(bytes: &[u8], layer: Option<&str>) -> Result<(TypedModel, Input), String> {
    let mut framework = onnx();
    framework.provider = Arc::new(NoOtherFiles);
    framework.ignore_value_info = true;
    let proto = framework
        .proto_model_for_read(&mut &bytes[..])
        .map_err(|_| "it is not an ONNX file".to_owned())?;
    let (proto, input) = graph::cut(proto, layer)?;
    let shape = match input.channels_last {
        true => [1, input.height, input.width, input.channels],
        false => [1, input.channels, input.height, input.width],
    };
    let typed = || {
        let mut model = framework.parse(&proto, None)?.model;
        let element = model.input_fact(0)?.datum_type.concretize();
        let element = element.unwrap_or(f32::datum_type());
        model.set_input_fact(0, element.fact(shape).into())?;
        model.analyse(false)?;
        model.into_typed()
    };
    Ok((typed().map_err(|e| format!("{e:#}"))?, input))
}

/// Of TensorFlow Lite the runtime knows the layers of image classifiers only, and checks the file's structure first.
fn from_tflite(bytes: &[u8], layer: Option<&str>) -> Result<(TypedModel, Input), String> {
    let framework = tract_tflite::tflite();
    let proto = framework
        .proto_model_for_read(&mut &bytes[..])
        .map_err(|e| format!("it is not a TensorFlow Lite file: {e:#}"))?;
    lite::check(&proto.root())?;
    let mut model = framework
        .model_for_proto_model(&proto)
        .map_err(|e| format!("{e:#}"))?;
    // Before anything is computed from constants, as simplifying does.
    check_sizes(&model).map_err(|e| format!("{e:#}"))?;
    let node = match layer {
        Some(name) => model.nodes().iter().find(|node| node.name == name),
        None => {
            let is_head = |node: &&TypedNode| ["Conv", "EinSum"].contains(&&*node.op.name());
            let head = model.nodes().iter().rev().find(is_head);
            head.and_then(|node| node.inputs.first())
                .map(|outlet| model.node(outlet.node))
        }
    };
    let Some(node) = node else {
        return Err("it has no such layer, or no convolution before which to look".to_owned());
    };
    let wrong = "its input is not an image: 1 x rows x columns x 3 is expected";
    let shape = model
        .input_fact(0)
        .ok()
        .and_then(|fact| fact.shape.as_concrete());
    let input = match shape {
        Some(
            &[
                1,
                height @ 1..=MAX_SIDE,
                width @ 1..=MAX_SIDE,
                channels @ (1 | 3),
            ],
        ) => Input {
            width,
            height,
            channels,
            channels_last: true,
        },
        _ => return Err(wrong.to_owned()),
    };
    let outlet = OutletId::new(node.id, 0);
    let cut = |model: &mut TypedModel| {
        model.select_output_outlets(&[outlet])?;
        // Also drops what the layer does not need.
        *model = model.clone().into_decluttered()?;
        TractResult::Ok(())
    };
    cut(&mut model).map_err(|e| format!("{e:#}"))?;
    Ok((model, input))
}

fn prepare(model: TypedModel, input: Input, scale: Scale) -> TractResult<Network> {
    let element = model.input_fact(0)?.datum_type;
    check_sizes(&model)?;
    let shape = model
        .output_fact(0)?
        .shape
        .as_concrete()
        .unwrap_or_default()
        .to_vec();
    let width = match (shape.as_slice(), input.channels_last) {
        (&[1, width], _) => width,
        // Channels at each place of an image, or the tokens of a transformer.
        (&[1, width, _, _], false) | (&[1, _, _, width], true) | (&[1, _, width], _) => width,
        _ => {
            return Err(anyhow!(
                "the layer has the shape {shape:?}, which is not a feature vector"
            ));
        }
    };
    Ok(Network {
        plan: model.into_optimized()?.into_runnable()?,
        input,
        element,
        scale,
        width,
    })
}

/// Refuses a network with a tensor that is too large, or whose size depends on what it is given.
fn check_sizes(model: &TypedModel) -> TractResult<()> {
    for node in model.nodes() {
        for output in &node.outputs {
            let shape = output.fact.shape.as_concrete();
            let size = shape.and_then(|s| s.iter().try_fold(1usize, |n, &d| n.checked_mul(d)));
            if size.is_none_or(|size| size > MAX_TENSOR) {
                return Err(anyhow!("its layer {} is open or too large", node.name));
            }
        }
    }
    Ok(())
}

/// Keeps the runtime from opening files that a model names.
struct NoOtherFiles;

impl ModelDataResolver for NoOtherFiles {
    fn read_bytes_from_path(
        &self,
        _: &mut Vec<u8>,
        _: &std::path::Path,
        _: usize,
        _: Option<usize>,
    ) -> TractResult<()> {
        Err(anyhow!("its data lie in another file"))
    }
}

#[cfg(test)]
#[path = "../../tests/support/onnx.rs"]
mod files;

#[cfg(test)]
mod tests {
    use super::*;

    /// For the tests of files. Every writer writes what every reader reads, so once is enough.
    #[test]
    #[ignore = "writes a file"]
    fn a_network_for_tensorflow_lite() {
        let (model, _) = from_onnx(&files::small_channels_last(), Some("logits")).unwrap();
        let mut bytes = Vec::new();
        tract_tflite::tflite().write(&model, &mut bytes).unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/small.tflite");
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn images_are_taken_with_channels_first_and_last() {
        let [first, last] = [files::small(), files::small_channels_last()]
            .map(|bytes| from_onnx(&bytes, None).unwrap().1);
        assert!(!first.channels_last && last.channels_last);
        assert_eq!(
            Input {
                channels_last: false,
                ..last
            },
            first
        );
    }
}
