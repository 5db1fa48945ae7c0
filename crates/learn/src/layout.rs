//! How a matrix lies in the slots of ciphertexts.

use serde::{Deserialize, Serialize};
use tapetum_ckks::Parameters;

use crate::error::{LearnError, Result, check_equal};
use crate::task::{check_classes, outputs};

/// Most samples of a matrix.
pub const MAX_ROWS: usize = 1 << 24;
/// Most features of a matrix.
pub const MAX_COLS: usize = 1 << 16;
/// Most ciphertexts of a matrix.
pub const MAX_BLOCKS: usize = 1 << 16;
/// Most slots of a ciphertext, at N = 2^17.
const MAX_SLOTS: usize = 1 << 16;

/// What a product of two ciphertexts costs, in units of which a key switch takes
/// [`KEY_SWITCH_COST`].
const PRODUCT_COST: usize = 1;
/// A key switch is about sixteen products: it transforms a polynomial once for each digit.
const KEY_SWITCH_COST: usize = 16;
/// A sigmoid of degree 3 relinearises twice.
const SIGMOID_KEY_SWITCHES: usize = 2;

/// In which order a block fills the slots of its ciphertext.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotOrder {
    /// Sample after sample: feature c of sample r of a block is in slot r * `block_cols` + c.
    #[default]
    Rows,
    /// Feature after feature: in slot c * `block_rows` + r. Rotations by multiples of `block_rows` are then cyclic
    /// in the features, which gradient descent for many classes makes use of.
    Columns,
}

/// A matrix of `rows` samples by `cols` features as a grid of blocks of `block_rows` x
/// `block_cols`, each of which fills the slots of one ciphertext: in row-major order, unless its
/// [order](Self::order) is the other one. Rows and columns beyond the matrix are zero.
///
/// ```text
///               block_cols            cols
///              ├─────────┼─────────┼───┤
///  block_rows  │ (0, 0)  │ (0, 1)  │ (0│2)      grid of 2 x 3 ciphertexts
///              ├─────────┼─────────┼───┤
///              │ (1, 0)  │ (1, 1)  │ (1│2)
///        rows  └─────────┴─────────┴───┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Shape", into = "Shape")]
pub struct Layout {
    rows: usize,
    cols: usize,
    block_rows: usize,
    block_cols: usize,
    order: SlotOrder,
}

impl Layout {
    /// A layout with blocks of this shape, in the order of rows.
    ///
    /// # Errors
    /// [`LearnError::Layout`] unless there are 1 to [`MAX_ROWS`] rows and 1 to [`MAX_COLS`]
    /// columns, the sides of a block are powers of two with 2 to 2^16 slots in a block, and there
    /// are at most [`MAX_BLOCKS`] blocks.
    pub fn new(rows: usize, cols: usize, block_rows: usize, block_cols: usize) -> Result<Self> {
        let check = |what, found, good, allowed| match good {
            true => Ok(()),
            false => Err(LearnError::Layout {
                what,
                found,
                allowed,
            }),
        };
        let side = |n: usize| n.is_power_of_two() && n <= MAX_SLOTS;
        let power = "a power of two, at most 2^16";
        check(
            "the number of samples",
            rows,
            (1..=MAX_ROWS).contains(&rows),
            "1 to 2^24",
        )?;
        check(
            "the number of features",
            cols,
            (1..=MAX_COLS).contains(&cols),
            "1 to 2^16",
        )?;
        check(
            "the number of rows of a block",
            block_rows,
            side(block_rows),
            power,
        )?;
        check(
            "the number of columns of a block",
            block_cols,
            side(block_cols),
            power,
        )?;
        let slots = block_rows * block_cols;
        check(
            "the number of slots",
            slots,
            (2..=MAX_SLOTS).contains(&slots),
            "2 to 2^16",
        )?;
        let layout = Self {
            rows,
            cols,
            block_rows,
            block_cols,
            order: SlotOrder::Rows,
        };
        let blocks = layout.blocks();
        check(
            "the number of ciphertexts",
            blocks,
            blocks <= MAX_BLOCKS,
            "at most 2^16",
        )?;
        Ok(layout)
    }

