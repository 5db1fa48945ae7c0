"""Logistic regression on encrypted data with OpenFHE: packing, sums and steps are the user's."""

import numpy as np
import openfhe as fhe


class Peer:
    rows = {"mnist-3v8": 64}
    notes = "gradient steps without bootstrapping; the user packs rows and sums them by rotations"
    steps, rate = 3, 2.0

    def setup(self, X, y):
        self.columns = 1 << X.shape[1].bit_length()
        parameters = fhe.CCParamsCKKSRNS()
        parameters.SetMultiplicativeDepth(8 * (self.steps - 1) + 3)
        parameters.SetScalingModSize(40)
        parameters.SetFirstModSize(50)
        parameters.SetBatchSize(1 << 14)
        self.context = fhe.GenCryptoContext(parameters)
        for feature in (fhe.PKE, fhe.KEYSWITCH, fhe.LEVELEDSHE, fhe.ADVANCEDSHE):
            self.context.Enable(feature)
        self.keys = self.context.KeyGen()
        self.context.EvalMultKeyGen(self.keys.secretKey)
        shifts = [1 << i for i in range(14)] + [-(1 << i) for i in range(self.columns.bit_length() - 1)]
        self.context.EvalRotateKeyGen(self.keys.secretKey, shifts)
        self.block = (1 << 14) // self.columns

    def packed(self, X):
        full = np.zeros((self.block, self.columns))
        full[: len(X), : X.shape[1]] = X
        full[: len(X), X.shape[1]] = 1
        return full.ravel().tolist()

    def encrypted(self, values):
        return self.context.Encrypt(self.keys.publicKey, self.context.MakeCKKSPackedPlaintext(values))

    def folded(self, ciphertext, shifts):
        for shift in shifts:
            ciphertext = self.context.EvalAdd(ciphertext, self.context.EvalRotate(ciphertext, shift))
        return ciphertext

    def in_rows(self, ciphertext):
        """The sum of each row, in its first slot."""
        return self.folded(ciphertext, [1 << i for i in range(self.columns.bit_length() - 1)])

    def train(self, X, y):
        blocks = range(0, len(X), self.block)
        self.data = []
        for start in blocks:
            rows, labels = X[start : start + self.block], y[start : start + self.block]
            self.data.append((self.encrypted(self.packed(rows)), self.encrypted(np.repeat(np.pad(labels, (0, self.block - len(labels))), self.columns).tolist())))
        first = self.context.MakeCKKSPackedPlaintext(([1.0] + [0.0] * (self.columns - 1)) * self.block)
        halves = self.context.MakeCKKSPackedPlaintext([0.5] * (1 << 14))
        weights = None
        for _ in range(self.steps):
            total = None
            for rows, labels in self.data:
                if weights is None:
                    error = self.context.EvalSub(halves, labels)
                else:
                    scores = self.context.EvalMult(self.in_rows(self.context.EvalMult(rows, weights)), first)
                    scores = self.folded(scores, [-(1 << i) for i in range(self.columns.bit_length() - 1)])
                    error = self.context.EvalSub(self.context.EvalLogistic(scores, -8.0, 8.0, 7), labels)
                part = self.context.EvalMult(rows, error)
                total = part if total is None else self.context.EvalAdd(total, part)
            gradient = self.folded(total, [self.columns << i for i in range(self.block.bit_length() - 1)])
            step = self.context.EvalMult(gradient, -self.rate / len(X))
            weights = step if weights is None else self.context.EvalAdd(weights, step)
        self.weights = weights

    def classify(self, X):
        found, self.samples = [], []
        for start in range(0, len(X), self.block):
            rows = X[start : start + self.block]
            self.samples.append(self.encrypted(self.packed(rows)))
            scores = self.in_rows(self.context.EvalMult(self.samples[-1], self.weights))
            plain = self.context.Decrypt(scores, self.keys.secretKey)
            plain.SetLength(1 << 14)
            values = plain.GetRealPackedValue()
            found += [int(values[i * self.columns] > 0) for i in range(len(rows))]
        return found

    # Not counted as user code: sizes.
    def sizes(self, folder):
        fhe.SerializeToFile(str(folder / "row"), self.samples[0], fhe.BINARY)
        self.context.SerializeEvalAutomorphismKey(str(folder / "rotate"), fhe.BINARY)
        self.context.SerializeEvalMultKey(str(folder / "mult"), fhe.BINARY)
        size = lambda name: (folder / name).stat().st_size
        return {
            "keys": size("rotate") + size("mult"),
            "training": 2 * len(self.data) * size("row"),
            "samples": len(self.samples) * size("row"),
        }
