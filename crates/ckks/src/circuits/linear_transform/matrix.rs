//! Matrices that act on the slots, by their generalised diagonals.

use std::collections::BTreeMap;

use num_complex::Complex64;

use super::LinearTransformError;

/// A square matrix with a row and a column for each slot, given by those of its generalised
/// diagonals that are not zero: entry i of diagonal k is the matrix entry in row i and column i + k
/// modulo the number of slots.
///
/// ```
/// use std::collections::BTreeMap;
/// use tapetum_ckks::{Complex64, SlotMatrix};
///
/// // Half the difference of each slot and its left neighbour.
/// let half = Complex64::new(0.5, 0.0);
/// let diagonals = BTreeMap::from([(0, vec![half; 4]), (-1, vec![-half; 4])]);
/// let matrix = SlotMatrix::from_diagonals(4, diagonals)?;
/// let image = matrix.apply(&[1.0, 2.0, 4.0, 8.0].map(Complex64::from))?;
/// assert_eq!(image, [-3.5, 0.5, 1.0, 2.0].map(Complex64::from));
/// # Ok::<(), tapetum_ckks::LinearTransformError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SlotMatrix {
    slots: usize,
    /// By index in 0 .. slots.
    diagonals: BTreeMap<i64, Vec<Complex64>>,
}

impl SlotMatrix {
    /// From diagonals of `slots` entries. The indices count modulo the number of slots, so -1 is the
    /// diagonal below the main one.
    ///
    /// # Errors
    /// If there is no diagonal, one has another length, or two are the same.
    pub fn from_diagonals(
        slots: usize,
        diagonals: BTreeMap<i64, Vec<Complex64>>,
    ) -> Result<Self, LinearTransformError> {
        if diagonals.is_empty() {
            return Err(LinearTransformError::Empty);
        }
        let mut reduced = BTreeMap::new();
        for (index, diagonal) in diagonals {
            let found = diagonal.len();
            if found != slots || slots == 0 {
                return Err(LinearTransformError::DiagonalLength {
                    index,
                    found,
                    slots,
                });
            }
            let key = index.rem_euclid(slots as i64);
            if reduced.insert(key, diagonal).is_some() {
                return Err(LinearTransformError::DiagonalTwice { index, slots });
            }
        }
        Ok(Self {
            slots,
            diagonals: reduced,
        })
    }

    /// The d by d matrix of these rows on every block of d slots: up to 2 d - 1 diagonals, or d
    /// if the block is all slots. Each takes memory for all slots, whatever d is.
    ///
    /// # Errors
    /// If the rows make no square matrix whose size divides the number of slots, or all entries
    /// are zero.
    pub fn on_blocks(slots: usize, rows: &[Vec<Complex64>]) -> Result<Self, LinearTransformError> {
        Self::tiled(slots, rows, slots)
    }

    /// The d by d matrix of these rows on vectors that repeat every d slots; so does the image.
    /// At most d diagonals, about half as many as [`on_blocks`](Self::on_blocks) needs, because the
    /// rotation of such a vector is cyclic in each of its periods.
    ///
    /// # Errors
    /// As [`on_blocks`](Self::on_blocks).
    pub fn on_periodic(
        slots: usize,
        rows: &[Vec<Complex64>],
    ) -> Result<Self, LinearTransformError> {
        Self::tiled(slots, rows, rows.len())
    }

    /// The same matrix for every block, with diagonals that are taken modulo `cycle`.
    fn tiled(
        slots: usize,
        rows: &[Vec<Complex64>],
        cycle: usize,
    ) -> Result<Self, LinearTransformError> {
        let size = rows.len();
        let odd_one = rows.iter().position(|row| row.len() != size);
        if odd_one.is_some() || size == 0 || !slots.is_multiple_of(size) {
            let row = odd_one.unwrap_or(0);
            return Err(LinearTransformError::Shape {
                rows: size,
                row,
                columns: rows.get(row).map_or(0, Vec::len),
                slots,
            });
        }
        let mut diagonals = BTreeMap::new();
        for (i, row) in rows.iter().enumerate() {
            for (j, &entry) in row.iter().enumerate() {
                if entry != Complex64::ZERO {
                    let index = (j as i64 - i as i64).rem_euclid(cycle as i64);
                    let diagonal = diagonals
                        .entry(index)
                        .or_insert_with(|| vec![Complex64::ZERO; slots]);
                    for slot in (i..slots).step_by(size) {
                        diagonal[slot] = entry;
                    }
                }
            }
        }
        Self::from_diagonals(slots, diagonals)
    }

    /// The number of rows and of columns.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The diagonals with their indices, which are in 0 .. `slots`.
    pub fn diagonals(&self) -> impl ExactSizeIterator<Item = (i64, &[Complex64])> {
        self.diagonals.iter().map(|(&k, d)| (k, &d[..]))
    }

    /// The diagonal with this index in 0 .. `slots`; nothing if it is zero.
    pub(super) fn diagonal(&self, index: i64) -> &[Complex64] {
        self.diagonals.get(&index).map_or(&[], Vec::as_slice)
    }

    /// The matrix times a vector in the clear: the reference of
    /// [`Evaluator::linear_transform`](crate::Evaluator::linear_transform).
    ///
    /// # Errors
    /// If the vector has not one entry for each slot.
    pub fn apply(&self, vector: &[Complex64]) -> Result<Vec<Complex64>, LinearTransformError> {
        if vector.len() != self.slots {
            return Err(LinearTransformError::VectorLength {
                found: vector.len(),
                slots: self.slots,
            });
        }
        let mut image = vec![Complex64::ZERO; self.slots];
        for (&k, diagonal) in &self.diagonals {
            let rotated = vector.iter().cycle().skip(k as usize);
            for ((sum, d), x) in image.iter_mut().zip(diagonal).zip(rotated) {
                *sum += d * x;
            }
        }
        Ok(image)
    }
}
