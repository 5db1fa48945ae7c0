//! A network's plan as a file: what everyone who uses the network needs, and no weights.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tapetum_nets::NetworkPlan;

use super::{NETWORK_PLAN, files};
use crate::error::{Context, Error, Result};

const VERSION: u32 = 1;

/// A plan with the names of its classes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPlanFile {
    version: u32,
    /// In the order of the scores.
    classes: Vec<String>,
    network_plan: NetworkPlan,
}

/// Whether a text is one that [`NetworkPlanFile::write`] wrote, by its beginning.
pub(super) fn is_in(text: &str) -> bool {
    text.starts_with("{\"version\":") && text.contains("\"network_plan\":")
}

impl NetworkPlanFile {
    /// Puts them together.
    ///
    /// # Errors
    /// If there are not as many classes as scores.
    pub fn new(network_plan: NetworkPlan, classes: Vec<String>) -> Result<Self> {
        let file = Self {
            version: VERSION,
            classes,
            network_plan,
        };
        file.check()?;
        Ok(file)
    }

    /// Reads and checks the text of such a file.
    ///
    /// # Errors
    /// If it is another text, of another version, or damaged.
    pub fn from_json(text: &str) -> Result<Self> {
        let file: Self = serde_json::from_str(text).context("this is no network's plan")?;
        file.check()?;
        Ok(file)
    }

    /// Reads and checks such a file.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and if it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = files::read_text(path)?;
        Self::from_json(&text).with_context(|| format!("cannot use {}", path.display()))
    }

    /// The plan that `net keygen` put into a directory.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn in_directory(dir: &Path) -> Result<Self> {
        let advice = "it is made by `tapetum net keygen`";
        Self::read(&files::existing(dir, NETWORK_PLAN, advice)?)
    }

    /// Writes it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<u64> {
        let text = serde_json::to_string(self).context("cannot write down the plan")?;
        files::write_text(path, &(text + "\n"))
    }

    /// The plan.
    pub fn plan(&self) -> &NetworkPlan {
        &self.network_plan
    }

    /// The names of the classes, in the order of the scores.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    fn check(&self) -> Result<()> {
        if self.version != VERSION {
            return Err(Error::input(format!(
                "the plan is of version {}, and this program reads version {VERSION}",
                self.version
            )));
        }
        self.network_plan.check()?;
        let (scores, classes) = (self.network_plan.scores(), self.classes.len());
        if scores != classes {
            return Err(Error::input(format!(
                "the network has {scores} scores, but {classes} classes are named"
            )));
        }
        Ok(())
    }
}
