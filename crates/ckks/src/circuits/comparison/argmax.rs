//! Where the largest of several encrypted numbers is: all pairs compared at once.
//!
//! For K numbers v (K a power of two) a block of 2K^2 slots holds a matrix of K rows and 2K
//! columns; v is its first row. One ciphertext gets the v_i - v_r at row r and column i < K, one
//! comparison turns them into 1 or 0, and the product down column i is 1 if v_i beats all others:
//!
//! * copies of the first row in all rows make v_i;
//! * the diagonal of that, summed along rows, makes v_r. The upper K columns take what these sums
//!   push beyond a row, so that nothing reaches another row;
//! * what is not a pair (the diagonal, rows that only fill up to K) gets the difference 1: it wins.

use thiserror::Error;

use super::{Precision, check_enough};
use crate::ciphertext::Ciphertext;
use crate::encoder::{EncodeError, Encoder};
use crate::evaluator::{EvaluationError, Evaluator, check_levels};
use crate::plaintext::Plaintext;

/// Why something is not an argmax.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ArgmaxError {
    /// Too few numbers, or too many.
    #[error("the argmax of {0} numbers: there must be between 2 and {max}", max = ArgmaxPlan::MAX_COUNT)]
    Count(usize),
    /// A block does not fit.
    #[error("{count} numbers take a block of {stride} slots, but there are {slots}")]
    Slots {
        /// How many numbers.
        count: usize,
        /// The slots of a block.
        stride: usize,
        /// The slots of the parameters.
        slots: usize,
    },
    /// The level is too low.
    #[error("this argmax takes {needed} levels, but is to start at level {level}")]
    Level {
        /// Where it is to start.
        level: usize,
        /// The levels that it needs.
        needed: usize,
    },
    /// The masks cannot be encoded.
    #[error("the masks cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
}

/// The layout and the cost of an argmax, before anything is encoded or encrypted.
///
/// ```
/// use tapetum_ckks::{ArgmaxPlan, Precision};
///
/// let plan = ArgmaxPlan::new(10, Precision::new(6)?)?;
/// assert_eq!((plan.stride(), plan.levels()), (512, 14));
/// assert_eq!(plan.rotations().len(), 14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgmaxPlan {
    count: usize,
    precision: Precision,
}

impl ArgmaxPlan {
    /// The largest number of numbers.
    pub const MAX_COUNT: usize = 128;

    /// For the largest of `count` numbers.
    ///
    /// # Errors
    /// If `count` is not between 2 and [`MAX_COUNT`](Self::MAX_COUNT).
    pub fn new(count: usize, precision: Precision) -> Result<Self, ArgmaxError> {
        if (2..=Self::MAX_COUNT).contains(&count) {
            Ok(Self { count, precision })
        } else {
            Err(ArgmaxError::Count(count))
        }
    }

    /// How many numbers are compared with each other.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The precision of each comparison.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The slots from the first number of one group to that of the next: 2 K^2 where K is the
    /// least power of two that is not below the count. All groups are worked on at once.
    pub fn stride(&self) -> usize {
        2 * self.padded() * self.padded()
    }

    /// The levels that it needs: those of the precision, log2 K for the products, and two for
    /// masks.
    pub fn levels(&self) -> usize {
        2 + self.precision.levels() + self.log_padded() as usize
    }

    /// The largest distance from 0 or 1 in a group whose largest number is decidedly larger than the
    /// others, before rounding: (1 + e/2)^K - 1 where e is [`Precision::error`].
    pub fn error(&self) -> f64 {
        (1.0 + 0.5 * self.precision.error()).powi(self.padded() as i32) - 1.0
    }

    /// The rotations whose keys it needs, beside the relinearisation key: 3 log2 K + 2 of them.
    pub fn rotations(&self) -> Vec<i64> {
        let rows = (0..self.log_padded()).map(|j| self.row() << j);
        let columns = (0..=self.log_padded()).map(|j| 1 << j);
        let mut steps: Vec<i64> = rows
            .clone()
            .chain(rows.map(|r| -r))
            .chain(columns)
            .collect();
        steps.push(self.column_shift());
        steps
    }

