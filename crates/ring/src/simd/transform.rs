//! The negacyclic transform on vectors of eight lanes.
//!
//! The layers of large stride go two at a time (radix 4), first over all the data, then within
//! blocks that stay in the first-level cache. The last three layers (the first three of the
//! inverse) have strides below a vector: sixty-four coefficients are transposed, so that these
//! layers too work on whole vectors, and transposed back. The order of the results is that of the
//! portable kernel.
//!
//! The inverse reads the same tables: with psi^N = -1, the inverse of the twiddle factor g + i of a
//! layer of g groups is minus the factor g + (g - 1 - i), and the sign goes into y - x.

use super::lanes::{Arithmetic, LANES, Lanes, Modular, numbers_mut};
use crate::modulus::{Modulus, Residue};

/// Coefficients that are transposed together.
const GROUP: usize = LANES * LANES;
/// The smallest transform: after a layer of radix 2, half of it still holds a group.
pub(crate) const SMALLEST: usize = 2 * GROUP;
/// A block of this many coefficients (16 KiB) stays in the first-level cache, with its twiddles.
const CACHE: usize = 1 << 11;

/// Twiddle factors of one prime and ring degree.
#[derive(Debug)]
pub(crate) struct Tables {
    /// psi^rev(i) for the layers of stride 8 and more, that is i < N / 8.
    broadcast: Box<[Twiddle]>,
    /// For each group of 64 coefficients the factors of the last three layers, one sub-block of
    /// eight coefficients a lane: one vector for stride 4, two for stride 2, four for stride 1.
    vectors: Box<[[[f64; LANES]; LANES - 1]]>,
    /// 1 / N, and 1 / N times the factor of the first layer.
    scale: [Twiddle; 2],
}

/// A factor w with w / p.
#[derive(Clone, Copy, Debug)]
struct Twiddle {
    factor: f64,
    quotient: f64,
}

impl Twiddle {
    fn new(modulus: Modulus, factor: Residue) -> Self {
        Self {
            factor: factor.as_f64(),
            quotient: factor.as_f64() / modulus.to_f64(),
        }
    }
}

impl Tables {
    /// `roots[i]` is psi^rev(i), for at least [`SMALLEST`] of them.
    pub fn new(modulus: Modulus, roots: &[Residue], n_inverse: Residue) -> Self {
        let n = roots.len();
        let twiddle = |w| Twiddle::new(modulus, w);
        let vector = |first: usize, step: usize| {
            std::array::from_fn(|lane| roots[first + step * lane].as_f64())
        };
        let vectors = (0..n / GROUP)
            .map(|k| {
                let [four, two, one] = [n / 8 + 8 * k, n / 4 + 16 * k, n / 2 + 32 * k];
                [
                    vector(four, 1),
                    vector(two, 2),
                    vector(two + 1, 2),
                    vector(one, 4),
                    vector(one + 1, 4),
                    vector(one + 2, 4),
                    vector(one + 3, 4),
                ]
            })
            .collect();
        Self {
            broadcast: roots[..n / 8].iter().copied().map(twiddle).collect(),
            vectors,
            scale: [n_inverse, modulus.mul(n_inverse, roots[1])].map(twiddle),
        }
    }
}

/// [`forward`] on residues.
#[inline(always)]
pub(crate) fn forward_residues<L: Lanes>(m: Modular<L>, tables: &Tables, data: &mut [Residue]) {
    forward(m, tables, numbers_mut(data));
}

/// [`inverse`] on residues.
#[inline(always)]
pub(crate) fn inverse_residues<L: Lanes>(m: Modular<L>, tables: &Tables, data: &mut [Residue]) {
    inverse(m, tables, numbers_mut(data));
}

