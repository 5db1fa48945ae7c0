//! The negacyclic transform on vectors of eight lanes.
//!
//! The layers of large stride go two at a time (radix 4), first over all the data, then within
//! blocks that stay in the first-level cache, down to blocks of 32 or 64. The last five or six layers
//! (the first of the inverse) take 64 coefficients through registers: what is left of the strides of
//! whole vectors, then, transposed so that they too work on whole vectors, strides 4, 2 and 1. The
//! order of the results is that of the portable kernel.
//!
//! The inverse reads the same tables: with psi^N = -1, the inverse of the twiddle factor g + i of a
//! layer of g groups is minus the factor g + (g - 1 - i), and the sign goes into y - x.

mod groups;
mod tables;

use super::lanes::{Arithmetic, LANES, Lanes, Modular, numbers_mut};
use crate::modulus::Residue;
use groups::{forward_groups, inverse_groups};
pub(crate) use tables::Tables;
use tables::{GROUP, splat};

/// The smallest transform: after a layer of radix 2, half of it still holds a group.
pub(crate) const SMALLEST: usize = 2 * GROUP;
/// A block of this many coefficients (16 KiB) stays in the first-level cache, with its twiddles.
const CACHE: usize = 1 << 11;

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
    while n / groups > CACHE {
        for (i, block) in data.chunks_exact_mut(n / groups).enumerate() {
            forward_radix_4::<A, false>(m, tables, groups + i, block);
        }
        groups *= 4;
    }
    let (size, last) = (n / groups, innermost(n));
    for (i, block) in data.chunks_exact_mut(size).enumerate() {
        let mut inner = 1;
        while size / inner > last {
            for (j, block) in block.chunks_exact_mut(size / inner).enumerate() {
                let root = (groups + i) * inner + j;
                // What the layers before have let grow is reduced once, here.
                if size / inner == 4 * last {
                    forward_radix_4::<A, true>(m, tables, root, block);
                } else {
                    forward_radix_4::<A, false>(m, tables, root, block);
                }
            }
            inner *= 4;
        }
        let first = i * (size / GROUP);
        for (k, pair) in block
            .as_chunks_mut::<{ 2 * GROUP }>()
            .0
            .iter_mut()
            .enumerate()
        {
            if last == GROUP {
                forward_groups::<A, true>(m, tables, first + 2 * k, pair);
            } else {
                forward_groups::<A, false>(m, tables, first + 2 * k, pair);
            }
        }
    }
}

/// The blocks that the passes of two layers leave: a group or half of one.
#[inline(always)]
fn innermost(n: usize) -> usize {
    if n.trailing_zeros().is_multiple_of(2) {
        GROUP
    } else {
        GROUP / 2
    }
}

/// Two layers of four rows, column by column: what `$first` makes of column `$j` goes to `$second`.
///
/// With registers to spare the second layer of a column comes after the first of the next: a column
/// by itself is a chain of operations that wait for each other. Macros and no closures, which may not
/// be inlined, and then not be compiled for the instruction set.
macro_rules! columns {
    ($rows:ident: |$j:ident| $first:expr, |$k:ident, $y:ident| $second:expr) => {{
        let len = $rows[0].len();
        // Of one length, as the compiler can see.
        let [r0, r1, r2, r3] = $rows;
        let $rows = [&mut r0[..len], &mut r1[..len], &mut r2[..len], &mut r3[..len]];
        if A::HAS_MANY_REGISTERS && len > 1 {
            let $j = 0;
            let mut half_done = $first;
            for $j in 1..len {
                let next = $first;
                let ($k, $y) = ($j - 1, half_done);
                $second
                half_done = next;
            }
            let ($k, $y) = (len - 1, half_done);
            $second
        } else {
            for $j in 0..len {
                let ($k, $y) = ($j, $first);
                $second
            }
        }
    }};
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
    let rows = quarters(block);
    columns!(rows: |j| {
        let x0 = m.load(&rows[0][j]);
        let x0 = if REDUCE { m.reduce(x0) } else { x0 };
        let x1 = m.load(&rows[1][j]);
        let t2 = m.mul_by_constant(m.load(&rows[2][j]), w1.0, w1.1);
        let t3 = m.mul_by_constant(m.load(&rows[3][j]), w1.0, w1.1);
        [m.add(x0, t2), m.add(x1, t3), m.sub(x0, t2), m.sub(x1, t3)]
    }, |j, y| {
        let [y0, y1, y2, y3] = y;
        let t1 = m.mul_by_constant(y1, w2.0, w2.1);
        let t3 = m.mul_by_constant(y3, w3.0, w3.1);
        m.store(m.add(y0, t1), &mut rows[0][j]);
        m.store(m.sub(y0, t1), &mut rows[1][j]);
        m.store(m.add(y2, t3), &mut rows[2][j]);
        m.store(m.sub(y2, t3), &mut rows[3][j]);
    });
}

