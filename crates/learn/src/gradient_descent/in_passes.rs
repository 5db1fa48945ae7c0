//! Gradient descent [in passes](crate::passes): an iteration is a pass over its mini-batch.

use super::diagonal_gradient::DiagonalGradient;
use super::row_gradient::RowGradient;
use super::{DiagonalTraining, GradientDescent, Training};
use crate::bootstrap::BootstrapLevels;
use crate::error::Result;
use crate::layout::SlotOrder;
use crate::passes::{PassWorker, Passes};
use crate::session::SessionStart;

impl GradientDescent {
    /// A training in mini-batches.
    pub(crate) fn begin_passes<'a>(self, start: SessionStart<'a>) -> Result<Passes<'a>> {
        Ok(match start.layout.order() {
            SlotOrder::Columns => Passes::new(DiagonalTraining::begin(self, start)?),
            SlotOrder::Rows => Passes::new(Training::begin(self, start)?),
        })
    }

    /// What adds up shares of a mini-batch, or of all samples.
    pub(crate) fn pass_worker<'a>(
        self,
        start: SessionStart<'a>,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<PassWorker<'a>> {
        Ok(match start.layout.order() {
            SlotOrder::Columns => PassWorker::new(DiagonalGradient::new(self, start, bootstrap)?),
            SlotOrder::Rows => PassWorker::new(RowGradient::new(self, start)?),
        })
    }
}