    /// The layout on which a training iteration costs least, by
    /// [`iteration_key_switches`](Self::iteration_key_switches) and two products a block.
    ///
    /// Wide blocks make the sum over features long (it runs once for each row of blocks), tall
    /// blocks the sum over samples (once for each column of blocks).
    ///
    /// ```
    /// use tapetum_learn::Layout;
    ///
    /// let layout = Layout::for_training(1536, 197, 16384)?;
    /// assert_eq!((layout.block_rows(), layout.block_cols()), (512, 32));
    /// assert_eq!((layout.grid_rows(), layout.grid_cols()), (3, 7));
    /// # Ok::<(), tapetum_learn::LearnError>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn for_training(rows: usize, cols: usize, slots: usize) -> Result<Self> {
        let cost = |layout: &Self| {
            KEY_SWITCH_COST * layout.iteration_key_switches() + PRODUCT_COST * 2 * layout.blocks()
        };
        Self::cheapest(rows, cols, slots, 1, cost)
    }

    /// The layout for least squares: blocks that are as wide as the features need, so that a row of
    /// a block is a whole sample, and that have a column for each class.
    ///
    /// ```
    /// use tapetum_learn::Layout;
    ///
    /// let layout = Layout::for_least_squares(60_000, 197, 10, 32768)?;
    /// assert_eq!((layout.block_rows(), layout.block_cols()), (128, 256));
    /// assert_eq!(layout.blocks(), 469);
    /// # Ok::<(), tapetum_learn::LearnError>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn for_least_squares(
        rows: usize,
        cols: usize,
        classes: usize,
        slots: usize,
    ) -> Result<Self> {
        let width = cols.min(MAX_COLS).max(outputs(classes)).next_power_of_two();
        Self::new(rows, cols, slots / width, width)
    }

    /// The same blocks in this order.
    #[must_use]
    pub fn with_order(self, order: SlotOrder) -> Self {
        Self { order, ..self }
    }

    /// The layout for samples that a model with blocks of `model_block_cols` columns is to
    /// classify: the fewest ciphertexts, because these are what is sent, and among those the
    /// narrowest blocks, because these cost the fewest rotations.
    ///
    /// The blocks are as wide as the model's or a power of two wider. So a single image is one
    /// ciphertext, and with it as many others as it has room for.
    ///
    /// ```
    /// use tapetum_learn::Layout;
    ///
    /// let single = Layout::for_samples(1, 197, 16384, 32)?;
    /// assert_eq!((single.blocks(), single.block_cols()), (1, 256));
    /// let batch = Layout::for_samples(512, 197, 16384, 32)?;
    /// assert_eq!((batch.blocks(), batch.block_cols()), (7, 32));
    /// # Ok::<(), tapetum_learn::LearnError>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn for_samples(
        rows: usize,
        cols: usize,
        slots: usize,
        model_block_cols: usize,
    ) -> Result<Self> {
        Self::cheapest(rows, cols, slots, model_block_cols, Self::blocks)
    }

    /// The same for a model of `classes` classes: of more than two, a block has a row for each.
    ///
    /// ```
    /// use tapetum_learn::Layout;
    ///
    /// let single = Layout::for_samples_of(10, 1, 4000, 16384, 32)?;
    /// assert_eq!((single.block_rows(), single.block_cols()), (16, 1024));
    /// # Ok::<(), tapetum_learn::LearnError>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new), and for fewer than two or more than 256 classes.
    pub fn for_samples_of(
        classes: usize,
        rows: usize,
        cols: usize,
        slots: usize,
        model_block_cols: usize,
    ) -> Result<Self> {
        check_classes(classes)?;
        let layout = Self::for_samples(rows, cols, slots, model_block_cols)?;
        let block_rows = outputs(classes).next_power_of_two().min(slots);
        match layout.block_rows() >= block_rows {
            true => Ok(layout),
            false => Self::new(rows, cols, block_rows, slots / block_rows),
        }
    }

    /// The layout of matrices below each other, each of which begins with a row of blocks of its own.
    pub(crate) fn stacked(parts: &[Self]) -> Result<Self> {
        let (last, others) = parts.split_last().ok_or(LearnError::Empty("matrices"))?;
        let mut rows = last.rows;
        for part in others {
            check_equal("features of stacked matrices", last.cols, part.cols)?;
            check_equal("rows of a block", last.block_rows, part.block_rows)?;
            check_equal("columns of a block", last.block_cols, part.block_cols)?;
            part.check_order("a stacked matrix", last.order)?;
            rows += part.grid_rows() * part.block_rows;
        }
        let stacked = Self::new(rows, last.cols, last.block_rows, last.block_cols)?;
        Ok(stacked.with_order(last.order))
    }

    /// Among the block widths from `narrowest` to what holds all features, the cheapest; the
    /// narrowest of those that cost the same.
    fn cheapest(
        rows: usize,
        cols: usize,
        slots: usize,
        narrowest: usize,
        cost: impl Fn(&Self) -> usize,
    ) -> Result<Self> {
        if !slots.is_power_of_two() || slots > MAX_SLOTS {
            return Err(LearnError::Layout {
                what: "the number of slots",
                found: slots,
                allowed: "a power of two, at most 2^16",
            });
        }
        if !narrowest.is_power_of_two() || narrowest > slots {
            return Err(LearnError::Layout {
                what: "the number of columns of a block",
                found: narrowest,
                allowed: "a power of two, at most the number of slots",
            });
        }
        // If no width will do, the error of the first is the one to tell.
        let first = Self::new(rows, cols, slots / narrowest, narrowest);
        let widest = cols.min(MAX_COLS).next_power_of_two().min(slots);
        (0..=log2(widest))
            .map(|log_width| 1 << log_width)
            .filter(|&width| width >= narrowest)
            .filter_map(|width| Self::new(rows, cols, slots / width, width).ok())
            .min_by_key(cost)
            .map_or(first, Ok)
    }

    /// The number of samples.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of features.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Samples in a block, a power of two.
    pub fn block_rows(&self) -> usize {
        self.block_rows
    }

    /// Features in a block, a power of two.
    pub fn block_cols(&self) -> usize {
        self.block_cols
    }

    /// The order of a block's slots.
    pub fn order(&self) -> SlotOrder {
        self.order
    }

    /// Refuses blocks in another order than the one that they are used in.
    pub(crate) fn check_order(&self, what: &'static str, order: SlotOrder) -> Result<()> {
        let reason = match (self.order, order) {
            (SlotOrder::Columns, SlotOrder::Rows) => {
                "its blocks are in the order of columns, in which only many classes can be trained by \
                 gradient descent: encrypt what is to be classified without its labels (--labels withheld)"
            }
            (SlotOrder::Rows, SlotOrder::Columns) => {
                "its blocks are in the order of rows, but this training has them in the order of \
                 columns: encrypt with the plan of this training"
            }
            _ => return Ok(()),
        };
        Err(LearnError::Malformed { what, reason })
    }

    /// The slots of a block, given row after row.
    pub(crate) fn in_order(&self, slots: Vec<f64>) -> Vec<f64> {
        match self.order {
            SlotOrder::Rows => slots,
            SlotOrder::Columns => (0..slots.len())
                .map(|i| slots[i % self.block_rows * self.block_cols + i / self.block_rows])
                .collect(),
        }
    }

    /// Slots of a ciphertext.
    pub fn slots(&self) -> usize {
        self.block_rows * self.block_cols
    }

    /// Refuses parameters whose ciphertexts have another number of slots.
    pub(crate) fn check_slots(&self, parameters: &Parameters) -> Result<()> {
        check_equal("slots of a block", parameters.slots(), self.slots())
    }

    /// Blocks below each other.
    pub fn grid_rows(&self) -> usize {
        self.rows.div_ceil(self.block_rows)
    }

    /// Blocks beside each other.
    pub fn grid_cols(&self) -> usize {
        self.cols.div_ceil(self.block_cols)
    }

    /// The places of one row of the grid among all blocks.
    pub(crate) fn row(&self, grid_row: usize) -> std::ops::Range<usize> {
        let first = grid_row * self.grid_cols();
        first..first + self.grid_cols()
    }

    /// The places of one column of the grid among all blocks.
    pub(crate) fn column(&self, grid_col: usize) -> impl Iterator<Item = usize> + use<> {
        (grid_col..self.blocks()).step_by(self.grid_cols())
    }

    /// The number of ciphertexts.
    pub fn blocks(&self) -> usize {
        self.grid_rows() * self.grid_cols()
    }

    /// How many rows of the blocks in row `grid_row` of the grid are samples.
    pub fn samples_in(&self, grid_row: usize) -> usize {
        self.rows
            .saturating_sub(grid_row * self.block_rows)
            .min(self.block_rows)
    }

    /// Key switches of one training iteration with a sigmoid of degree 3: those of X v, of the
    /// sigmoid, and of X^T g. In both products, two vectors share their rotations.
    pub fn iteration_key_switches(&self) -> usize {
        self.times_key_switches()
            + self.grid_rows() * SIGMOID_KEY_SWITCHES
            + self.transposed_times_key_switches()
    }

    /// Key switches of X v for a weight vector v, with the result in all columns: for each row of
    /// blocks a relinearisation, the sum over features and its replication.
    pub(crate) fn times_key_switches(&self) -> usize {
        let rows = self.grid_rows();
        rows + paired_key_switches(rows, self.row_rotations())
    }

    /// Key switches of X^T g for a column vector g: for each column of blocks a relinearisation
    /// and the sum over samples.
    pub(crate) fn transposed_times_key_switches(&self) -> usize {
        let cols = self.grid_cols();
        cols + paired_key_switches(cols, self.column_rotations())
    }

    /// Key switches that copy the labels of so many classes, of every row of blocks, to columns of
    /// their own, and a product each.
    pub(crate) fn label_key_switches(&self, classes: usize) -> usize {
        let columns = self.grid_rows() * classes;
        columns + paired_key_switches(columns, self.replication_rotations().count())
    }

    /// Rotations that sum over the features of a block and replicate the sums.
    pub(crate) fn row_rotations(&self) -> usize {
        self.feature_rotations().count() + self.replication_rotations().count()
    }

    /// Rotations that sum over the samples of a block.
    pub(crate) fn column_rotations(&self) -> usize {
        self.sample_rotations().count()
    }

    /// The rotations that sum over the features of a block.
    pub(crate) fn feature_rotations(&self) -> impl Iterator<Item = i64> {
        (0..log2(self.block_cols)).map(|k| 1 << k)
    }

    /// The rotations that copy the first column of a block to all others: those that sum over the
    /// features, and one to the right.
    pub(crate) fn replication_rotations(&self) -> impl Iterator<Item = i64> {
        let shift = (self.block_cols > 1).then(|| self.replication_shift());
        self.feature_rotations().chain(shift)
    }

    /// The last of the [`replication_rotations`](Self::replication_rotations).
    pub(crate) fn replication_shift(&self) -> i64 {
        1 - self.block_cols as i64
    }

    /// The rotations that sum over the samples of a block.
    pub(crate) fn sample_rotations(&self) -> impl Iterator<Item = i64> {
        let stride = self.block_cols as i64;
        (0..log2(self.block_rows)).map(move |k| stride << k)
    }
}

