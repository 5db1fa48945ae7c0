"""Logistic regression on encrypted data with TenSEAL, as its tutorial has it: weights go to the client after every epoch."""

import tenseal as ts


class Peer:
    rows = {"mnist-3v8": 100}
    notes = "the client decrypts and encrypts the weights after every epoch; classification with weights in the clear"
    epochs = {"wdbc": 3, "mnist-3v8": 1}

    def setup(self, X, y):
        self.context = ts.context(ts.SCHEME_TYPE.CKKS, 8192, -1, [40, 21, 21, 21, 21, 21, 21, 40])
        self.context.global_scale = 2**21
        self.context.generate_galois_keys()

    def train(self, X, y):
        self.data = [(ts.ckks_vector(self.context, row), ts.ckks_vector(self.context, [label])) for row, label in zip(X.tolist(), y)]
        weights, bias = [0.0] * X.shape[1], [0.0]
        for _ in range(self.epochs["wdbc" if X.shape[1] < 100 else "mnist-3v8"]):
            secret_weights, secret_bias = ts.ckks_vector(self.context, weights), ts.ckks_vector(self.context, bias)
            gradient = slope = 0
            for row, label in self.data:
                score = row.dot(secret_weights) + secret_bias
                error = score.polyval([0.5, 0.197, 0, -0.004]) - label
                gradient += row * error
                slope += error
            # Decrypted by the client, which takes the step.
            weights = [w - g / len(self.data) - 0.05 * w for w, g in zip(weights, gradient.decrypt())]
            bias = [bias[0] - slope.decrypt()[0] / len(self.data)]
        self.weights, self.bias = weights, bias

    def classify(self, X):
        self.samples = [ts.ckks_vector(self.context, row) for row in X.tolist()]
        scores = [(row.dot(self.weights) + self.bias).decrypt()[0] for row in self.samples]
        return [int(score > 0) for score in scores]

    # Not counted as user code: sizes.
    def sizes(self, folder):
        row, label = self.data[0]
        return {
            "keys": len(self.context.serialize(save_secret_key=False)),
            "training": len(self.data) * (len(row.serialize()) + len(label.serialize())),
            "samples": len(self.samples) * len(self.samples[0].serialize()),
        }