/// Values to coefficients, in place.
#[inline(always)]
fn inverse<A: Arithmetic>(m: A, tables: &Tables, data: &mut [f64]) {
    let n = data.len();
    // The layers that the forward transform does over all the data.
    let mut groups = 1;
    while n / groups > CACHE {
        groups *= 4;
    }
    let (size, last) = (n / groups, innermost(n));
    for (i, block) in data.chunks_exact_mut(size).enumerate() {
        let first = i * (size / GROUP);
        for (k, pair) in block
            .as_chunks_mut::<{ 2 * GROUP }>()
            .0
            .iter_mut()
            .enumerate()
        {
            if last == GROUP {
                inverse_groups::<A, true>(m, tables, first + 2 * k, pair);
            } else {
                inverse_groups::<A, false>(m, tables, first + 2 * k, pair);
            }
        }
        let mut inner = size / last;
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
    while groups > 1 {
        groups /= 4;
        for (i, block) in data.chunks_exact_mut(n / groups).enumerate() {
            if groups == 1 {
                inverse_last_radix_4(m, tables, block);
            } else {
                inverse_radix_4(m, tables, 2 * groups - 1 - i, block);
            }
        }
    }
}

/// Two layers of the block whose mirrored factor in the second of them is number `root`.
#[inline(always)]
fn inverse_radix_4<A: Arithmetic>(m: A, tables: &Tables, root: usize, block: &mut [f64]) {
    let w1 = splat(m, tables.broadcast[root]);
    let w2 = splat(m, tables.broadcast[2 * root + 1]);
    let w3 = splat(m, tables.broadcast[2 * root]);
    let rows = quarters(block);
    columns!(rows: |j| inverse_first(m, w2, w3, [&rows[0][j], &rows[1][j], &rows[2][j], &rows[3][j]]), |j, y| {
        let [y0, y1, y2, y3] = y;
        m.store(m.reduce(m.add(y0, y2)), &mut rows[0][j]);
        m.store(m.add(y1, y3), &mut rows[1][j]);
        m.store(m.mul_by_constant(m.sub(y2, y0), w1.0, w1.1), &mut rows[2][j]);
        m.store(m.mul_by_constant(m.sub(y3, y1), w1.0, w1.1), &mut rows[3][j]);
    });
}

/// The first of two layers, of one column.
#[inline(always)]
fn inverse_first<A: Arithmetic>(
    m: A,
    w2: (A::Vector, A::Vector),
    w3: (A::Vector, A::Vector),
    [r0, r1, r2, r3]: [&[f64; LANES]; 4],
) -> [A::Vector; 4] {
    let (z0, z1, z2, z3) = (m.load(r0), m.load(r1), m.load(r2), m.load(r3));
    let (y0, y1) = (m.add(z0, z1), m.mul_by_constant(m.sub(z1, z0), w2.0, w2.1));
    let (y2, y3) = (m.add(z2, z3), m.mul_by_constant(m.sub(z3, z2), w3.0, w3.1));
    [y0, y1, y2, y3]
}

/// The last two layers and the factor 1 / N; the results are canonical.
#[inline(always)]
fn inverse_last_radix_4<A: Arithmetic>(m: A, tables: &Tables, block: &mut [f64]) {
    let (scale, w1) = (splat(m, tables.scale[0]), splat(m, tables.scale[1]));
    let (w2, w3) = (splat(m, tables.broadcast[3]), splat(m, tables.broadcast[2]));
    let rows = quarters(block);
    columns!(rows: |j| inverse_first(m, w2, w3, [&rows[0][j], &rows[1][j], &rows[2][j], &rows[3][j]]), |j, y| {
        let [y0, y1, y2, y3] = y;
        m.store(scaled(m, m.add(y0, y2), scale), &mut rows[0][j]);
        m.store(scaled(m, m.add(y1, y3), scale), &mut rows[1][j]);
        m.store(scaled(m, m.sub(y2, y0), w1), &mut rows[2][j]);
        m.store(scaled(m, m.sub(y3, y1), w1), &mut rows[3][j]);
    });
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
        /// p 2^-54.
        eps: f64,
        /// 2^53 / p: beyond, integers are not exact.
        limit: f64,
        /// 2^52 / p: beyond, a quotient is not rounded to an integer, or to the wrong one.
        most: f64,
    }

    impl Bounds {
        fn checked(self, x: [f64; LANES]) -> [f64; LANES] {
            for bound in x {
                assert!(bound <= self.limit, "{bound} p exceeds 2^53");
            }
            x
        }

        fn product(self, a: [f64; LANES], eps: f64) -> [f64; LANES] {
            for bound in a {
                assert!(bound <= self.most, "the quotient of {bound} p exceeds 2^51");
            }
            a.map(|a| 0.5 + eps * a)
        }
    }

    impl Arithmetic for Bounds {
        const HAS_MANY_REGISTERS: bool = true;
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
            self.product(a, 2.0 * self.eps)
        }

        fn reduce(self, a: [f64; LANES]) -> [f64; LANES] {
            // The quotient is off by a / p 2^-53, which is less than the distance of a half to the nearest
            // number that it can be, 1 / 2p, and the result canonical.
            self.checked(a).map(|a| {
                assert!(a <= self.most, "{a} p is not reduced in one step");
                0.5
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
            eps: p / 2f64.powi(54),
            limit: 2f64.powi(53) / p,
            most: 2f64.powi(52) / p,
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