/// Whether two vectors that are to be rotated this number of times should share their rotations, at the
/// price of a conjugation.
pub(crate) fn pairing_pays(rotations: usize) -> bool {
    rotations > 1
}

/// Key switches of `vectors` vectors with this number of rotations each.
pub(crate) fn paired_key_switches(vectors: usize, rotations: usize) -> usize {
    match pairing_pays(rotations) {
        true => vectors.div_ceil(2) * rotations + vectors / 2,
        false => vectors * rotations,
    }
}

/// log2 of a power of two.
pub(crate) fn log2(n: usize) -> usize {
    n.trailing_zeros() as usize
}

/// A layout that has not been checked, as it is written down. The highest bit of `block_rows` says that blocks are in the
/// order of columns: who does not know that order finds blocks that are too large and refuses them.
#[derive(Serialize, Deserialize)]
struct Shape {
    rows: u32,
    cols: u32,
    block_rows: u32,
    block_cols: u32,
}

impl Shape {
    const BY_COLUMNS: u32 = 1 << 31;
}

impl TryFrom<Shape> for Layout {
    type Error = LearnError;

    fn try_from(shape: Shape) -> Result<Self> {
        let layout = Self::new(
            shape.rows as usize,
            shape.cols as usize,
            (shape.block_rows & !Shape::BY_COLUMNS) as usize,
            shape.block_cols as usize,
        )?;
        Ok(match shape.block_rows & Shape::BY_COLUMNS {
            0 => layout,
            _ => layout.with_order(SlotOrder::Columns),
        })
    }
}

