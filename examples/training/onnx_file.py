"""Writes a network as an ONNX file of operator set 13, for the training scripts beside it."""

import numpy as np


class OnnxFile:
    """Nodes and constants of a network from one image to its scores, in the order in which they are added."""

    def __init__(self):
        self.nodes, self.tensors = [], {}

    def constant(self, name, values):
        """Values that the file holds as f32; the name, for nodes that read them."""
        values = values.detach() if hasattr(values, "detach") else values
        self.tensors[name] = np.asarray(values, np.float32)
        return name

    def node(self, operator, inputs, name, **attributes):
        """A node with one output, both of this name; the name, for nodes that read it."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def write(self, path, name, image, scores, classes=()):
        """A file whose input is `image`, a shape without the batch, and whose output of `scores` numbers is "scores"."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
        graph = helper.make_graph(
            self.nodes,
            name,
            [value("image", image)],
            [value("scores", [scores])],
            [numpy_helper.from_array(values, name) for name, values in self.tensors.items()],
        )
        made = helper.make_model(graph, producer_name="tapetum", opset_imports=[helper.make_opsetid("", 13)])
        made.ir_version = 8
        if classes:
            helper.set_model_props(made, {"classes": ",".join(classes)})
        onnx.checker.check_model(made)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.SerializeToString())
