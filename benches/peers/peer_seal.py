"""Microsoft SEAL, through the low-level interface of TenSEAL's wheel."""

import tenseal.sealapi as seal

from meter import Rows, check, message
from sets import ROTATIONS

NAME = "SEAL"
# SEAL has one special prime, at least as large as any other.
SPECIAL_BITS = 49


def measure(chain, runs):
    degree = 1 << chain.log_n
    q = len(chain.q_bits)
    bits = [*chain.q_bits, SPECIAL_BITS]
    literal = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
    literal.set_poly_modulus_degree(degree)
    literal.set_coeff_modulus(seal.CoeffModulus.Create(degree, bits))
    # Its own table ends at N = 2^15; this is below what larger tables allow.
    level = seal.SEC_LEVEL_TYPE.TC128 if chain.log_n <= 15 else seal.SEC_LEVEL_TYPE.NONE
    context = seal.SEALContext(literal, True, level)
    keygen = seal.KeyGenerator(context)
    public, relin, galois = seal.PublicKey(), seal.RelinKeys(), seal.GaloisKeys()
    keygen.create_public_key(public)
    keygen.create_relin_keys(relin)
    # The binding takes Galois elements where SEAL takes steps as well; its rotations are powers of 3.
    keygen.create_galois_keys([pow(3, steps, 2 * degree) for steps in ROTATIONS], galois)
    encoder = seal.CKKSEncoder(context)
    encryptor = seal.Encryptor(context, public)
    decryptor = seal.Decryptor(context, keygen.secret_key())
    evaluator = seal.Evaluator(context)
    scale = 2.0**chain.log_scale
    values = message(chain.slots)

    def encode():
        plain = seal.Plaintext()
        encoder.encode(values, scale, plain)
        return plain

    def encrypt():
        out = seal.Ciphertext()
        encryptor.encrypt(plain, out)
        return out

    def decrypt_decode(x):
        out = seal.Plaintext()
        decryptor.decrypt(x, out)
        return encoder.decode_double(out)

    def into_new(method, *operands):
        out = seal.Ciphertext()
        method(*operands, out)
        return out

    def mul_relin():
        out = into_new(evaluator.multiply, a, b)
        evaluator.relinearize_inplace(out, relin)
        return out

    def rotate(steps):
        return into_new(evaluator.rotate_vector, a, steps, galois)

    plain = encode()
    a, b = encrypt(), encrypt()
    product = mul_relin()
    squares = decrypt_decode(into_new(evaluator.rescale_to_next, product))
    check(NAME, squares, [v * v for v in values])

    rows = Rows(NAME, chain, sum(bits), q, runs)
    # A transform takes all primes of both polynomials; a row is about one prime.
    forward, inverse = evaluator.transform_to_ntt_inplace, evaluator.transform_from_ntt_inplace
    one = {"primes": 1, "share": 2 * q}
    x = encrypt()
    rows.time("ntt_forward", lambda: forward(x), prepare=lambda: inverse(x), **one)
    inverse(x)
    rows.time("ntt_inverse", lambda: inverse(x), prepare=lambda: forward(x), **one)
    rows.time("encode", encode)
    rows.time("encrypt", encrypt)
    rows.time("decrypt_decode", lambda: decrypt_decode(a))
    rows.time("add", lambda: into_new(evaluator.add, a, b))
    rows.time("mul_plain", lambda: into_new(evaluator.multiply_plain, a, plain))
    rows.time("mul_relin", mul_relin)
    rows.time("rescale", lambda: into_new(evaluator.rescale_to_next, product))
    rows.time("rotate", lambda: rotate(ROTATIONS[0]))
    # SEAL cannot hoist: eight rotations one by one.
    rows.time("rotate_hoisted_8", lambda: [rotate(steps) for steps in ROTATIONS])
    return rows.rows