/// Coefficients to values, in place.
#[inline(always)]
fn forward<A: Arithmetic>(m: A, tables: &Tables, data: &mut [f64]) {
    let n = data.len();
    let mut groups = 1;
    if (n / LANES).trailing_zeros() % 2 == 1 {
        forward_radix_2(m, tables.broadcast[1], data);
        groups = 2;
    }
    while n / groups > CACHE {
        for (i, block) in data.chunks_exact_mut(n / groups).enumerate() {
            forward_radix_4::<A, false>(m, tables, groups + i, block);
        }
        groups *= 4;
    }
    let size = n / groups;
    for (i, block) in data.chunks_exact_mut(size).enumerate() {
        let mut inner = 1;
        while size / inner > LANES {
            for (j, block) in block.chunks_exact_mut(size / inner).enumerate() {
                let root = (groups + i) * inner + j;
                // What the layers before have let grow is reduced once, here.
                if inner == 1 {
                    forward_radix_4::<A, true>(m, tables, root, block);
                } else {
                    forward_radix_4::<A, false>(m, tables, root, block);
                }
            }
            inner *= 4;
        }
        let vectors = &tables.vectors[i * (size / GROUP)..];
        for (group, w) in block.as_chunks_mut::<GROUP>().0.iter_mut().zip(vectors) {
            forward_group(m, w, group);
        }
    }
}

/// The first layer.
#[inline(always)]
fn forward_radix_2<A: Arithmetic>(m: A, w: Twiddle, data: &mut [f64]) {
    let w = splat(m, w);
    let (low, high) = data.split_at_mut(data.len() / 2);
    let (low, high) = (
        low.as_chunks_mut::<LANES>().0,
        high.as_chunks_mut::<LANES>().0,
    );
    for (x, y) in low.iter_mut().zip(high) {
        let t = m.mul_by_constant(m.load(y), w.0, w.1);
        let a = m.load(x);
        m.store(m.add(a, t), x);
        m.store(m.sub(a, t), y);
    }
}

/// Two layers of the block whose factor in the first of them is number `root`.
#[inline(always)]
fn forward_radix_4<A: Arithmetic, const REDUCE: bool>(
    m: A,
    tables: &Tables,
    root: usize,
    block: &mut [f64],
) {
    let w1 = splat(m, tables.broadcast[root]);
    let w2 = splat(m, tables.broadcast[2 * root]);
    let w3 = splat(m, tables.broadcast[2 * root + 1]);
    let [r0, r1, r2, r3] = quarters(block);
    for (((r0, r1), r2), r3) in r0.iter_mut().zip(r1).zip(r2).zip(r3) {
        let x0 = m.load(r0);
        let x0 = if REDUCE { m.reduce(x0) } else { x0 };
        let x1 = m.load(r1);
        let t2 = m.mul_by_constant(m.load(r2), w1.0, w1.1);
        let t3 = m.mul_by_constant(m.load(r3), w1.0, w1.1);
        let (y0, y2) = (m.add(x0, t2), m.sub(x0, t2));
        let (y1, y3) = (m.add(x1, t3), m.sub(x1, t3));
        let t1 = m.mul_by_constant(y1, w2.0, w2.1);
        let t3 = m.mul_by_constant(y3, w3.0, w3.1);
        m.store(m.add(y0, t1), r0);
        m.store(m.sub(y0, t1), r1);
        m.store(m.add(y2, t3), r2);
        m.store(m.sub(y2, t3), r3);
    }
}

/// Calls `$butterfly` for pairs of the vectors of a group, each with its factor. Written out, not
/// as a loop, so that the vectors stay in registers.
macro_rules! layer {
    ($butterfly:ident, $m:ident, $c:ident, $w:ident: $($x:literal $y:literal $factor:literal,)*) => {
        $(($c[$x], $c[$y]) = $butterfly($m, $c[$x], $c[$y], &$w[$factor]);)*
    };
}

type Pair<A> = (<A as Arithmetic>::Vector, <A as Arithmetic>::Vector);

/// x + w y and x - w y.
#[inline(always)]
fn butterfly<A: Arithmetic>(m: A, x: A::Vector, y: A::Vector, w: &[f64; LANES]) -> Pair<A> {
    let t = m.mul(y, m.load(w));
    (m.add(x, t), m.sub(x, t))
}

/// The same with results within 2 p, which become canonical in one step.
#[inline(always)]
fn last_butterfly<A: Arithmetic>(m: A, x: A::Vector, y: A::Vector, w: &[f64; LANES]) -> Pair<A> {
    butterfly(m, m.reduce(x), y, w)
}

