//! Labels in place of scores: where the largest score is, found under encryption.
//!
//! Two scores are compared with each other, so that each of their slots tells whether its score is the larger one. More
//! are compared in pairs ([`ArgmaxPlan`]). What comes out is near 0 and 1 up to an error that depends on the
//! margin, so it is cleaned, and noise is added that drowns the rest.

use tapetum_ckks::{ArgmaxPlan, Ciphertext, Evaluator, Precision};

use crate::error::{NetworkError, Result};

/// The noise that the server adds to labels is at least so wide, far above that of encryption, and at least so many times
/// what cleaning leaves of the error.
const LEAST_DEVIATION: f64 = 1.0 / 4096.0;
const TIMES_ERROR: f64 = 16.0;
/// It is at most this: labels must stay what they are.
const LARGEST_DEVIATION: f64 = 1.0 / 64.0;

/// Coarser comparisons of ten scores leave an error that is too large to be cleaned.
const LEAST_BITS: u32 = 6;
/// Finer ones take more levels than most networks.
const MOST_BITS: u32 = 10;
/// Of a hundred calibration images one may be undecided.
const IMAGES_PER_UNDECIDED: usize = 100;

/// Refuses a number of scores that cannot be compared.
pub(crate) fn check(count: usize) -> Result<()> {
    match (2..=ArgmaxPlan::MAX_COUNT).contains(&count) {
        true => Ok(()),
        false => Err(NetworkError::Labels(count)),
    }
}

/// Nothing for two scores, which take no masks.
pub(crate) fn argmax(count: usize, precision: Precision) -> Option<ArgmaxPlan> {
    (count > 2).then(|| ArgmaxPlan::new(count, precision).ok())?
}

/// The levels of the comparison.
pub(crate) fn levels(count: usize, precision: Precision) -> usize {
    argmax(count, precision).map_or(precision.levels(), |plan| plan.levels())
}

/// The rotations whose keys it needs.
pub(crate) fn rotations(count: usize, precision: Precision) -> Vec<i64> {
    argmax(count, precision).map_or(vec![1], |plan| plan.rotations())
}

/// The slots from one repetition of the scores to the next.
pub(crate) fn stride(count: usize, precision: Precision) -> usize {
    argmax(count, precision).map_or(2, |plan| plan.stride())
}

/// How wide the noise is that the server adds.
pub(crate) fn deviation(count: usize, precision: Precision) -> f64 {
    let error = match argmax(count, precision) {
        Some(plan) => plan.error(),
        None => 0.5 * precision.error(),
    };
    let left = 35.0 * error.powi(4) * (1.0 + error).powi(3);
    (TIMES_ERROR * left).clamp(LEAST_DEVIATION, LARGEST_DEVIATION)
}

/// Which of two scores, which fill all slots in turns, is the larger one.
pub(crate) fn larger_of_two(
    evaluator: &Evaluator,
    scores: &Ciphertext,
    precision: Precision,
) -> Result<Ciphertext> {
    let others = evaluator.rotate(scores, 1)?;
    Ok(evaluator.greater_than(scores, &others, precision)?)
}

/// The same in the clear, of any number of scores.
pub(crate) fn largest_clear(scores: &[f64], precision: Precision) -> Vec<f64> {
    let wins = |i: usize| {
        let others = (0..scores.len()).filter(|&j| j != i);
        let won = others.map(|j| precision.greater_than_clear(scores[i], scores[j]));
        won.product()
    };
    (0..scores.len()).map(wins).collect()
}

/// [`Evaluator::clean`] in the clear.
pub(crate) fn clean_clear(x: f64) -> f64 {
    x.powi(4) * (35.0 + x * (-84.0 + x * (70.0 - 20.0 * x)))
}

/// The precisions to be tried for images with such scores, which are as large as they are compared. The first is the
/// coarsest, hence the cheapest, that tells the largest score of all but one in a hundred images from the others; those
/// after it are coarser.
pub(crate) fn precisions(scores: &[Vec<f64>]) -> impl Iterator<Item = Precision> {
    let all = Precision::all().filter(|p| (LEAST_BITS..=MOST_BITS).contains(&p.bits()));
    let enough = |p: &Precision| undecided(scores, *p) * IMAGES_PER_UNDECIDED <= scores.len();
    let all: Vec<Precision> = all.collect();
    let first = all.iter().position(enough).unwrap_or(all.len() - 1);
    all.into_iter().take(first + 1).rev()
}

/// How many images have two scores at the top that this precision does not tell apart.
fn undecided(scores: &[Vec<f64>], precision: Precision) -> usize {
    let margin = |scores: &Vec<f64>| {
        let mut sorted = scores.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        match sorted[..] {
            [first, second, ..] => first - second,
            _ => 0.0,
        }
    };
    let near = scores
        .iter()
        .map(margin)
        .filter(|&m| m < precision.threshold());
    near.count()
}

#[cfg(test)]
mod tests {
    use tapetum_ckks::{Decryptor, Encryptor, SecretKey};

    use super::*;
    use crate::graph::{Dense, Graph, Operation, Shape, Tensor};
    use crate::passes::testing::{chain, convolution, dense};
    use crate::{
        Answer, Network, NetworkPlan, Scores, decrypt_scores, encrypt_image, evaluation_keys,
        largest,
    };

    /// Scores that are the values of the image.
    fn identity(count: usize) -> Graph {
        let shape = Shape::new(vec![count, count]).unwrap();
        let one = |i: usize| f64::from(u8::from(i.is_multiple_of(count + 1)));
        let weights = Tensor::new(shape, (0..count * count).map(one).collect()).unwrap();
        let bias = vec![0.0; count];
        chain(&[1, count], vec![Operation::Dense(Dense { weights, bias })])
    }

