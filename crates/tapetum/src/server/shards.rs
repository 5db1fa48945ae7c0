//! Training that is spread over several machines: each adds up a share of the samples, and one solves.
//!
//! Sums are exact modulo the primes of the parameters, so the model is the same bit for bit, however the samples are
//! shared out.

use std::path::Path;

use tapetum_ckks::EvaluationKeys;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::{Model, Origin, Session, label_kind_of_sums};

use super::Server;
use crate::encrypted::EncryptedDataSet;
use crate::error::{Context, Error, Result};
use crate::folders::{EVALUATION_KEYS, files};
use crate::plan::Plan;
use crate::progress::Progress;

impl Server {
    /// The sums of these samples, as bytes for [`fit_sums`](Self::fit_sums).
    ///
    /// # Errors
    /// [`Error`] if samples do not fit the plan, or the estimator has no sums: ridge regression has.
    pub fn add_up(&self, data: &[&EncryptedDataSet], progress: &dyn Progress) -> Result<Vec<u8>> {
        let spec = self.plan.training_spec()?;
        let (parts, origin) = self.checked_parts(&spec, data)?;
        let (_, labels) = parts.first().context("there are no samples")?;
        let step = progress.begin(&format!("adding up {} parts of samples", parts.len()));
        let mut session = spec.begin(&self.evaluator, labels.kind())?;
        for (done, part) in parts.iter().enumerate() {
            session.add(part, &mut |_| step.advance(done, parts.len()))?;
        }
        step.finish();
        Ok(session.into_sums(&origin)?.to_bytes())
    }

    /// Several shares' sums as one, in the same form.
    ///
    /// # Errors
    /// As [`fit_sums`](Self::fit_sums).
    pub fn join_sums(&self, sums: &[impl AsRef<[u8]>]) -> Result<Vec<u8>> {
        let (session, origin) = self.of_sums(sums)?;
        Ok(session.into_sums(&origin)?.to_bytes())
    }

    /// Trains on the sums of all shares of the samples, in any order.
    ///
    /// # Errors
    /// [`Error`] if there are none, or they do not fit the plan or each other.
    pub fn fit_sums(&self, sums: &[impl AsRef<[u8]>], progress: &dyn Progress) -> Result<Model> {
        let (session, origin) = self.of_sums(sums)?;
        let step = progress.begin("training on the sums of samples");
        let model = session.finish(&mut |p| step.advance(p.done, p.total))?;
        step.finish();
        Ok(Model::Encrypted(model.with_origin(origin)))
    }

    fn of_sums(&self, sums: &[impl AsRef<[u8]>]) -> Result<(Box<dyn Session>, Origin)> {
        let spec = self.plan.training_spec()?;
        let mut session: Option<Box<dyn Session>> = None;
        let mut origin = Origin::default();
        for sums in sums {
            let bundle = Bundle::from_bytes(self.parameters(), sums.as_ref())?;
            let session = match &mut session {
                Some(session) => session,
                none => none.insert(spec.begin(&self.evaluator, label_kind_of_sums(&bundle)?)?),
            };
            let of_sums = session.add_sums(bundle)?;
            self.plan.check_origin(&of_sums)?;
            origin = origin.join(&of_sums, "the sums before")?;
        }
        let session = session.context("there are no sums to train on")?;
        Ok((session, origin))
    }
}

/// Writes a server's directory, for a machine that is to compute with these keys.
///
/// # Errors
/// [`Error`] if the keys do not belong to the plan, the directory has keys already, or it cannot be written.
pub fn write_keys(plan: &Plan, keys: &EvaluationKeys, dir: &Path) -> Result<u64> {
    let name = Path::new("the set of evaluation keys");
    plan.check_key((keys.parameters(), keys.key_set()), name)?;
    files::create_dir(dir)?;
    let path = dir.join(EVALUATION_KEYS);
    if path.exists() {
        return Err(Error::role(format!(
            "{} already exists: choose another directory",
            path.display()
        )));
    }
    super::refuse_secret_keys(dir)?;
    plan.write(dir)?;
    files::write_atomically(&path, |file| keys.write(file))
}
