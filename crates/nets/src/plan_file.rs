//! A plan with the names of its classes, as text: what everyone who uses a network needs, and no weights.

use serde::{Deserialize, Serialize};

use crate::error::{NetworkError, Result};
use crate::plan::NetworkPlan;
use crate::preprocessing::Preprocessing;

const VERSION: u32 = 1;

/// A plan with the names of its classes.
///
/// ```no_run
/// use tapetum_nets::NetworkPlanFile;
///
/// let file = NetworkPlanFile::from_json(&std::fs::read_to_string("network.plan.json")?)?;
/// assert_eq!(file.classes().len(), file.plan().scores());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPlanFile {
    version: u32,
    /// In the order of the scores.
    classes: Vec<String>,
    /// Nothing in files from before it was kept: pixels from the low to the high end of the plan's range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preprocessing: Option<Preprocessing>,
    network_plan: NetworkPlan,
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
            preprocessing: None,
            network_plan,
        };
        file.check()?;
        Ok(file)
    }

    /// With how the network takes pixels.
    ///
    /// # Errors
    /// If it is for another number of channels, or its values are not those that the plan is for.
    pub fn with_preprocessing(mut self, preprocessing: Preprocessing) -> Result<Self> {
        self.preprocessing = Some(preprocessing);
        self.check()?;
        Ok(self)
    }

    /// Reads and checks the text of such a file.
    ///
    /// # Errors
    /// If it is another text, of another version, or damaged.
    pub fn from_json(text: &str) -> Result<Self> {
        let file: Self = serde_json::from_str(text)
            .map_err(|error| NetworkError::NotAPlan(error.to_string()))?;
        file.check()?;
        Ok(file)
    }

    /// The text, a line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a plan can be written to memory") + "\n"
    }

    /// Whether a text is one that [`to_json`](Self::to_json) gave, by its beginning.
    pub fn begins(text: &str) -> bool {
        text.starts_with("{\"version\":") && text.contains("\"network_plan\":")
    }

    /// The plan.
    pub fn plan(&self) -> &NetworkPlan {
        &self.network_plan
    }

    /// The names of the classes, in the order of the scores.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The values that a picture has in the network, from its pixels as [`Preprocessing::values`] takes them.
    ///
    /// # Errors
    /// If the network takes no pictures.
    pub fn values(&self, pixels: &[u8]) -> Result<Vec<f64>> {
        let &[1, channels, ..] = self.network_plan.input_shape() else {
            return Err(NetworkError::Preprocessing(
                "the network takes no pictures".to_owned(),
            ));
        };
        match &self.preprocessing {
            Some(preprocessing) => preprocessing.values(channels, pixels),
            None => Preprocessing::of_range(self.network_plan.range())?.values(channels, pixels),
        }
    }

    fn check(&self) -> Result<()> {
        if self.version != VERSION {
            let found = self.version;
            return Err(NetworkError::NotAPlan(format!(
                "it is of version {found}, and this program reads version {VERSION}"
            )));
        }
        self.network_plan.check()?;
        if let Some(preprocessing) = &self.preprocessing {
            preprocessing.check(self.network_plan.input_shape().get(1).copied().unwrap_or(0))?;
            let (found, expected) = (preprocessing.value_range(), self.network_plan.range());
            if found != expected {
                return Err(NetworkError::Preprocessing(format!(
                    "pixels become values in {found:?}, and the plan is for {expected:?}"
                )));
            }
        }
        let (scores, classes) = (self.network_plan.scores(), self.classes.len());
        if scores != classes {
            return Err(NetworkError::Classes { scores, classes });
        }
        Ok(())
    }
}
