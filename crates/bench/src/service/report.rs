//! What was measured, as JSON and as text.

use std::fmt;

use serde::Serialize;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where.
    pub machine: String,
    /// One client.
    pub single: Single,
    /// Many at once.
    pub load: Load,
    /// Of the server.
    pub memory: Memory,
}

/// One client that classifies one image after the other.
#[derive(Debug, Serialize)]
pub struct Single {
    /// How many.
    pub images: usize,
    /// Predictions or scores that are not those of the plaintext reference.
    pub wrong: usize,
    /// Bytes of an encrypted image.
    pub bytes: u64,
    /// From the image to the prediction: encryption and decryption included.
    pub end_to_end_ms: Milliseconds,
    /// The server's work: from the queue to the stored score.
    pub computing_ms: Milliseconds,
}

/// Many clients at once.
#[derive(Debug, Serialize)]
pub struct Load {
    /// How many.
    pub clients: u32,
    /// How long.
    pub seconds: f64,
    /// Images whose scores came back.
    pub classified: usize,
    /// The same, a second.
    pub per_second: f64,
    /// Requests that failed.
    pub errors: usize,
    /// Why, of one of them.
    pub first_error: Option<String>,
    /// Predictions or scores that are not those of the plaintext reference.
    pub wrong: usize,
    /// From the encrypted image to the encrypted score.
    pub end_to_end_ms: Milliseconds,
    /// In the server's queue.
    pub waiting_ms: Milliseconds,
    /// The server's work.
    pub computing_ms: Milliseconds,
}

/// How many milliseconds something took.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Milliseconds {
    /// For half of all.
    pub p50: f64,
    /// For 99 of 100.
    pub p99: f64,
    /// At most.
    pub max: f64,
}

/// Memory of the server, in bytes, where it is known.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// Before the load, after half of it, and at its end.
    pub resident: [Option<u64>; 3],
    /// The most.
    pub peak: Option<u64>,
}

impl Report {
    /// What went wrong, if anything.
    pub fn failure(&self) -> Option<String> {
        let (errors, wrong) = (self.load.errors, self.single.wrong + self.load.wrong);
        (errors + wrong > 0).then(|| format!("{errors} errors, {wrong} wrong answers"))
    }
}

impl Milliseconds {
    /// Of a list that is not empty; zeros otherwise.
    pub fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        // The smallest that is not exceeded by this many of a hundred.
        let rank = |percent: usize| (times.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |percent| times.get(rank(percent)).copied().unwrap_or(0.0);
        Self {
            p50: at(50),
            p99: at(99),
            max: at(100),
        }
    }
}

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9.1} {:>9.1} {:>9.1}", self.p50, self.p99, self.max)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (single, load) = (&self.single, &self.load);
        writeln!(
            f,
            "{}\n\nOne client, {} images of {} bytes: {} wrong",
            self.machine, single.images, single.bytes, single.wrong
        )?;
        let head = "milliseconds                     median     99 %      most";
        writeln!(f, "  {head}")?;
        writeln!(
            f,
            "  image to prediction             {}",
            single.end_to_end_ms
        )?;
        writeln!(f, "  the server's work            {}", single.computing_ms)?;
        writeln!(
            f,
            "\n{} clients for {:.0} s: {} images, {:.1} a second; {} errors, {} wrong",
            load.clients, load.seconds, load.classified, load.per_second, load.errors, load.wrong
        )?;
        writeln!(f, "  {head}")?;
        writeln!(f, "  ciphertext to encrypted score{}", load.end_to_end_ms)?;
        writeln!(f, "  in the queue                 {}", load.waiting_ms)?;
        writeln!(f, "  the server's work            {}", load.computing_ms)?;
        if let Some(error) = &load.first_error {
            writeln!(f, "  one of the errors: {error}")?;
        }
        let megabytes = |bytes: Option<u64>| {
            bytes.map_or_else(|| "?".to_owned(), |b| format!("{:.0} MB", b as f64 / 1e6))
        };
        let [before, middle, after] = self.memory.resident.map(megabytes);
        write!(
            f,
            "\nThe server's memory: {before} before, {middle} after half of it, {after} at the end; {} at most",
            megabytes(self.memory.peak)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_list() {
        let all = Milliseconds::of((1..=200).rev().map(f64::from).collect());
        assert_eq!((all.p50, all.p99, all.max), (100.0, 198.0, 200.0));
        let one = Milliseconds::of(vec![7.0]);
        assert_eq!((one.p50, one.p99, one.max), (7.0, 7.0, 7.0));
        let none = Milliseconds::of(Vec::new());
        assert_eq!(none.max, 0.0);
    }
}
