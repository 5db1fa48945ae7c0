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
    /// The same under attack, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attacked: Option<Attacked>,
}

/// Many clients at once beside attackers.
#[derive(Debug, Serialize)]
pub struct Attacked {
    /// The clients.
    pub load: Load,
    /// Of the server.
    pub memory: Memory,
    /// The attackers.
    pub attack: Attack,
}

/// What attackers did.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Attack {
    /// Connections that were opened to say nothing.
    pub silent_connections: u64,
    /// Uploads that sent a byte a second until the server ended them.
    pub dripping_uploads: u64,
    /// Parts with a changed byte that were refused.
    pub malformed_refused: u64,
    /// Parts with a changed byte that were accepted.
    pub malformed_accepted: u64,
}

/// How much longer the slowest answers may take under attack, and how much more memory the server may need.
const MOST_LONGER: f64 = 3.0;
const MOST_MEMORY: f64 = 1.5;
/// The most memory that it may need, in bytes.
const MEMORY: u64 = 2_000_000_000;

impl Attacked {
    /// How much longer the 99th percentile is than without attackers, and how much larger the largest memory.
    fn factors(&self, load: &Load, memory: &Memory) -> (f64, Option<f64>) {
        let of = |load: &Load| load.end_to_end_ms.p99;
        let memory = self.memory.largest.zip(memory.largest);
        (
            of(&self.load) / of(load).max(1e-9),
            memory.map(|(with, without)| with as f64 / without.max(1) as f64),
        )
    }

    fn failure(&self, load: &Load, memory: &Memory) -> Option<String> {
        let (longer, more) = self.factors(load, memory);
        let accepted = self.attack.malformed_accepted;
        Some(if accepted > 0 {
            format!("{accepted} malformed parts were accepted")
        } else if longer > MOST_LONGER {
            format!("99 % of the answers took {longer:.1} times as long under attack")
        } else if more.is_some_and(|more| more > MOST_MEMORY) {
            format!(
                "the server needed {:.2} times the memory under attack",
                more.unwrap_or(0.0)
            )
        } else if self.memory.largest.is_some_and(|bytes| bytes > MEMORY) {
            "the server needed more than 2 GB under attack".to_owned()
        } else {
            return None;
        })
    }
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
    /// The most of these that was seen, once a second.
    pub largest: Option<u64>,
    /// The most since the server started.
    pub peak: Option<u64>,
}

impl Report {
    /// What went wrong, if anything.
    pub fn failure(&self) -> Option<String> {
        let attacked = self.attacked.as_ref();
        let errors = self.load.errors + attacked.map_or(0, |a| a.load.errors);
        let wrong = self.load.wrong + attacked.map_or(0, |a| a.load.wrong) + self.single.wrong;
        if errors + wrong > 0 {
            return Some(format!("{errors} errors, {wrong} wrong answers"));
        }
        attacked.and_then(|attacked| attacked.failure(&self.load, &self.memory))
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

/// Above times.
const HEAD: &str = "milliseconds                     median     99 %      most";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let single = &self.single;
        writeln!(
            f,
            "{}\n\nOne client, {} images of {} bytes: {} wrong",
            self.machine, single.images, single.bytes, single.wrong
        )?;
        writeln!(f, "  {HEAD}")?;
        writeln!(
            f,
            "  image to prediction             {}",
            single.end_to_end_ms
        )?;
        writeln!(f, "  the server's work            {}", single.computing_ms)?;
        describe(f, &self.load, &self.memory)?;
        let Some(attacked) = &self.attacked else {
            return Ok(());
        };
        let attack = attacked.attack;
        writeln!(
            f,
            "\n\nUnder attack: {} silent connections, {} dripping uploads, {} malformed parts ({} accepted)",
            attack.silent_connections,
            attack.dripping_uploads,
            attack.malformed_refused + attack.malformed_accepted,
            attack.malformed_accepted
        )?;
        describe(f, &attacked.load, &attacked.memory)?;
        let (longer, more) = attacked.factors(&self.load, &self.memory);
        let more = more.map_or_else(|| "?".to_owned(), |more| format!("{more:.2}"));
        write!(
            f,
            "\n99 % took {longer:.2} times as long, the memory was {more} times as large"
        )
    }
}

fn describe(f: &mut fmt::Formatter<'_>, load: &Load, memory: &Memory) -> fmt::Result {
    writeln!(
        f,
        "\n{} clients for {:.0} s: {} images, {:.1} a second; {} errors, {} wrong",
        load.clients, load.seconds, load.classified, load.per_second, load.errors, load.wrong
    )?;
    writeln!(f, "  {HEAD}")?;
    writeln!(f, "  ciphertext to encrypted score{}", load.end_to_end_ms)?;
    writeln!(f, "  in the queue                 {}", load.waiting_ms)?;
    writeln!(f, "  the server's work            {}", load.computing_ms)?;
    if let Some(error) = &load.first_error {
        writeln!(f, "  one of the errors: {error}")?;
    }
    let megabytes = |bytes: Option<u64>| {
        bytes.map_or_else(|| "?".to_owned(), |b| format!("{:.0} MB", b as f64 / 1e6))
    };
    let [before, middle, after] = memory.resident.map(megabytes);
    write!(
        f,
        "\nThe server's memory: {before} before, {middle} after half of it, {after} at the end; {} at most",
        megabytes(memory.peak)
    )
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
