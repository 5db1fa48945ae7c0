//! `demo --argmax`: what leaves the server is a label for each image, and no score.

use serde::Serialize;
use tapetum::ckks::Precision;
use tapetum::learn::ScoreThreshold;
use tapetum::owner::Answer;
use tapetum::simulate::Reference;
use tapetum::vision::DataSet;
use tapetum::{Plan, Result};

/// New images may have larger scores than those trained on.
const MARGIN: f64 = 1.5;
/// What encryption adds to the error of a prediction, at most.
const NOISE: f64 = 1.0 / 65536.0;
/// How far encrypted scores may be from clear ones: what CKKS adds in training and classification.
const SCORE_ERROR: f64 = 1e-3;

/// The plan with predictions. The owner, who has the images to train on, knows from the reference how
/// large scores will be; rounded up to a power of two, that tells the server next to nothing.
pub fn agree(plan: Plan, train: &DataSet, precision: Precision) -> Result<Plan> {
    let reference = Reference::run(&plan, &plan.fit(train)?, train, train)?;
    reference.ranges.check()?;
    let largest = reference.scores.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    let bound = (MARGIN * largest).log2().ceil().exp2();
    plan.with_threshold(train.len(), ScoreThreshold::new(bound, precision)?)
}

/// What the predictions are worth, and that they tell nothing else.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Predictions {
    /// The public bound of scores.
    pub score_bound: f64,
    /// Scores are compared to 2^-this of the bound.
    pub precision_bits: u32,
    /// Scores nearer to zero than this are undecided.
    pub gap: f64,
    /// Images with decided scores.
    pub decided: usize,
    /// The others.
    pub within_gap: usize,
    /// Images with scores beyond the bound: nothing is promised for them.
    pub out_of_range: usize,
    /// Decided images whose prediction is further from that of the clear score than is stated.
    pub wrong_decided: usize,
    /// The largest distance of a decided prediction from 0 or 1.
    pub largest_error: f64,
    /// The largest magnitude in a slot that is no prediction.
    pub largest_elsewhere: f64,
    /// What both may be.
    pub stated_error: f64,
}

/// Holds decrypted predictions, less 1/2, against clear scores.
pub fn judge(
    threshold: &ScoreThreshold,
    answer: &Answer,
    found: &[f64],
    clear: &[f64],
) -> Predictions {
    let mut judged = Predictions {
        score_bound: threshold.bound(),
        precision_bits: threshold.precision().bits(),
        gap: threshold.gap(),
        decided: 0,
        within_gap: 0,
        out_of_range: 0,
        wrong_decided: 0,
        largest_error: 0.0,
        largest_elsewhere: answer.largest_elsewhere(),
        stated_error: threshold.error() + threshold.noise() + NOISE,
    };
    for (found, clear) in found.iter().zip(clear) {
        if clear.abs() > judged.score_bound {
            judged.out_of_range += 1;
        } else if clear.abs() < judged.gap + SCORE_ERROR {
            judged.within_gap += 1;
        } else {
            judged.decided += 1;
            let error = (found - 0.5 * clear.signum()).abs();
            judged.largest_error = judged.largest_error.max(error);
            judged.wrong_decided += usize::from(error > judged.stated_error);
        }
    }
    judged
}
