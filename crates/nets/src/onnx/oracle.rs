//! Random networks as files: what this crate computes from them, against tract, which shares no code with it.

use prost::Message;
use tract_onnx::prelude::*;

use super::schema::{Attribute, Node, Tensor as Constant};
use super::tests::{int, integers, ints, model, node, weights};
use crate::Network;

/// Networks that are tried.
const NETWORKS: u64 = 200;

/// A file in the making.
struct Maker {
    state: u64,
    nodes: Vec<Node>,
    constants: Vec<Constant>,
    /// Channels, height and width of the last value, whose name has its number.
    shape: [usize; 3],
    last: String,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let mut maker = Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            nodes: Vec::new(),
            constants: Vec::new(),
            shape: [1; 3],
            last: "x".to_owned(),
        };
        maker.shape = [maker.up_to(4), 4 + maker.up_to(9), 4 + maker.up_to(9)];
        maker
    }

    fn number(&mut self) -> f32 {
        let next = self.state.wrapping_mul(0x5851_f42d_4c95_7f2d);
        self.state = next.wrapping_add(1);
        (next >> 33) as f32 / (1_u64 << 30) as f32 - 1.0
    }

    /// From 1 to `most`.
    fn up_to(&mut self, most: usize) -> usize {
        1 + ((self.number() + 1.0) / 2.0 * most as f32) as usize % most
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.up_to(chances) == 1
    }

    /// A constant of this shape, and its name.
    fn constant(&mut self, dims: &[usize]) -> String {
        let values: Vec<f32> = (0..dims.iter().product()).map(|_| self.number()).collect();
        let name = format!("c{}", self.constants.len());
        let dims: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
        self.constants.push(weights(&name, &dims, &values));
        name
    }

    fn add(&mut self, operator: &str, inputs: &[&str], attributes: Vec<Attribute>) {
        let name = format!("v{}", self.nodes.len());
        self.nodes.push(node(operator, inputs, &name, attributes));
        self.last = name;
    }

    /// Attributes of a window that fits, and what it makes of height and width.
    fn window(&mut self, dilated: bool) -> (Vec<Attribute>, [usize; 2], [usize; 2]) {
        let [_, height, width] = self.shape;
        let mut axis = |size: usize| {
            let kernel = self.up_to(3.min(size));
            let dilation = if dilated && self.one_in(4) { 2 } else { 1 };
            let extent = (kernel - 1) * dilation + 1;
            let pads = [self.up_to(kernel) - 1, self.up_to(kernel) - 1];
            let (pads, dilation, extent) = match extent <= size {
                true => (pads, dilation, extent),
                false => (pads, 1, kernel),
            };
            let stride = self.up_to(2);
            let output = (size + pads[0] + pads[1] - extent) / stride + 1;
            (kernel, dilation, pads, stride, output)
        };
        let (y, x) = (axis(height), axis(width));
        let whole = |values: &[usize]| values.iter().map(|&v| v as i64).collect::<Vec<_>>();
        let mut attributes = vec![
            ints("kernel_shape", &whole(&[y.0, x.0])),
            ints("pads", &whole(&[y.2[0], x.2[0], y.2[1], x.2[1]])),
            ints("strides", &whole(&[y.3, x.3])),
        ];
        if dilated {
            attributes.push(ints("dilations", &whole(&[y.1, x.1])));
        }
        (attributes, [y.0, x.0], [y.4, x.4])
    }

    fn convolution(&mut self) {
        let (mut attributes, [ky, kx], [height, width]) = self.window(true);
        let channels = self.shape[0];
        let groups = if self.one_in(3) { channels } else { 1 };
        let outputs = groups * self.up_to(3);
        attributes.push(int("group", groups as i64));
        let kernel = self.constant(&[outputs, channels / groups, ky, kx]);
        let (last, bias) = (self.last.clone(), self.constant(&[outputs]));
        self.add("Conv", &[&last, &kernel, &bias], attributes);
        self.shape = [outputs, height, width];
    }

    fn pool(&mut self) {
        let (mut attributes, _, [height, width]) = self.window(false);
        attributes.push(int("count_include_pad", i64::from(self.one_in(2))));
        let last = self.last.clone();
        self.add("AveragePool", &[&last], attributes);
        self.shape = [self.shape[0], height, width];
    }

    fn batch_norm(&mut self) {
        let (last, channels) = (self.last.clone(), self.shape[0]);
        let [scale, shift, mean] = [(); 3].map(|()| self.constant(&[channels]));
        let variance = self.constant(&[channels]);
        if let Some(values) = self.constants.last_mut() {
            values
                .float_data
                .iter_mut()
                .for_each(|v| *v = v.abs() + 0.5);
        }
        let inputs = [&last, &scale, &shift, &mean, &variance].map(String::as_str);
        self.add("BatchNormalization", &inputs, vec![]);
    }

    fn by_constant(&mut self) {
        let operator = ["Add", "Sub", "Mul", "Div"][self.up_to(4) - 1];
        let channels = self.shape[0];
        let dims = [vec![1], vec![1, channels, 1, 1], vec![channels, 1, 1]];
        let chosen = self.up_to(3) - 1;
        let constant = self.constant(&dims[chosen]);
        if let Some(values) = self.constants.last_mut() {
            values
                .float_data
                .iter_mut()
                .for_each(|v| *v = v.abs() + 0.5);
        }
        let last = self.last.clone();
        self.add(operator, &[&last, &constant], vec![]);
    }

    fn activation(&mut self) {
        let last = self.last.clone();
        match self.up_to(3) {
            1 => self.add("Relu", &[&last], vec![]),
            2 => self.add("Mul", &[&last, &last], vec![]),
            _ => {
                let two = format!("c{}", self.constants.len());
                self.constants.push(weights(&two, &[1], &[2.0]));
                self.add("Pow", &[&last, &two], vec![]);
            }
        }
    }

    /// Two convolutions of 1 x 1 beside each other.
    fn branches(&mut self) {
        let (start, channels, outputs) = (self.last.clone(), self.shape[0], self.up_to(4));
        let [first, second] = [(); 2].map(|()| {
            let kernel = self.constant(&[outputs, channels, 1, 1]);
            self.add("Conv", &[&start, &kernel], vec![]);
            self.last.clone()
        });
        self.add("Add", &[&first, &second], vec![]);
        self.shape[0] = outputs;
    }

    fn pad(&mut self) {
        let amounts = [(); 4].map(|()| self.up_to(2) - 1);
        let [top, left, bottom, right] = amounts.map(|n| n as i64);
        let name = format!("c{}", self.constants.len());
        let pads = [0, 0, top, left, 0, 0, bottom, right];
        self.constants.push(integers(&name, &pads));
        let last = self.last.clone();
        self.add("Pad", &[&last, &name], vec![]);
        self.shape[1] += amounts[0] + amounts[2];
        self.shape[2] += amounts[1] + amounts[3];
    }

    fn scores(&mut self) {
        let [channels, height, width] = self.shape;
        let mut last = self.last.clone();
        let values = if self.one_in(3) {
            self.add("GlobalAveragePool", &[&last], vec![]);
            last = self.last.clone();
            channels
        } else {
            channels * height * width
        };
        self.add("Flatten", &[&last], vec![]);
        last = self.last.clone();
        let classes = self.up_to(6);
        if self.one_in(2) {
            let (matrix, bias) = (self.constant(&[classes, values]), self.constant(&[classes]));
            self.add("Gemm", &[&last, &matrix, &bias], vec![int("transB", 1)]);
        } else {
            let matrix = self.constant(&[values, classes]);
            self.add("MatMul", &[&last, &matrix], vec![]);
        }
    }
}