    /// Encodes the masks for arguments at `level`.
    ///
    /// # Errors
    /// If a block has more slots than there are, or the level is too low or does not exist.
    pub fn encode(self, encoder: &Encoder, level: usize) -> Result<Argmax, ArgmaxError> {
        let (slots, stride, needed) = (encoder.parameters().slots(), self.stride(), self.levels());
        if stride > slots {
            return Err(ArgmaxError::Slots {
                count: self.count,
                stride,
                slots,
            });
        }
        if level < needed {
            return Err(ArgmaxError::Level { level, needed });
        }
        let encode = |at: &dyn Fn(usize, usize) -> bool, level| {
            let columns = 2 * self.padded();
            let place = |slot: usize| (slot % stride / columns, slot % columns);
            let values: Vec<f64> = (0..slots)
                .map(place)
                .map(|(row, column)| f64::from(u8::from(at(row, column))))
                .collect();
            encoder.encode(&values, level)
        };
        let k = self.count;
        Ok(Argmax {
            pairs: encode(&|row, column| row < k && column < k, level)?,
            diagonal: encode(&|row, column| row < k && row == column, level)?,
            no_pairs: encode(
                &|row, column| column < k && (row >= k || row == column),
                level - 1,
            )?,
            first_row: encode(&|row, column| row == 0 && column < k, level - needed + 1)?,
            level,
            plan: self,
        })
    }

    /// K.
    fn padded(&self) -> usize {
        self.count.next_power_of_two()
    }

    fn log_padded(&self) -> u32 {
        self.padded().ilog2()
    }

    /// The slots of a row.
    fn row(&self) -> i64 {
        2 * self.padded() as i64
    }

    /// After sums of 2K slots, brings the place r of row r into the sums of all columns below K.
    fn column_shift(&self) -> i64 {
        1 - self.padded() as i64
    }
}

/// An argmax with its masks, for arguments at one level.
#[derive(Clone, Debug)]
pub struct Argmax {
    plan: ArgmaxPlan,
    level: usize,
    pairs: Plaintext,
    diagonal: Plaintext,
    no_pairs: Plaintext,
    first_row: Plaintext,
}

impl Argmax {
    /// What it was made from.
    pub fn plan(&self) -> &ArgmaxPlan {
        &self.plan
    }

    /// The level of its arguments.
    pub fn level(&self) -> usize {
        self.level
    }
}

impl Evaluator {
    /// One-hot vectors of the places of the largest numbers: for each group of `count` numbers, in
    /// the slots `g stride`, ..., `g stride + count - 1`, the slot of the largest becomes 1 and all
    /// other slots 0, those outside the groups too. The error in a slot depends on the margin, so a result tells
    /// about that as well, unless it is [cleaned](Self::clean).
    ///
    /// All slots outside the groups must be 0, all numbers in [-1, 1] and their differences too;
    /// else the result is nonsense without a sign. The error is at most [`ArgmaxPlan::error`], plus
    /// rounding, if the largest number is decidedly larger than the others. If it is not, the numbers that are tied with it get values between 0 and 1: for n
    /// equal ones 2^(1 - n) each, so that an empty group has 2^(1 - `count`).
    ///
    /// One comparison for all pairs of all groups, 3 log2 K + 2 rotations and log2 K products;
    /// [`ArgmaxPlan::levels`] levels.
    ///
    /// # Errors
    /// If the argument is at another level than the masks or has other parameters, or a key is
    /// missing or serves lower levels only.
    pub fn argmax(&self, x: &Ciphertext, argmax: &Argmax) -> Result<Ciphertext, EvaluationError> {
        self.check_own(x.parameters())?;
        check_levels(x.level(), argmax.level)?;
        check_enough("the argmax", x, argmax.plan.levels())?;
        let plan = argmax.plan;
        let rows = (0..plan.log_padded()).map(|j| plan.row() << j);

        let mut copies = x.clone();
        for steps in rows.clone() {
            let rotated = self.rotate(&copies, -steps)?;
            self.add_assign(&mut copies, &rotated)?;
        }
        let diagonal = self.rescale(&self.mul_plain(&copies, &argmax.diagonal)?)?;
        let sums = self.sum_slots(&diagonal, 2 * plan.padded(), 1)?;
        let opponents = self.rotate(&sums, plan.column_shift())?;
        let copies = self.rescale(&self.mul_plain(&copies, &argmax.pairs)?)?;
        let differences = self.sub(&copies, &opponents)?;
        let differences = self.add_plain(&differences, &argmax.no_pairs)?;

        let mut wins = self.step(&differences, plan.precision, 1.0)?;
        for steps in rows {
            let others = self.rotate(&wins, steps)?;
            wins = self.relinearize_rescale(&self.mul(&wins, &others)?)?;
        }
        self.rescale(&self.mul_plain(&wins, &argmax.first_row)?)
    }
}