impl From<Layout> for Shape {
    /// A checked layout has no number above 2^24.
    fn from(layout: Layout) -> Self {
        let order = match layout.order {
            SlotOrder::Rows => 0,
            SlotOrder::Columns => Self::BY_COLUMNS,
        };
        Self {
            rows: layout.rows as u32,
            cols: layout.cols as u32,
            block_rows: layout.block_rows as u32 | order,
            block_cols: layout.block_cols as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_choice_covers_the_matrix(
            rows in 1usize..5000,
            cols in 1usize..600,
            log_slots in 1usize..16,
            log_model in 0usize..8,
        ) {
            let slots = 1 << log_slots;
            let model = (1 << log_model).min(slots);
            for layout in [
                Layout::for_training(rows, cols, slots),
                Layout::for_samples(rows, cols, slots, model),
            ] {
                // Tiny ciphertexts would be too many.
                let Ok(layout) = layout else {
                    prop_assert!(rows * cols / slots > MAX_BLOCKS / 8);
                    continue;
                };
                prop_assert_eq!(layout.slots(), slots);
                prop_assert!(layout.grid_rows() * layout.block_rows() >= rows);
                prop_assert!((layout.grid_rows() - 1) * layout.block_rows() < rows);
                prop_assert!(layout.grid_cols() * layout.block_cols() >= cols);
                prop_assert!((layout.grid_cols() - 1) * layout.block_cols() < cols);
                let samples: usize = (0..layout.grid_rows()).map(|i| layout.samples_in(i)).sum();
                prop_assert_eq!(samples, rows);
            }
        }

        #[test]
        fn no_other_width_is_cheaper(rows in 1usize..3000, cols in 1usize..300) {
            let best = Layout::for_training(rows, cols, 8192).unwrap();
            for log_width in 0..9 {
                let other = Layout::new(rows, cols, 8192 >> log_width, 1 << log_width).unwrap();
                let cost = |l: &Layout| 16 * l.iteration_key_switches() + 2 * l.blocks();
                prop_assert!(cost(&best) <= cost(&other));
            }
        }
    }

    #[test]
    fn the_order_of_slots_is_written_down() {
        let rows = Layout::new(5, 3, 4, 2).unwrap();
        let columns = rows.with_order(SlotOrder::Columns);
        assert_eq!(
            (rows.order(), columns.order()),
            (SlotOrder::Rows, SlotOrder::Columns)
        );
        for layout in [rows, columns] {
            let bytes = postcard::to_allocvec(&layout).unwrap();
            assert_eq!(postcard::from_bytes::<Layout>(&bytes).unwrap(), layout);
        }
        // 2^31 + 4, as a varint.
        let written = [5, 3, 0x84, 0x80, 0x80, 0x80, 0x08, 2];
        assert_eq!(postcard::to_allocvec(&columns).unwrap(), written);
        assert!(Layout::stacked(&[rows, columns]).is_err());
        assert_eq!(
            Layout::stacked(&[columns, columns]).unwrap().order(),
            SlotOrder::Columns
        );
        let slots: Vec<f64> = (0..8).map(f64::from).collect();
        assert_eq!(
            columns.in_order(slots.clone()),
            [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]
        );
        assert_eq!(rows.in_order(slots.clone()), slots);
    }

    #[test]
    fn key_switches_of_the_example() {
        let layout = Layout::new(1536, 197, 512, 32).unwrap();
        assert_eq!(
            layout.iteration_key_switches(),
            (3 + 2 * 11 + 1) + 3 * 2 + (7 + 4 * 9 + 3)
        );
    }

    #[test]
    fn samples_keep_the_width_of_the_model_or_widen_it() {
        for rows in [1, 3, 100, 5000] {
            let layout = Layout::for_samples(rows, 197, 16384, 32).unwrap();
            assert_eq!(layout.block_cols() % 32, 0);
        }
        // A model whose blocks are wider than the features need.
        let layout = Layout::for_samples(5, 3, 1024, 16).unwrap();
        assert_eq!(layout.block_cols(), 16);
    }

    #[test]
    fn bad_shapes_are_refused() {
        let refused = |rows, cols, block_rows, block_cols| {
            matches!(
                Layout::new(rows, cols, block_rows, block_cols),
                Err(LearnError::Layout { .. })
            )
        };
        assert!(refused(0, 1, 2, 2));
        assert!(refused(1, 0, 2, 2));
        assert!(refused(1, 1, 3, 2));
        assert!(refused(1, 1, 2, 0));
        assert!(refused(1, 1, 1, 1));
        assert!(refused(1, 1, 1 << 16, 2));
        assert!(refused(1, 1, 1 << 63, 1 << 63));
        assert!(refused(MAX_ROWS + 1, 1, 2, 2));
        assert!(refused(1, MAX_COLS + 1, 2, 2));
        assert!(refused(MAX_ROWS, MAX_COLS, 2, 2));
        assert!(Layout::for_training(10, 10, 1000).is_err());
        assert!(Layout::for_training(0, 10, 1024).is_err());
        assert!(Layout::for_samples(10, 10, 1024, 24).is_err());
        assert!(Layout::for_samples(10, 10, 1024, 0).is_err());
        assert!(Layout::for_samples(10, 10, 1024, 2048).is_err());
    }
}
