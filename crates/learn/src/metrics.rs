//! How good a classifier is on samples whose classes are known.

use serde::Serialize;

use crate::error::{Result, check_equal};
use crate::labels::ClassLabels;
use crate::plain_model::classes_of;

/// Figures of merit of scores against true classes, in the terms of scikit-learn. Of held-out
/// samples only are they worth quoting.
///
/// ```
/// use tapetum_learn::{ClassLabels, Metrics};
///
/// let labels = ClassLabels::new(vec![true, true, false, false])?;
/// let found = Metrics::new(&[1.5, -0.5, 0.25, -2.0], &labels)?;
/// assert_eq!(found.confusion, [[1, 1], [1, 1]]);
/// assert_eq!((found.accuracy, found.balanced_accuracy, found.roc_auc), (0.5, 0.5, Some(0.75)));
/// # Ok::<(), tapetum_learn::LearnError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// The share of right predictions.
    pub accuracy: f64,
    /// The mean over the true classes that occur of the share that is right: what accuracy would
    /// be if all classes were equally frequent.
    pub balanced_accuracy: f64,
    /// The probability that a sample of a class has a higher score for it than one of the others,
    /// ties counting half (the area under the ROC curve); of more than two classes the mean over
    /// them. None if a class or its opposite does not occur.
    pub roc_auc: Option<f64>,
    /// How many samples of each true class (outer index) were found to be in each class.
    pub confusion: Vec<Vec<u64>>,
}

impl Metrics {
    /// Of one score a sample, positive for the positive class of two, or of one score a class,
    /// sample after sample, of which the largest wins.
    ///
    /// # Errors
    /// [`LearnError::Shape`](crate::LearnError::Shape) unless there are as many scores for each sample.
    pub fn new(scores: &[f64], labels: &ClassLabels) -> Result<Self> {
        let classes = labels.classes();
        let outputs = match scores.len() == labels.len() {
            true if classes == 2 => 1,
            _ => classes,
        };
        check_equal("scores", labels.len() * outputs, scores.len())?;
        let mut confusion = vec![vec![0; classes]; classes];
        let predictions = classes_of(scores, outputs);
        for (&truth, &prediction) in labels.as_slice().iter().zip(&predictions) {
            confusion[usize::from(truth)][usize::from(prediction)] += 1;
        }
        let right: u64 = (0..classes).map(|class| confusion[class][class]).sum();
        let recalls: Vec<f64> = (confusion.iter().enumerate())
            .map(|(class, row)| (row[class] as f64, row.iter().sum::<u64>() as f64))
            .filter(|&(_, samples)| samples > 0.0)
            .map(|(right, samples)| right / samples)
            .collect();
        let area = |output: usize| {
            // A lone score is that of class 1.
            let class = if outputs == 1 { 1 } else { output };
            let scores = scores.iter().skip(output).step_by(outputs).copied();
            let labels = labels.as_slice().iter();
            let is_class: Vec<bool> = labels.map(|&label| usize::from(label) == class).collect();
            roc_auc(&scores.collect::<Vec<_>>(), &is_class)
        };
        let areas: Option<Vec<f64>> = (0..outputs).map(area).collect();
        Ok(Self {
            accuracy: right as f64 / labels.len() as f64,
            balanced_accuracy: recalls.iter().sum::<f64>() / recalls.len() as f64,
            roc_auc: areas.map(|areas| areas.iter().sum::<f64>() / outputs as f64),
            confusion,
        })
    }
}

/// The area under the ROC curve from the ranks of the positive scores (Mann and Whitney 1947), in
/// time m log m.
fn roc_auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let positives = positive.iter().filter(|&&p| p).count() as f64;
    let negatives = scores.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    // Twice the number of negatives below each positive, of equal ones half.
    let (mut twice_wins, mut below) = (0.0, 0.0);
    for ties in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let positives = ties.iter().filter(|&&i| positive[i]).count() as f64;
        let negatives = ties.len() as f64 - positives;
        twice_wins += positives * (2.0 * below + negatives);
        below += negatives;
    }
    Some(twice_wins / (2.0 * positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(scores: &[f64], labels: &[u8], classes: usize) -> Result<Metrics> {
        Metrics::new(scores, &ClassLabels::of_classes(labels.to_vec(), classes)?)
    }

    #[test]
    fn ties_count_half_and_order_does_not_matter() {
        let found = metrics(&[0.0, 0.0, 1.0], &[0, 1, 1], 2).unwrap();
        assert_eq!(found.roc_auc, Some(0.75));
        let found = metrics(&[-3.0, -1.0, -2.0], &[0, 1, 1], 2).unwrap();
        assert_eq!(found.roc_auc, Some(1.0));
        assert_eq!(found.confusion, [[1, 0], [2, 0]]);
        assert_eq!(found.balanced_accuracy, 0.5);
        let one_class = metrics(&[1.0, 2.0], &[1, 1], 2).unwrap();
        assert_eq!(
            (one_class.roc_auc, one_class.balanced_accuracy),
            (None, 1.0)
        );
    }

    #[test]
    fn many_classes_agree_with_a_count_by_hand() {
        let scores = [
            [0.7, 0.2, 0.1], // 0: right
            [0.3, 0.6, 0.1], // 0: wrong
            [0.1, 0.8, 0.1], // 1: right
            [0.2, 0.3, 0.5], // 2: right
            [0.4, 0.3, 0.3], // 2: wrong
        ];
        let found = metrics(&scores.concat(), &[0, 0, 1, 2, 2], 3).unwrap();
        assert_eq!(found.confusion, [[1, 1, 0], [0, 1, 0], [1, 0, 1]]);
        assert_eq!(found.accuracy, 0.6);
        assert!((found.balanced_accuracy - (0.5 + 1.0 + 0.5) / 3.0).abs() < 1e-15);
        // Right pairs: of class 0 five of six, of class 1 four of four, of class 2 six of six.
        let area = (5.0 / 6.0 + 1.0 + 1.0) / 3.0;
        assert!((found.roc_auc.unwrap() - area).abs() < 1e-15);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(metrics(&[1.0, 2.0, 3.0], &[0, 1], 2).is_err());
        assert!(metrics(&[1.0, 2.0, 3.0], &[0, 1, 2], 3).is_err());
        assert!(metrics(&[], &[0], 2).is_err());
    }
}