/// x + y and (y - x) w.
#[inline(always)]
fn inverse_butterfly<A: Arithmetic>(m: A, x: A::Vector, y: A::Vector, w: &[f64; LANES]) -> Pair<A> {
    (m.add(x, y), m.mul(m.sub(y, x), m.load(w)))
}

/// The last three layers of 64 coefficients; the results are canonical.
#[inline(always)]
fn forward_group<A: Arithmetic>(m: A, w: &[[f64; LANES]; LANES - 1], group: &mut [f64; GROUP]) {
    let rows = group.as_chunks_mut::<LANES>().0;
    let mut c = m.transpose(load_rows(m, rows));
    layer!(butterfly, m, c, w: 0 4 0, 1 5 0, 2 6 0, 3 7 0,);
    layer!(butterfly, m, c, w: 0 2 1, 1 3 1, 4 6 2, 5 7 2,);
    layer!(last_butterfly, m, c, w: 0 1 3, 2 3 4, 4 5 5, 6 7 6,);
    let c = m.transpose(c);
    m.store(m.reduce(c[0]), &mut rows[0]);
    m.store(m.reduce(c[1]), &mut rows[1]);
    m.store(m.reduce(c[2]), &mut rows[2]);
    m.store(m.reduce(c[3]), &mut rows[3]);
    m.store(m.reduce(c[4]), &mut rows[4]);
    m.store(m.reduce(c[5]), &mut rows[5]);
    m.store(m.reduce(c[6]), &mut rows[6]);
    m.store(m.reduce(c[7]), &mut rows[7]);
}

/// The rows of a group.
#[inline(always)]
fn load_rows<A: Arithmetic>(m: A, rows: &[[f64; LANES]]) -> [A::Vector; LANES] {
    [
        m.load(&rows[0]),
        m.load(&rows[1]),
        m.load(&rows[2]),
        m.load(&rows[3]),
        m.load(&rows[4]),
        m.load(&rows[5]),
        m.load(&rows[6]),
        m.load(&rows[7]),
    ]
}

/// Values to coefficients, in place.
#[inline(always)]
fn inverse<A: Arithmetic>(m: A, tables: &Tables, data: &mut [f64]) {
    let n = data.len();
    let odd = (n / LANES).trailing_zeros() % 2 == 1;
    // The layers that the forward transform does over all the data.
    let mut groups = if odd { 2 } else { 1 };
    while n / groups > CACHE {
        groups *= 4;
    }
    let size = n / groups;
    for (i, block) in data.chunks_exact_mut(size).enumerate() {
        let last = tables.vectors.len() - 1 - i * (size / GROUP);
        for (k, group) in block.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            inverse_group(m, &tables.vectors[last - k], group);
        }
        let mut inner = size / LANES;
        while inner > 1 {
            inner /= 4;
            for (j, block) in block.chunks_exact_mut(size / inner).enumerate() {
                let (count, index) = (groups * inner, i * inner + j);
                if count == 1 {
                    inverse_last_radix_4(m, tables, block);
                } else {
                    inverse_radix_4(m, tables, 2 * count - 1 - index, block);
                }
            }
        }
    }
    while groups > 2 {
        groups /= 4;
        for (i, block) in data.chunks_exact_mut(n / groups).enumerate() {
            if groups == 1 {
                inverse_last_radix_4(m, tables, block);
            } else {
                inverse_radix_4(m, tables, 2 * groups - 1 - i, block);
            }
        }
    }
    if odd {
        inverse_last_radix_2(m, tables, data);
    }
}

