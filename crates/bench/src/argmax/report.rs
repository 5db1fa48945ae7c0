//! What the encrypted labels are worth, beside their plaintext reference.

use std::fmt;

use serde::Serialize;

use crate::report::Rows;

/// One set of images.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The operation.
    pub op: &'static str,
    /// The set.
    pub data: String,
    /// What was taken from each image.
    pub features: String,
    /// How many numbers that is.
    pub columns: usize,
    /// Classes.
    pub classes: usize,
    /// Images that the plain model was trained on.
    pub train_images: usize,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// log2 of Q P.
    pub log_qp: f64,
    /// By the security table.
    pub security_bits: u32,
    /// Levels used up.
    pub levels: usize,
    /// Threads that computed.
    pub threads: usize,
    /// Scores are compared to 2^-this of their range.
    pub precision_bits: u32,
    /// Seconds of each step, on the wall's clock.
    pub seconds: Seconds,
    /// The server's CPU time, scores and labels, for each image.
    pub server_cpu_ms_per_image: f64,
    /// What came out.
    #[serde(flatten)]
    pub judged: Judged,
}

/// Seconds of each step.
#[derive(Debug, Default, Serialize)]
pub struct Seconds {
    /// Client: keys.
    pub keygen: f64,
    /// Client: images.
    pub encrypt: f64,
    /// Server: scores.
    pub score: f64,
    /// Server: labels.
    pub argmax: f64,
    /// Client: labels.
    pub decrypt: f64,
}

/// Encrypted labels against clear scores.
#[derive(Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Held-out images.
    pub test_images: usize,
    /// Images whose two best scores differ by more than this part of the range are decided.
    pub gap: f64,
    /// How many.
    pub decided: usize,
    /// The others.
    pub within_gap: usize,
    /// Decided images without the one-hot vector of their clear scores.
    pub wrong_decided: usize,
    /// Images with scores further apart than their range: nothing is promised for them.
    pub out_of_range: usize,
    /// The largest distance from 0 or 1 among decided images.
    pub largest_error: f64,
    /// What it may be.
    pub stated_error: f64,
    /// The share of images whose label is right.
    pub accuracy_encrypted: f64,
    /// That of the plaintext reference.
    pub accuracy_clear: f64,
}

/// Holds one-hot vectors against scores in the clear, divided by their range.
pub fn judge(
    found: &[Vec<f64>],
    clear: &[Vec<f64>],
    truth: &[usize],
    gap: f64,
    stated_error: f64,
) -> Judged {
    let mut judged = Judged {
        test_images: found.len(),
        gap,
        decided: 0,
        within_gap: 0,
        wrong_decided: 0,
        out_of_range: 0,
        largest_error: 0.0,
        stated_error,
        accuracy_encrypted: 0.0,
        accuracy_clear: 0.0,
    };
    for ((found, clear), truth) in found.iter().zip(clear).zip(truth) {
        let mut order: Vec<usize> = (0..clear.len()).collect();
        order.sort_by(|&i, &j| clear[j].total_cmp(&clear[i]));
        let (best, second, last) = (order[0], order[1], order[clear.len() - 1]);
        let share = 1.0 / judged.test_images as f64;
        let label = (0..found.len()).max_by(|&i, &j| found[i].total_cmp(&found[j]));
        judged.accuracy_clear += if best == *truth { share } else { 0.0 };
        judged.accuracy_encrypted += if label == Some(*truth) { share } else { 0.0 };
        if clear[best] - clear[last] > 1.0 {
            judged.out_of_range += 1;
        } else if clear[best] - clear[second] <= gap {
            judged.within_gap += 1;
        } else {
            judged.decided += 1;
            let one_hot = |i: usize| if i == best { 1.0 } else { 0.0 };
            let errors = found
                .iter()
                .enumerate()
                .map(|(i, x)| (x - one_hot(i)).abs());
            let error = errors.fold(0.0, f64::max);
            judged.largest_error = judged.largest_error.max(error);
            judged.wrong_decided += usize::from(error > stated_error);
        }
    }
    judged
}

impl fmt::Display for Rows<Row> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let Row {
                judged, seconds, ..
            } = row;
            let images = judged.test_images as f64;
            writeln!(
                f,
                "\n{}: {} held-out images of {} classes, {} features ({}); model trained on {}\n\
                 N = 2^{}, {} levels, {}-bit security, {} threads\n\
                 right: {:.2} % encrypted, {:.2} % in the clear\n\
                 decided (best scores apart by more than {:.4} of their range): {}, {} of them \
                 wrong; largest error {:.1e} of {:.1e}\n\
                 within the gap: {}; out of range: {}",
                row.data,
                judged.test_images,
                row.classes,
                row.columns,
                row.features,
                row.train_images,
                row.log_n,
                row.levels,
                row.security_bits,
                row.threads,
                100.0 * judged.accuracy_encrypted,
                100.0 * judged.accuracy_clear,
                judged.gap,
                judged.decided,
                judged.wrong_decided,
                judged.largest_error,
                judged.stated_error,
                judged.within_gap,
                judged.out_of_range
            )?;
            writeln!(
                f,
                "keys {:.1} s, encryption {:.1} s, scores {:.1} s, labels {:.1} s, decryption \
                 {:.2} s;\nthe server takes {:.2} ms an image, {:.2} ms of CPU",
                seconds.keygen,
                seconds.encrypt,
                seconds.score,
                seconds.argmax,
                seconds.decrypt,
                1e3 * (seconds.score + seconds.argmax) / images,
                row.server_cpu_ms_per_image
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_decided_near_or_out_of_range() {
        let clear = [
            vec![0.5, 0.1, 0.0],
            vec![0.1, 0.105, 0.0],
            vec![1.0, 0.0, -0.1],
            vec![0.0, 0.4, 0.1],
        ];
        let found = [
            vec![0.99, 0.01, 0.0],
            vec![0.4, 0.5, 0.0],
            vec![7.0, 0.0, 0.0],
            vec![0.5, 0.5, 0.0],
        ];
        let judged = judge(&found, &clear, &[0, 0, 0, 1], 0.01, 0.02);
        let counts = (judged.decided, judged.within_gap, judged.out_of_range);
        assert_eq!((counts, judged.wrong_decided), ((2, 1, 1), 1));
        assert_eq!((judged.largest_error, judged.accuracy_clear), (0.5, 0.75));
    }
}
