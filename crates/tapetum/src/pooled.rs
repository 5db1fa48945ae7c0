//! Statistics of features that several sites have together: what a site encrypts, and what the owner makes of the sums of
//! all sites, and of no site's alone. [`server::add_sums`](crate::server::add_sums) is between the two.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tapetum_ckks::Decryptor;
use tapetum_learn::{Origin, PooledSums};
use tapetum_vision::{Moments, Samples as Pixels, Table};

use crate::contributor::Contributor;
use crate::error::{Context, Error, Result};
use crate::folders::{FEATURES, files, sums};
use crate::owner::Owner;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::samples::Samples;

/// Sites whose sums are decrypted together: of fewer, the sums of one are its own.
const FEWEST_SITES: usize = 2;

/// What the sums of a site are of. All sites have the same.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    features: String,
    side: usize,
    columns: usize,
    squares: bool,
    /// The names of a table's columns, if they have any, in the order of the sums.
    names: Option<Vec<String>>,
}

/// What a site encrypted.
#[derive(Debug, Serialize)]
pub struct Summed {
    /// The number of samples.
    pub samples: usize,
    /// Features of a sample, before anything is made of them.
    pub columns: usize,
    /// The number of ciphertexts.
    pub ciphertexts: usize,
    /// Bytes of the file.
    pub bytes: u64,
    /// The names of the classes, if the samples have labels. They are not in the file.
    pub classes: Vec<String>,
    /// What was guessed, left out or changed on the way from the files to the features.
    pub notes: Vec<String>,
}

/// What the owner published.
#[derive(Debug, Serialize)]
pub struct Published {
    /// The number of sites.
    pub sites: usize,
    /// The samples of all sites together.
    pub samples: u64,
    /// Features that go to training, with the intercept if there is one.
    pub columns: usize,
    /// The file with the features.
    pub features: PathBuf,
}

impl Contributor {
    /// Encrypts sums over samples into the file `out`: of their features, and of the products of two features. Labels are
    /// not needed.
    ///
    /// # Errors
    /// [`Error`] if the samples do not suit the plan, or the file cannot be written.
    pub fn encrypt_sums(
        &self,
        samples: &Samples,
        out: &Path,
        progress: &dyn Progress,
    ) -> Result<Summed> {
        let plan = &self.plan;
        let spec = plan.feature_spec()?;
        let step = progress.begin("computing features");
        let sorted = sorted(samples.pixels())?;
        let pixels = sorted.as_ref().unwrap_or(samples.pixels());
        let features = spec.extract(plan.side, pixels)?;
        plan.check_columns(features.cols())?;
        let moments = Moments::of(&features, plan.expansion.squares)?;
        step.finish();
        let described = Described::of(plan, features.cols(), pixels)?;
        let step = progress.begin("encrypting sums");
        let text = serde_json::to_string(&described).context("cannot describe the features")?;
        let origin = Origin {
            key_set: plan.key_set,
            ..Origin::default()
        };
        let sums = PooledSums::encrypt(moments.sums(), &text, &self.encryptor)?.with_origin(origin);
        let bundle = sums.to_bundle()?;
        let bytes = files::write_atomically(out, |file| bundle.write(file))?;
        step.finish();
        Ok(Summed {
            samples: features.rows(),
            columns: features.cols(),
            ciphertexts: sums.ciphertexts(),
            bytes,
            classes: samples.class_counts().0,
            notes: self.note.iter().chain(samples.notes()).cloned().collect(),
        })
    }
}

impl Owner {
    /// Decrypts the sums of all sites together, and writes the features that are standardised by them into the owner's
    /// directory. `classes` are their names in the order of the labels; with `refit` the features of before are replaced.
    ///
    /// # Errors
    /// [`Error`] if the sums are of one site only or not for this plan, or if there are features already.
    pub fn publish_features(
        &mut self,
        path: &Path,
        classes: Vec<String>,
        refit: bool,
    ) -> Result<Published> {
        let plan = self.plan().clone();
        let unusable = || format!("cannot use {}", path.display());
        let sums = sums::read(path, &plan.parameters()?)?;
        plan.check_origin(sums.origin()).with_context(unusable)?;
        let sites = sums.sites();
        if sites < FEWEST_SITES {
            return Err(Error::role(format!(
                "{} has the sums of one site, which are not for the owner to see: have the server add those of \
                 all sites (`tapetum features add`)",
                path.display()
            )));
        }
        if !refit && self.pipeline()?.is_some() {
            return Err(Error::role(format!(
                "{FEATURES} is there already: everything encrypted with it must be encrypted again if it is \
                 replaced (--refit)"
            )));
        }
        let described: Described = serde_json::from_str(sums.description())
            .with_context(|| format!("{} does not say what its sums are of", path.display()))?;
        described.check(&plan).with_context(unusable)?;
        let numbers = sums
            .decrypt(&Decryptor::new(self.secret_key()))
            .with_context(unusable)?;
        let moments = Moments::from_sums(described.columns, described.squares, numbers)
            .with_context(unusable)?;
        let pipeline = plan.fit_moments(&moments, classes, described.names)?;
        let (samples, columns) = (moments.samples() as u64, pipeline.columns());
        let features = self.adopt_features(pipeline)?;
        Ok(Published {
            sites,
            samples,
            columns,
            features,
        })
    }
}

impl Described {
    fn of(plan: &Plan, columns: usize, pixels: &Pixels) -> Result<Self> {
        Ok(Self {
            features: without_path(plan)?,
            side: plan.side,
            columns,
            squares: plan.expansion.squares,
            names: match pixels {
                Pixels::Table(table) => table.names().map(<[_]>::to_vec),
                Pixels::Images(_) => None,
            },
        })
    }

    fn check(&self, plan: &Plan) -> Result<()> {
        let same = self.features == without_path(plan)?
            && (self.side == plan.side || plan.feature_spec()?.is_table())
            && self.squares == plan.expansion.squares;
        match same {
            true => plan.check_columns(self.columns),
            false => Err(Error::role(format!(
                "its sums are of {} at side {}, and the keys are for {}: they are of another project",
                self.features, self.side, plan.features
            ))),
        }
    }
}

/// The features of a plan, wherever the file of a backbone is.
fn without_path(plan: &Plan) -> Result<String> {
    let spec = plan.feature_spec()?.with_backbone_at(Path::new("-"));
    Ok(spec.to_string())
}

/// A table with the columns in the order of their names, so that those of all sites fit together; nothing where they are in
/// order, or have no names.
fn sorted(pixels: &Pixels) -> Result<Option<Pixels>> {
    let Pixels::Table(table) = pixels else {
        return Ok(None);
    };
    let Some(names) = table.names().filter(|names| !names.is_sorted()) else {
        return Ok(None);
    };
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|&column| &names[column]);
    let rows = table.values().chunks_exact(table.columns());
    let values = rows
        .flat_map(|row| order.iter().map(|&column| row[column]))
        .collect();
    let names = order.iter().map(|&column| names[column].clone()).collect();
    let sorted = Table::new(table.columns(), values)?.with_names(names)?;
    Ok(Some(Pixels::Table(sorted)))
}
