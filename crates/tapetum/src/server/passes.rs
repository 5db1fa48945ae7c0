//! Training in passes over the samples, which several machines share: one leads, all make sums of shares.
//!
//! Sums are exact modulo the primes of the parameters, so the model is the same bit for bit, however the samples are
//! shared out.

use tapetum_ckks::Evaluator;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::{Batch, Model, Origin, PartialSums, PassStart, Passes, Totals, shares};

use super::Server;
use crate::encrypted::EncryptedDataSet;
use crate::error::{Context, Error, Result};

/// A training that a server leads, while it and others make the sums of its passes.
///
/// ```
/// use tapetum::learn::EstimatorConfig;
/// use tapetum::vision::{DataSet, Samples, Table};
/// use tapetum::{EncryptedDataSet, Owner, Plan, Server, Silent};
///
/// let table = Table::new(2, vec![1.0, 2.0, -1.0, 0.5, 2.0, 1.0, -2.0, -0.5])?;
/// let names = vec!["no".to_owned(), "yes".to_owned()];
/// let sources = (0..4).map(|row| row.to_string()).collect();
/// let data = DataSet::new(Samples::Table(table), vec![1, 0, 1, 0], names, sources)?;
/// let plan = Plan::for_table(EstimatorConfig::LinearMeans, 2, 4)?;
/// let mut owner = Owner::generate(&plan)?;
/// let encrypted = owner.encrypt(&data, &Silent)?;
/// let server = Server::new(owner.plan(), owner.evaluation_keys(&Silent)?)?;
///
/// let mut training = server.begin_passes(&[&encrypted])?;
/// let shares = vec![training.shares(0, 2)?];
/// while let Some(batch) = training.upcoming() {
///     let start = training.start()?;
///     // On any machine with the keys.
///     let mut sums = Vec::new();
///     for share in &shares[batch] {
///         let share = EncryptedDataSet::from_bytes(share, server.parameters())?;
///         sums.push(server.sums_of_pass(&start, &share)?);
///     }
///     training.advance(&[server.join_sums_of_pass(&sums)?])?;
/// }
/// let model = training.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PassTraining {
    evaluator: Evaluator,
    passes: Passes<'static>,
    totals: Vec<Totals>,
    /// Mini-batches, or all samples, until they are shared out.
    batches: Vec<Option<Batch>>,
    origin: Origin,
}

impl Server {
    /// Begins a training in passes.
    ///
    /// # Errors
    /// [`Error`] if samples do not fit the plan, or its learner does not
    /// [train so](tapetum_learn::EstimatorConfig::trains_in_passes).
    pub fn begin_passes(&self, data: &[&EncryptedDataSet]) -> Result<PassTraining> {
        let spec = self.plan.training_spec()?;
        let (parts, origin) = self.checked_parts(&spec, data)?;
        let batches = spec.pass_batches(parts.into_iter().cloned().collect())?;
        let totals = batches
            .iter()
            .map(Totals::of)
            .collect::<Result<Vec<_>, _>>()?;
        let first = totals.first().context("there are no samples")?;
        if totals
            .iter()
            .any(|totals| totals.labels() != first.labels())
        {
            let message = "labels are encrypted in some parts of the data and in the clear in others: encrypt all of \
                           them in the same way";
            return Err(Error::input(message));
        }
        Ok(PassTraining {
            passes: spec.begin_passes(&self.evaluator, first)?,
            evaluator: self.evaluator.clone(),
            totals,
            batches: batches.into_iter().map(Some).collect(),
            origin,
        })
    }

