"""OpenFHE, by its own wheel."""

import numpy
import openfhe

from meter import Rows, check, message
from sets import ROTATIONS

NAME = "OpenFHE"


def measure(chain, runs):
    literal = openfhe.CCParamsCKKSRNS()
    literal.SetRingDim(1 << chain.log_n)
    literal.SetBatchSize(chain.slots)
    literal.SetMultiplicativeDepth(len(chain.q_bits) - 1)
    literal.SetFirstModSize(chain.q_bits[0])
    literal.SetScalingModSize(chain.log_scale)
    literal.SetScalingTechnique(openfhe.ScalingTechnique.FIXEDMANUAL)
    literal.SetKeySwitchTechnique(openfhe.KeySwitchTechnique.HYBRID)
    literal.SetNumLargeDigits(chain.openfhe_digits)
    literal.SetSecretKeyDist(openfhe.SecretKeyDist.UNIFORM_TERNARY)
    literal.SetSecurityLevel(openfhe.SecurityLevel.HEStd_128_classic)
    context = openfhe.GenCryptoContext(literal)
    features = openfhe.PKESchemeFeature
    for feature in (features.PKE, features.KEYSWITCH, features.LEVELEDSHE):
        context.Enable(feature)
    keys = context.KeyGen()
    context.EvalMultKeyGen(keys.secretKey)
    context.EvalRotateKeyGen(keys.secretKey, ROTATIONS)
    values = numpy.array(message(chain.slots))

    def encode():
        return context.MakeCKKSPackedPlaintext(values)

    def rotate_hoisted():
        digits = context.EvalFastRotationPrecompute(a)
        return [context.EvalFastRotation(a, steps, digits) for steps in ROTATIONS]

    plain = encode()
    a, b = (context.Encrypt(keys.publicKey, plain) for _ in range(2))
    product = context.EvalMult(a, b)
    squares = context.Decrypt(keys.secretKey, context.Rescale(product))
    squares.SetLength(chain.slots)
    check(NAME, squares.GetRealPackedValue(), values * values)

    rows = Rows(NAME, chain, chain.openfhe_log_qp, chain.openfhe_digits, runs)
    rows.time("encode", encode)
    rows.time("encrypt", lambda: context.Encrypt(keys.publicKey, plain))
    rows.time("decrypt_decode", lambda: context.Decrypt(keys.secretKey, a))
    rows.time("add", lambda: context.EvalAdd(a, b))
    rows.time("mul_plain", lambda: context.EvalMult(a, plain))
    rows.time("mul_relin", lambda: context.EvalMult(a, b))
    rows.time("rescale", lambda: context.Rescale(product))
    rows.time("rotate", lambda: context.EvalRotate(a, ROTATIONS[0]))
    rows.time("rotate_hoisted_8", rotate_hoisted)
    return rows.rows