    /// The labels of encrypted images.
    fn labels(network: &Network, plan: &NetworkPlan, images: &[Vec<f64>]) -> Vec<Result<Scores>> {
        let secret = SecretKey::generate(&plan.parameters().unwrap()).unwrap();
        let evaluator = Evaluator::with_keys(evaluation_keys(plan, &secret).unwrap());
        let server = network.encode(plan).unwrap();
        let one = |image: &Vec<f64>| {
            let image = encrypt_image(plan, image, &Encryptor::with_secret_key(&secret))?;
            let scores = server.classify(&evaluator, &image, &mut |_| ())?;
            decrypt_scores(plan, &scores, &Decryptor::new(&secret))
        };
        images.iter().map(one).collect()
    }

    #[test]
    fn labels_of_two_and_of_more_scores() {
        for count in [2, 3] {
            let network = Network::from(identity(count));
            let image = |largest: usize, by: f64| -> Vec<f64> {
                let value = |i: usize| {
                    if i == largest {
                        1.0
                    } else {
                        1.0 - by - 0.1 * i as f64
                    }
                };
                (0..count).map(value).collect()
            };
            let calibration: Vec<_> = (0..count).map(|i| image(i, 1.0)).collect();
            let planned = network.planned([-100.0, 100.0], &calibration, Answer::Labels);
            let (plan, polynomials) = planned.unwrap();
            assert_eq!((plan.answer(), plan.scores()), (Answer::Labels, count));
            let mut images: Vec<_> = (0..count).map(|i| image(i, 0.6)).collect();
            // Nearer to each other than what is told apart, and larger than what can be compared.
            images.push(vec![0.7; count]);
            images.push(image(0, 90.0));
            let found = labels(&network, &plan, &images);
            for (i, image) in images[..count].iter().enumerate() {
                let found = found[i].as_ref().unwrap();
                assert!(found.is_decided() && found.values().is_empty(), "{found:?}");
                assert_eq!(found.label(), i);
                let clear = polynomials.scores(image).unwrap();
                assert!(clear.decided && clear.scores[i] > 0.9, "{clear:?}");
                assert_eq!(largest(&clear.scores), i);
            }
            assert!(!found[count].as_ref().unwrap().is_decided());
            assert!(!polynomials.scores(&images[count]).unwrap().decided);
            let beyond = &found[count + 1];
            assert!(
                matches!(beyond, Err(NetworkError::OutOfRange)),
                "{beyond:?}"
            );
        }
    }

    /// With a polynomial before, and scores that are not by themselves small.
    #[test]
    fn a_network_answers_with_labels() {
        let flat = Operation::Reshape(Shape::new(vec![1, 32]).unwrap());
        let operations = vec![convolution(2, 1), Operation::Square, flat, dense(2, 32)];
        let network = Network::from(chain(&[1, 1, 4, 4], operations));
        let images: Vec<Vec<f64>> = (0..6)
            .map(|i| {
                (0..16)
                    .map(|j| f64::from((i * 7 + j * (i + 3)) % 11) / 10.0)
                    .collect()
            })
            .collect();
        let (plan, _) = network
            .planned([0.0, 1.0], &images, Answer::Labels)
            .unwrap();
        // What has been planned is planned again by who evaluates it.
        network.check_plan(&plan).unwrap();
        assert_ne!(plan, network.plan([0.0, 1.0], &images).unwrap());
        for (found, image) in labels(&network, &plan, &images[..3]).iter().zip(&images) {
            let found = found.as_ref().unwrap();
            assert_eq!(found.label(), largest(&network.scores(image).unwrap()));
        }
    }

    #[test]
    fn plans_that_compare_what_cannot_be_compared_are_refused() {
        let network = Network::from(identity(2));
        let calibration = [vec![1.0, 0.0]];
        let plan = network.planned([0.0, 1.0], &calibration, Answer::Labels);
        let text = serde_json::to_string(&plan.unwrap().0).unwrap();
        for (from, to) in [
            ("\"Clean\":{\"source\":2}", "\"Clean\":{\"source\":1}"),
            ("\"count\":2", "\"count\":3"),
            ("\"count\":2", "\"count\":18446744073709551615"),
            ("\"bits\":6", "\"bits\":60"),
        ] {
            let damaged = text.replace(from, to);
            assert_ne!(damaged, text, "{from} is not in {text}");
            let damaged: NetworkPlan = serde_json::from_str(&damaged).unwrap();
            assert!(damaged.check().is_err(), "{to}");
        }
        let none = network.planned([0.0, 1.0], &[], Answer::Labels);
        assert!(matches!(none, Err(NetworkError::Calibration)));
        let one = Network::from(chain(&[1, 2], vec![dense(1, 2)]));
        let one = one.planned([0.0, 1.0], &calibration, Answer::Labels);
        assert!(matches!(one, Err(NetworkError::Labels(1))));
    }

    #[test]
    fn cleaning_in_the_clear_is_that_of_the_scheme() {
        for (x, y) in [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5)] {
            assert!((clean_clear(x) - y).abs() < 1e-12);
        }
        // Errors of the fourth order are left.
        assert!(clean_clear(0.9) > 0.997 && clean_clear(0.1) < 0.003);
    }

    #[test]
    fn the_coarsest_precision_that_decides_is_tried_first() {
        let bits = |margin: f64| -> Vec<u32> {
            let scores = vec![vec![0.25, 0.25 - margin]; 10];
            precisions(&scores).map(Precision::bits).collect()
        };
        assert_eq!(bits(0.2), [6]);
        assert_eq!(bits(0.005), [8, 7, 6]);
        assert_eq!(bits(0.0), [10, 9, 8, 7, 6]);
    }
}