    /// The sums of a share of the samples in the pass that begins so, as bytes.
    ///
    /// # Errors
    /// [`Error`] if the share or the start do not fit the plan, or keys are missing.
    pub fn sums_of_pass(&self, start: &[u8], share: &EncryptedDataSet) -> Result<Vec<u8>> {
        let spec = self.plan.training_spec()?;
        let start = PassStart::from_bundle(Bundle::from_bytes(self.parameters(), start)?)?;
        let (parts, _) = self.checked_parts(&spec, &[share])?;
        let worker = spec.pass_worker(&self.evaluator, start.labels())?;
        let sums = parts
            .into_iter()
            .map(|part| Ok(worker.add_up(&start, part)?));
        let sums = added_up(&self.evaluator, sums)?.context("there are no samples")?;
        Ok(sums.to_bundle()?.to_bytes())
    }

    /// The sums of several shares as one, in the same form.
    ///
    /// # Errors
    /// [`Error`] if there are none, or they do not fit each other.
    pub fn join_sums_of_pass(&self, sums: &[impl AsRef<[u8]>]) -> Result<Vec<u8>> {
        Ok(joined(&self.evaluator, sums)?.to_bundle()?.to_bytes())
    }
}

impl PassTraining {
    /// The number of passes.
    pub fn total(&self) -> usize {
        self.passes.total()
    }

    /// The number of batches that passes go over: mini-batches, or one of all samples.
    pub fn batches(&self) -> usize {
        self.batches.len()
    }

    /// Cuts a batch into up to `count` shares, each a file of encrypted samples with their labels. It is kept no longer.
    ///
    /// # Errors
    /// [`Error`] if there is no such batch, or it has been cut already.
    pub fn shares(&mut self, batch: usize, count: usize) -> Result<Vec<Vec<u8>>> {
        let found = self.batches.get_mut(batch).and_then(Option::take);
        let batch = found.context("there is no such batch, or it has been shared out already")?;
        shares(&batch, self.passes.unit(), count)?
            .into_iter()
            .map(|part| {
                let share = EncryptedDataSet {
                    contributor: String::new(),
                    parts: vec![part],
                    notes: Vec::new(),
                };
                share.to_bytes()
            })
            .collect()
    }

    /// The batch that the next pass goes over; none after the last.
    pub fn upcoming(&self) -> Option<usize> {
        self.passes.upcoming(self.batches.len())
    }

    /// Begins the next pass, after a bootstrap if it needs one: what each share of its batch is added up with, as bytes.
    ///
    /// # Errors
    /// [`Error`] after the last pass, or if a key is missing.
    pub fn start(&mut self) -> Result<Vec<u8>> {
        let batch = self.upcoming().context("there are no passes left")?;
        let start = self.passes.start(&self.totals[batch])?;
        Ok(start.to_bundle(self.evaluator.parameters())?.to_bytes())
    }

    /// Ends the pass with the sums of all shares of its batch, in any order.
    ///
    /// # Errors
    /// [`Error`] if they are not that.
    pub fn advance(&mut self, sums: &[impl AsRef<[u8]>]) -> Result<()> {
        Ok(self.passes.advance(joined(&self.evaluator, sums)?)?)
    }

    /// The model after the last pass.
    ///
    /// # Errors
    /// [`Error`] before it.
    pub fn finish(self) -> Result<Model> {
        let model = self.passes.finish()?;
        Ok(Model::Encrypted(model.with_origin(self.origin).into()))
    }
}

/// Sums of shares from their bytes, added up.
fn joined(evaluator: &Evaluator, sums: &[impl AsRef<[u8]>]) -> Result<PartialSums> {
    let sums = sums.iter().map(|bytes| {
        let bundle = Bundle::from_bytes(evaluator.parameters(), bytes.as_ref())?;
        Ok(PartialSums::from_bundle(bundle)?)
    });
    added_up(evaluator, sums)?.context("there are no sums")
}

fn added_up(
    evaluator: &Evaluator,
    mut sums: impl Iterator<Item = Result<PartialSums>>,
) -> Result<Option<PartialSums>> {
    let Some(first) = sums.next() else {
        return Ok(None);
    };
    let mut all = first?;
    for sums in sums {
        all.add(&sums?, evaluator)?;
    }
    Ok(Some(all))
}
