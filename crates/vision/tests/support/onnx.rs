//! Small ONNX files, written by hand.

/// Fields of a protocol buffer, just enough to write an ONNX file with.
#[derive(Clone, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn number(mut self, field: u8, value: u64) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(value);
        self
    }

    pub fn bytes(mut self, field: u8, bytes: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn text(self, field: u8, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub fn message(self, field: u8, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// The field numbers are those of onnx.proto.
pub fn node(kind: &str, inputs: &[&str], output: &str) -> Message {
    let node = inputs
        .iter()
        .fold(Message::default(), |node, name| node.text(1, name));
    node.text(2, output).text(4, kind)
}

pub fn transpose(input: &str, axes: &[u64], output: &str) -> Message {
    let order = axes.iter().fold(
        Message::default().text(1, "perm").number(20, 7),
        |order, &axis| order.number(8, axis),
    );
    node("Transpose", &[input], output).message(5, &order)
}

pub fn tensor(name: &str, dims: &[u64], values: &[f32]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let tensor = dims
        .iter()
        .fold(Message::default(), |t, &dim| t.number(1, dim));
    tensor.number(2, 1).text(8, name).bytes(9, &raw)
}

pub fn value(name: &str, dims: &[u64]) -> Message {
    let shape = dims.iter().fold(Message::default(), |shape, &dim| {
        shape.message(1, &Message::default().number(1, dim))
    });
    let kind = Message::default().number(1, 1).message(2, &shape);
    Message::default()
        .text(1, name)
        .message(2, &Message::default().message(1, &kind))
}

pub fn model(nodes: &[Message], tensors: &[Message], input: &Message, output: &Message) -> Vec<u8> {
    let graph = nodes
        .iter()
        .fold(Message::default(), |graph, node| graph.message(1, node));
    let graph = tensors
        .iter()
        .fold(graph.text(2, "net"), |graph, t| graph.message(5, t));
    let graph = graph.message(11, input).message(12, output);
    let opset = Message::default().number(2, 13);
    Message::default()
        .number(1, 8)
        .message(7, &graph)
        .message(8, &opset)
        .0
}

/// red - blue and green - 1/2, what is negative cut off, the mean over all pixels; then a classifier.
pub fn small() -> Vec<u8> {
    behind(&[], "image", &[1, 3, 2, 2])
}

/// The same for images whose channels come last.
pub fn small_channels_last() -> Vec<u8> {
    let turn = transpose("image", &[0, 3, 1, 2], "turned");
    behind(&[turn], "turned", &[1, 2, 2, 3])
}

fn behind(first: &[Message], image: &str, dims: &[u64]) -> Vec<u8> {
    let nodes = [
        node("Conv", &[image, "w", "b"], "c"),
        node("Relu", &["c"], "r"),
        node("GlobalAveragePool", &["r"], "p"),
        node("Flatten", &["p"], "features"),
        node("Gemm", &["features", "v"], "logits"),
    ];
    model(
        &[first, &nodes].concat(),
        &[
            tensor("w", &[2, 3, 1, 1], &[1.0, 0.0, -1.0, 0.0, 1.0, 0.0]),
            tensor("b", &[2], &[0.0, -0.5]),
            tensor("v", &[2, 3], &[1.0; 6]),
        ],
        &value("image", dims),
        &value("logits", &[1, 3]),
    )
}
