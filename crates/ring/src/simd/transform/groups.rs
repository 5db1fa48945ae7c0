//! Five or six layers of 64 coefficients that stay in registers: those of strides 32 to 1.

use super::super::lanes::{Arithmetic, LANES};
use super::tables::{GROUP, Tables, Twiddle, splat};

/// Calls `$butterfly` for pairs of the vectors of a group, each with its factor. Written out, not
/// as a loop, so that the vectors stay in registers.
macro_rules! layer {
    ($butterfly:ident, $m:ident, $c:ident, $w:expr; $($x:literal $y:literal $factor:literal,)*) => {
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

/// The same with one factor.
#[inline(always)]
fn wide_butterfly<A: Arithmetic>(m: A, x: A::Vector, y: A::Vector, w: &Twiddle) -> Pair<A> {
    let w = splat(m, *w);
    let t = m.mul_by_constant(y, w.0, w.1);
    (m.add(x, t), m.sub(x, t))
}

/// x + y and (y - x) w.
#[inline(always)]
fn inverse_butterfly<A: Arithmetic>(m: A, x: A::Vector, y: A::Vector, w: &[f64; LANES]) -> Pair<A> {
    (m.add(x, y), m.mul(m.sub(y, x), m.load(w)))
}

/// The same with one factor.
#[inline(always)]
fn inverse_wide_butterfly<A: Arithmetic>(m: A, x: A::Vector, y: A::Vector, w: &Twiddle) -> Pair<A> {
    let w = splat(m, *w);
    (m.add(x, y), m.mul_by_constant(m.sub(y, x), w.0, w.1))
}

/// The last five or six layers of some groups with their factors, layer by layer beside each other; the results
/// are canonical.
macro_rules! forward_layers {
    ($m:ident, $six:ident: $($c:ident $rows:ident $w:ident),*) => {{
        $(let mut $c = load_rows($m, $rows);)*
        if $six {
            $(layer!(wide_butterfly, $m, $c, $w.of_32; 0 4 0, 1 5 0, 2 6 0, 3 7 0,);)*
        }
        $(layer!(wide_butterfly, $m, $c, $w.of_16; 0 2 0, 1 3 0, 4 6 1, 5 7 1,);)*
        $(layer!(wide_butterfly, $m, $c, $w.of_8; 0 1 0, 2 3 1, 4 5 2, 6 7 3,);)*
        $(let mut $c = $m.transpose($c);)*
        $(layer!(butterfly, $m, $c, $w.vectors; 0 4 0, 1 5 0, 2 6 0, 3 7 0,);)*
        $(layer!(butterfly, $m, $c, $w.vectors; 0 2 1, 1 3 1, 4 6 2, 5 7 2,);)*
        $(layer!(butterfly, $m, $c, $w.vectors; 0 1 3, 2 3 4, 4 5 5, 6 7 6,);)*
        $(store_canonical($m, $m.transpose($c), $rows);)*
    }};
}

/// The factors of a group of 64.
struct Factors<'a> {
    of_32: &'a [Twiddle; 1],
    of_16: &'a [Twiddle; 2],
    of_8: &'a [Twiddle; 4],
    vectors: &'a [[f64; LANES]; LANES - 1],
}

impl<'a> Factors<'a> {
    #[inline(always)]
    fn new(tables: &'a Tables, k: usize) -> Self {
        let (root, missing) = (tables.vectors.len() + k, "a factor for each block");
        let of = &tables.broadcast;
        Self {
            of_32: of[root..].first_chunk().expect(missing),
            of_16: of[2 * root..].first_chunk().expect(missing),
            of_8: of[4 * root..].first_chunk().expect(missing),
            vectors: &tables.vectors[k],
        }
    }
}

/// The last five or `SIX` layers of two groups, the first of which is number `k`.
///
/// A layer of one group is four chains of operations that wait for each other, so with registers to
/// spare the groups go beside each other.
#[inline(always)]
pub(super) fn forward_groups<A: Arithmetic, const SIX: bool>(
    m: A,
    tables: &Tables,
    k: usize,
    pair: &mut [f64; 2 * GROUP],
) {
    let (g, h) = pair.as_chunks_mut::<LANES>().0.split_at_mut(LANES);
    let (w, v) = (Factors::new(tables, k), Factors::new(tables, k + 1));
    forward_layers!(m, SIX: c g w, d h v);
}

/// The rows of a group.
#[inline(always)]
fn store_canonical<A: Arithmetic>(m: A, c: [A::Vector; LANES], rows: &mut [[f64; LANES]]) {
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

/// The first five or six layers of some groups with their factors, layer by layer beside each other.
macro_rules! inverse_layers {
    ($m:ident, $six:ident: $($c:ident $rows:ident $w:ident),*) => {{
        $(let mut $c = load_mirrored($m, $rows);)*
        $(layer!(inverse_butterfly, $m, $c, $w.vectors; 0 1 6, 2 3 5, 4 5 4, 6 7 3,);)*
        $(layer!(inverse_butterfly, $m, $c, $w.vectors; 0 2 2, 1 3 2, 4 6 1, 5 7 1,);)*
        $(layer!(inverse_butterfly, $m, $c, $w.vectors; 0 4 0, 1 5 0, 2 6 0, 3 7 0,);)*
        // The sums of eight and of four.
        $($c[0] = $m.reduce($c[0]);
        $c[1] = $m.reduce($c[1]);
        let [c7, c6, c5, c4, c3, c2, c1, c0] = $m.transpose($c);
        let mut $c = [c0, c1, c2, c3, c4, c5, c6, c7];)*
        $(layer!(inverse_wide_butterfly, $m, $c, $w.of_8; 0 1 3, 2 3 2, 4 5 1, 6 7 0,);)*
        $(layer!(inverse_wide_butterfly, $m, $c, $w.of_16; 0 2 1, 1 3 1, 4 6 0, 5 7 0,);)*
        // Sums again, as after every second layer.
        $($c[0] = $m.reduce($c[0]);
        $c[4] = $m.reduce($c[4]);)*
        if $six {
            $(layer!(inverse_wide_butterfly, $m, $c, $w.of_32; 0 4 0, 1 5 0, 2 6 0, 3 7 0,);)*
            $($c[1] = $m.reduce($c[1]);)*
        }
        $(store_rows($m, $c, $rows);)*
    }};
}

/// The first five or `SIX` layers of two groups, the first of which is number `k`.
#[inline(always)]
pub(super) fn inverse_groups<A: Arithmetic, const SIX: bool>(
    m: A,
    tables: &Tables,
    k: usize,
    pair: &mut [f64; 2 * GROUP],
) {
    let (g, h) = pair.as_chunks_mut::<LANES>().0.split_at_mut(LANES);
    // The factors are those of the mirrored groups.
    let mirrored = tables.vectors.len() - 1 - k;
    let (w, v) = (
        Factors::new(tables, mirrored),
        Factors::new(tables, mirrored - 1),
    );
    inverse_layers!(m, SIX: c g w, d h v);
}

/// The rows of a group, transposed and mirrored.
#[inline(always)]
fn load_mirrored<A: Arithmetic>(m: A, rows: &[[f64; LANES]]) -> [A::Vector; LANES] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = load_rows(m, rows);
    m.transpose([r7, r6, r5, r4, r3, r2, r1, r0])
}

/// The rows of a group.
#[inline(always)]
fn store_rows<A: Arithmetic>(m: A, c: [A::Vector; LANES], rows: &mut [[f64; LANES]]) {
    m.store(c[0], &mut rows[0]);
    m.store(c[1], &mut rows[1]);
    m.store(c[2], &mut rows[2]);
    m.store(c[3], &mut rows[3]);
    m.store(c[4], &mut rows[4]);
    m.store(c[5], &mut rows[5]);
    m.store(c[6], &mut rows[6]);
    m.store(c[7], &mut rows[7]);
}
