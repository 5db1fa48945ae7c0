//! From the settings of an estimator to a plan.

use pyo3::prelude::*;
use tapetum::learn::EstimatorConfig;
use tapetum::plan::{DEFAULT_SIDE, Expansion, PlanOptions, TABLE_FEATURES};
use tapetum::vision::DataSet;
use tapetum::{Error, Plan, Result};

/// How an estimator is to be trained, as Python says it.
#[derive(Clone, FromPyObject)]
#[pyo3(from_item_all)]
pub struct Training {
    /// An [`EstimatorConfig`] as JSON.
    estimator: String,
    /// Whether columns are only standardised.
    plain_columns: bool,
    /// Whether all classes are to count the same.
    balanced: bool,
}

impl Training {
    /// The plan for data like these.
    pub fn plan(&self, columns: usize, rows: usize, classes: usize) -> Result<Plan> {
        let estimator: EstimatorConfig = serde_json::from_str(&self.estimator)
            .map_err(|error| Error::input(format!("the settings cannot be used: {error}")))?;
        Plan::new(PlanOptions {
            estimator,
            features: TABLE_FEATURES.to_owned(),
            side: DEFAULT_SIDE,
            expansion: self.plain_columns.then(Expansion::default),
            columns: Some(columns),
            rows,
            classes,
        })
    }

    /// The data as they are trained on.
    pub fn weighted(&self, data: DataSet) -> DataSet {
        match self.balanced {
            true => data.with_equal_classes(),
            false => data,
        }
    }
}
