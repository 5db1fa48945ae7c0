//! The range flag: whether a value left the interval of a ReLU's polynomials, as one encrypted number.
//!
//! A ReLU is x times the step h = (1 + s(x)) / 2. For x in [-1, 1] its h is in [0, 1] up to a small error, so h^2 - h is
//! in [-1/4, 0] up to one. Beyond, s first may take any value in between, and from 1.05 on grows as the product of the degrees of
//! its polynomials: it is in the hundreds, and a little further the modulus overflows. The flag is the mean of h^2 - h over all slots of all ReLU, halved,
//! and costs a product at level 2 for each ReLU and one sum of slots at level 1.
//!
//! It is either a sum that is beyond all that values in [-1, 1] give, or, after an overflow, a number modulo q_0 and
//! another in the imaginary part, which are as good as random: one in millions of these would pass.

use tapetum_ckks::KeyPlan;

use super::step::{Parts, Step};
use super::{LayerPlan, NetworkPlan};

/// The level of the steps that go into the flag. Every ReLU leaves one more than this to the layer after it.
pub(crate) const RANGE_LEVEL: usize = 2;

/// The noise of the flag is far below that.
const MARGIN: f64 = 1.0 / 128.0;

impl NetworkPlan {
    /// Whether scores come with an encrypted flag that says whether a value left the interval that a ReLU's polynomials
    /// are for. Plans of networks with ReLU have it, unless they were made before there was one.
    pub fn has_range_flag(&self) -> bool {
        self.range_flag
    }

    fn relus(&self) -> usize {
        let is_relu = |layer: &&LayerPlan| matches!(layer.step, Step::Relu { .. });
        self.layers.iter().filter(is_relu).count()
    }

    /// What the sum of h^2 - h over all slots and all ReLU is multiplied by.
    pub(crate) fn range_weight(&self, slots: usize) -> f64 {
        0.5 / (slots * self.relus().max(1)) as f64
    }

    /// Whether a flag is one that values within the intervals give.
    pub(crate) fn is_in_range(&self, flag: f64) -> bool {
        let beyond = 0.5 * self.precision().map_or(0.0, |p| p.error());
        let most = 0.5 * beyond * (1.0 + beyond) + MARGIN;
        (-0.125 - MARGIN..=most).contains(&flag)
    }

    /// The keys that the flag takes, if there is one.
    pub(super) fn range_keys(
        &self,
        keys: KeyPlan,
        at: impl Fn(usize) -> KeyPlan,
        slots: usize,
    ) -> KeyPlan {
        if !self.range_flag {
            return keys;
        }
        let all = Parts {
            count: slots,
            apart: 1,
        };
        keys.join(&at(RANGE_LEVEL).relinearization())
            .join(&at(RANGE_LEVEL - 1).rotations(all.keys()))
    }

    /// Whether the plan has the ReLU that its flag is made from, at levels that allow it.
    pub(super) fn range_flag_fits(&self) -> bool {
        let high = |layer: &LayerPlan| match layer.step {
            Step::Relu { .. } => layer.level_after() + 1 >= RANGE_LEVEL,
            _ => true,
        };
        !self.range_flag || (self.relus() > 0 && self.layers.iter().all(high))
    }
}