/// The first three layers of 64 values.
#[inline(always)]
fn inverse_group<A: Arithmetic>(m: A, w: &[[f64; LANES]; LANES - 1], group: &mut [f64; GROUP]) {
    let rows = group.as_chunks_mut::<LANES>().0;
    // The factors are those of the mirrored group, so the sub-blocks go into mirrored lanes.
    let [r0, r1, r2, r3, r4, r5, r6, r7] = load_rows(m, rows);
    let mut c = m.transpose([r7, r6, r5, r4, r3, r2, r1, r0]);
    layer!(inverse_butterfly, m, c, w: 0 1 6, 2 3 5, 4 5 4, 6 7 3,);
    layer!(inverse_butterfly, m, c, w: 0 2 2, 1 3 2, 4 6 1, 5 7 1,);
    layer!(inverse_butterfly, m, c, w: 0 4 0, 1 5 0, 2 6 0, 3 7 0,);
    // The sums of eight and of four.
    c[0] = m.reduce(c[0]);
    c[1] = m.reduce(c[1]);
    let c = m.transpose(c);
    m.store(c[7], &mut rows[0]);
    m.store(c[6], &mut rows[1]);
    m.store(c[5], &mut rows[2]);
    m.store(c[4], &mut rows[3]);
    m.store(c[3], &mut rows[4]);
    m.store(c[2], &mut rows[5]);
    m.store(c[1], &mut rows[6]);
    m.store(c[0], &mut rows[7]);
}

/// Two layers of the block whose mirrored factor in the second of them is number `root`.
#[inline(always)]
fn inverse_radix_4<A: Arithmetic>(m: A, tables: &Tables, root: usize, block: &mut [f64]) {
    let w1 = splat(m, tables.broadcast[root]);
    let w2 = splat(m, tables.broadcast[2 * root + 1]);
    let w3 = splat(m, tables.broadcast[2 * root]);
    let [r0, r1, r2, r3] = quarters(block);
    for (((r0, r1), r2), r3) in r0.iter_mut().zip(r1).zip(r2).zip(r3) {
        let (z0, z1, z2, z3) = (m.load(r0), m.load(r1), m.load(r2), m.load(r3));
        let (y0, y1) = (m.add(z0, z1), m.mul_by_constant(m.sub(z1, z0), w2.0, w2.1));
        let (y2, y3) = (m.add(z2, z3), m.mul_by_constant(m.sub(z3, z2), w3.0, w3.1));
        m.store(m.reduce(m.add(y0, y2)), r0);
        m.store(m.add(y1, y3), r1);
        m.store(m.mul_by_constant(m.sub(y2, y0), w1.0, w1.1), r2);
        m.store(m.mul_by_constant(m.sub(y3, y1), w1.0, w1.1), r3);
    }
}

/// The last two layers and the factor 1 / N; the results are canonical.
#[inline(always)]
fn inverse_last_radix_4<A: Arithmetic>(m: A, tables: &Tables, block: &mut [f64]) {
    let (scale, w1) = (splat(m, tables.scale[0]), splat(m, tables.scale[1]));
    let (w2, w3) = (splat(m, tables.broadcast[3]), splat(m, tables.broadcast[2]));
    let [r0, r1, r2, r3] = quarters(block);
    for (((r0, r1), r2), r3) in r0.iter_mut().zip(r1).zip(r2).zip(r3) {
        let (z0, z1, z2, z3) = (m.load(r0), m.load(r1), m.load(r2), m.load(r3));
        let (y0, y1) = (m.add(z0, z1), m.mul_by_constant(m.sub(z1, z0), w2.0, w2.1));
        let (y2, y3) = (m.add(z2, z3), m.mul_by_constant(m.sub(z3, z2), w3.0, w3.1));
        m.store(scaled(m, m.add(y0, y2), scale), r0);
        m.store(scaled(m, m.add(y1, y3), scale), r1);
        m.store(scaled(m, m.sub(y2, y0), w1), r2);
        m.store(scaled(m, m.sub(y3, y1), w1), r3);
    }
}

/// The last layer and the factor 1 / N; the results are canonical.
#[inline(always)]
fn inverse_last_radix_2<A: Arithmetic>(m: A, tables: &Tables, data: &mut [f64]) {
    let (scale, w) = (splat(m, tables.scale[0]), splat(m, tables.scale[1]));
    let (low, high) = data.split_at_mut(data.len() / 2);
    let (low, high) = (
        low.as_chunks_mut::<LANES>().0,
        high.as_chunks_mut::<LANES>().0,
    );
    for (x, y) in low.iter_mut().zip(high) {
        let (a, b) = (m.load(x), m.load(y));
        m.store(scaled(m, m.add(a, b), scale), x);
        m.store(scaled(m, m.sub(b, a), w), y);
    }
}

