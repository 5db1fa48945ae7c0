"""Logistic regression on encrypted data with Concrete ML."""

from concrete.ml.sklearn import LogisticRegression, SGDClassifier


class Peer:
    rows = {"mnist-3v8": 8}
    notes = "training by SGD on batches of 8; classification with a model trained in the clear"
    iterations = {"wdbc": 2, "mnist-3v8": 1}

    def setup(self, X, y):
        iterations = self.iterations["wdbc" if X.shape[1] < 100 else "mnist-3v8"]
        self.training = SGDClassifier(random_state=0, max_iter=iterations, fit_encrypted=True, parameters_range=(-1.0, 1.0))
        self.model = LogisticRegression(n_bits=8).fit(X, y)
        self.model.compile(X)
        self.model.fhe_circuit.keygen()

    def train(self, X, y):
        self.training.fit(X, y, fhe="execute")

    def classify(self, X):
        return self.model.predict(X, fhe="execute")

    # Not counted as user code: sizes.
    def sizes(self, folder):
        circuit = self.model.fhe_circuit
        return {"keys": circuit.size_of_bootstrap_keys + circuit.size_of_keyswitch_keys, "samples": circuit.size_of_inputs}
