//! Features of several images below each other, as learners take them.
//!
//! The features of one image fill the first slots of its ciphertext, and all others are zero. So images become the rows of
//! a matrix by rotations and sums, and no level is used up.

use tapetum_ckks::{Ciphertext, Evaluator};

use crate::encrypted::EncryptedScores;
use crate::error::{NetworkError, Result};
use crate::plan::{Answer, NetworkPlan};

/// The rotations that [`features_in_rows`] takes the keys of, in slots to the left.
///
/// # Errors
/// As [`features_in_rows`].
pub fn row_rotations(plan: &NetworkPlan, width: usize) -> Result<Vec<i64>> {
    let (rows, _) = shape(plan, width)?;
    let steps = (0..rows.ilog2()).map(|k| -((width << k) as i64));
    Ok(steps.collect())
}

/// The features of images, for a plan whose answer is features, as rows of `width` slots, image after image, at the level that
/// the plan leaves; slots behind the last image are zero. Each value is [`NetworkPlan::feature_factor`] times the feature. Behind the features of an
/// image stands a 1 if there is a `constant` one, for an intercept.
///
/// Range flags, which networks with ReLU give beside their features, are not looked at: the owner decrypts them.
///
/// # Errors
/// If the plan's answer is something else, the width is not a power of two or too small or large, there are no features,
/// or they are of another plan, or a key of [`row_rotations`] is missing.
pub fn features_in_rows(
    plan: &NetworkPlan,
    features: &[EncryptedScores],
    (width, constant): (usize, bool),
    evaluator: &Evaluator,
) -> Result<Vec<Ciphertext>> {
    let (rows, levels) = shape(plan, width)?;
    let values = plan.scores() + usize::from(constant);
    if values > width || features.is_empty() {
        return Err(NetworkError::Features(format!(
            "{} images with {values} features each do not make rows of {width}",
            features.len()
        )));
    }
    let of_plan = features.iter().map(|one| Ok(one.of(plan)?.0));
    let of_plan = of_plan.collect::<Result<Vec<_>>>()?;
    let blocks = of_plan.chunks(rows).map(|images| -> Result<Ciphertext> {
        let lowered = images.iter().map(|image| evaluator.lower_to(image, levels));
        let mut sums = lowered.collect::<Result<Vec<_>, _>>()?;
        let mut apart = width;
        while sums.len() > 1 {
            let pairs = sums.chunks(2).map(|pair| -> Result<Ciphertext> {
                let [first, second] = pair else {
                    return Ok(pair[0].clone());
                };
                let moved = evaluator.rotate(second, -(apart as i64))?;
                Ok(evaluator.add(first, &moved)?)
            });
            sums = pairs.collect::<Result<_>>()?;
            apart *= 2;
        }
        let block = sums.swap_remove(0);
        if !constant {
            return Ok(block);
        }
        let mut ones = vec![0.0; rows * width];
        for row in 0..images.len() {
            ones[row * width + plan.scores()] = 1.0;
        }
        let ones = evaluator.encoder().encode(&ones, block.level())?;
        Ok(evaluator.add_plain(&block, &ones)?)
    });
    blocks.collect()
}

/// How many rows of this width a ciphertext has, and the level of features.
fn shape(plan: &NetworkPlan, width: usize) -> Result<(usize, usize)> {
    let Answer::Features { levels } = plan.answer() else {
        return Err(NetworkError::Features(
            "the plan is not for features: plan the network with levels left".to_owned(),
        ));
    };
    let slots = plan.parameters()?.slots();
    if !width.is_power_of_two() || width < plan.scores() || width > slots {
        return Err(NetworkError::Features(format!(
            "the width of a row is {width}: it must be a power of two, from the number of features, {}, to that of slots, \
             {slots}",
            plan.scores()
        )));
    }
    Ok((slots / width, levels))
}