/// A factor and its quotient in all lanes.
#[inline(always)]
fn splat<A: Arithmetic>(m: A, w: Twiddle) -> (A::Vector, A::Vector) {
    (m.splat(w.factor), m.splat(w.quotient))
}

/// The canonical product with a factor.
#[inline(always)]
fn scaled<A: Arithmetic>(m: A, x: A::Vector, w: (A::Vector, A::Vector)) -> A::Vector {
    m.reduce(m.mul_by_constant(x, w.0, w.1))
}

/// A block as four equal rows of vectors.
#[inline(always)]
fn quarters(block: &mut [f64]) -> [&mut [[f64; LANES]]; 4] {
    let quarter = block.len() / 4;
    let (low, high) = block.split_at_mut(2 * quarter);
    let (r0, r1) = low.split_at_mut(quarter);
    let (r2, r3) = high.split_at_mut(quarter);
    [
        r0.as_chunks_mut::<LANES>().0,
        r1.as_chunks_mut::<LANES>().0,
        r2.as_chunks_mut::<LANES>().0,
        r3.as_chunks_mut::<LANES>().0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primes;
    use crate::simd::lanes::Arithmetic;

    /// Bounds on magnitudes, in units of the prime, in place of residues.
    #[derive(Clone, Copy)]
    struct Bounds {
        /// p 2^-53.
        eps: f64,
        /// 2^53 / p: beyond, integers are not exact.
        limit: f64,
    }

    impl Bounds {
        fn checked(self, x: [f64; LANES]) -> [f64; LANES] {
            for bound in x {
                assert!(bound <= self.limit, "{bound} p exceeds 2^53");
            }
            x
        }

        fn product(self, a: [f64; LANES], eps: f64) -> [f64; LANES] {
            self.checked(self.checked(a).map(|a| 0.5 + eps * a))
        }
    }

    impl Arithmetic for Bounds {
        type Vector = [f64; LANES];

        fn splat(self, _: f64) -> [f64; LANES] {
            [0.5; LANES]
        }

        fn load(self, from: &[f64; LANES]) -> [f64; LANES] {
            *from
        }

        fn store(self, x: [f64; LANES], to: &mut [f64; LANES]) {
            *to = x;
        }

        fn add(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
            self.checked(std::array::from_fn(|i| a[i] + b[i]))
        }

        fn sub(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
            self.add(a, b)
        }

        fn mul_by_constant(
            self,
            a: [f64; LANES],
            _: [f64; LANES],
            _: [f64; LANES],
        ) -> [f64; LANES] {
            self.product(a, self.eps)
        }

        fn mul(self, a: [f64; LANES], _: [f64; LANES]) -> [f64; LANES] {
            self.product(a, 1.5 * self.eps)
        }

        fn reduce(self, a: [f64; LANES]) -> [f64; LANES] {
            // The quotient of a number of at most 2 p is right for every integer; above, the
            // result may be over p / 2 by the rounding of the quotient.
            self.checked(a).map(|a| {
                if a <= 2.0 {
                    0.5
                } else {
                    0.5 + a * 2f64.powi(-52)
                }
            })
        }

        fn transpose(self, rows: [[f64; LANES]; LANES]) -> [[f64; LANES]; LANES] {
            std::array::from_fn(|j| std::array::from_fn(|i| rows[i][j]))
        }
    }

    #[test]
    fn no_intermediate_leaves_the_exact_integers() {
        let p = 2f64.powi(49);
        let bounds = Bounds {
            eps: p / 2f64.powi(53),
            limit: 2f64.powi(53) / p,
        };
        for log_n in 7..=17 {
            let modulus = primes::near(p, log_n).next().unwrap();
            let roots = vec![modulus.reduce(1); 1 << log_n];
            let tables = Tables::new(modulus, &roots, modulus.reduce(1));
            for transform in [forward::<Bounds>, inverse::<Bounds>] {
                let mut data = vec![0.5; 1 << log_n];
                transform(bounds, &tables, &mut data);
                assert!(data.iter().all(|&b| b == 0.5), "2^{log_n} ends uncanonical");
            }
        }
    }
}
