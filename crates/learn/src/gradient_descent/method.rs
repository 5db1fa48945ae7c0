//! The method as a plan sees it.

use tapetum_ckks::SlotKind;

use super::GradientDescent;
use crate::bootstrap::BootstrapLevels;
use crate::error::Result;
use crate::layout::Layout;
use crate::mini_batch::MiniBatchMethod;
use crate::requirements::Requirements;
use crate::task::Task;

impl MiniBatchMethod for GradientDescent {
    fn batch_rows(&self) -> usize {
        self.batch_rows()
    }

    fn requirements(
        &self,
        layout: &Layout,
        task: Task,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<Requirements> {
        self.requirements(layout, task, bootstrap)
    }

    fn batch_level(
        &self,
        layout: &Layout,
        task: Task,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<usize> {
        self.batch_level(layout, task, bootstrap)
    }

    fn packed(&self, layout: &Layout, classes: usize) -> Result<(usize, SlotKind)> {
        Ok((self.packed_slots(layout, classes)?, SlotKind::Real))
    }

    fn bootstrapping_key_switches(
        &self,
        layout: &Layout,
        levels: BootstrapLevels,
        classes: usize,
    ) -> Result<usize> {
        self.bootstrapping_key_switches(layout, levels, classes)
    }

    fn key_switches(&self, layout: &Layout, task: Task) -> usize {
        self.key_switches(layout, task)
    }
}