/// A file, and the shape of its image.
fn network(seed: u64) -> (Vec<u8>, [usize; 3]) {
    let mut maker = Maker::new(seed);
    let image = maker.shape;
    for _ in 0..2 + maker.up_to(5) {
        match maker.up_to(8) {
            1..=3 => maker.convolution(),
            4 => maker.pool(),
            5 => maker.batch_norm(),
            6 => maker.by_constant(),
            7 => maker.branches(),
            _ => maker.pad(),
        }
        if maker.one_in(2) {
            maker.activation();
        }
    }
    maker.scores();
    if let Some(last) = maker.nodes.last_mut() {
        last.outputs = vec!["y".to_owned()];
    }
    let dims = [Some(1)].into_iter().chain(image.map(|d| Some(d as i64)));
    let dims: Vec<_> = dims.collect();
    let file = model(&dims, maker.nodes, maker.constants);
    (file.encode_to_vec(), image)
}

fn by_tract(file: &[u8], shape: [usize; 3], image: &[f32]) -> TractResult<Vec<f32>> {
    let dims = [1, shape[0], shape[1], shape[2]];
    let plan = tract_onnx::onnx()
        .model_for_read(&mut &*file)?
        .with_input_fact(0, f32::fact(dims).into())?
        .into_typed()?
        .into_runnable()?;
    let image = Tensor::from_shape(&dims, image)?;
    let found = plan.run(tvec!(image.into()))?;
    Ok(found[0]
        .to_plain_array_view::<f32>()?
        .iter()
        .copied()
        .collect())
}

#[test]
fn random_networks_compute_what_tract_computes() {
    for seed in 0..NETWORKS {
        let (file, shape) = network(seed);
        let mut maker = Maker::new(seed ^ 0xabcd);
        let image: Vec<f32> = (0..shape.iter().product())
            .map(|_| maker.number())
            .collect();
        let expected = by_tract(&file, shape, &image).unwrap_or_else(|e| panic!("{seed}: {e:?}"));
        let network = Network::from_onnx(&file).unwrap_or_else(|e| panic!("{seed}: {e}"));
        let image: Vec<f64> = image.into_iter().map(f64::from).collect();
        let found = network.scores(&image).unwrap();
        assert_eq!(found.len(), expected.len(), "{seed}");
        let largest = found.iter().fold(1e-3_f64, |most, v| most.max(v.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            let error = (found - f64::from(*expected)).abs();
            assert!(error < 1e-4 * largest, "{seed}: {found} {expected}");
        }
    }
}
