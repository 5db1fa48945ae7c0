//! Every target on its seeds and on mutated ones. This needs no fuzzer, and fails where one would.
//! `FUZZ_ROUNDS=100` makes it a hundred times as long, and `FUZZ_TARGET=onnx` mutates the seeds of one target alone.

use std::fs;
use std::path::Path;

use tapetum_fuzz::TARGETS;

#[test]
fn seeds_get_past_the_first_check() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        let accepted = seeds.iter().filter(|seed| (target.run)(seed)).count();
        println!(
            "{}: {accepted} of {} seeds are accepted",
            target.name,
            seeds.len()
        );
        assert!(accepted > 0, "{}", target.name);
    }
}

#[test]
fn mutated_seeds_are_refused_or_read() {
    std::thread::scope(|scope| {
        let wanted = std::env::var("FUZZ_TARGET");
        let others = |i: &usize| wanted.as_ref().is_ok_and(|name| name != TARGETS[*i].name);
        let targets = (0..TARGETS.len()).filter(|i| !others(i));
        let (even, odd): (Vec<_>, Vec<_>) = targets.partition(|i| i % 2 == 0);
        assert!(!even.is_empty() || !odd.is_empty(), "{wanted:?}");
        for targets in [even, odd] {
            scope.spawn(move || targets.into_iter().for_each(mutate));
        }
    });
}

fn mutate(index: usize) {
    let target = &TARGETS[index];
    let seeds = (target.seeds)();
    let mut random = Random(index as u64);
    let rounds = std::env::var("FUZZ_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number"));
    let started = std::time::Instant::now();
    for round in 0..rounds * target.mutations {
        let seed = &seeds[round % seeds.len()];
        let other = &seeds[random.below(seeds.len())];
        let input = random.mutated(seed, other);
        let ran = std::panic::catch_unwind(|| (target.run)(&input));
        assert!(ran.is_ok(), "{}: round {round}: {input:?}", target.name);
    }
    println!("{}: {:.1?}", target.name, started.elapsed());
}

/// For `cargo fuzz`, which begins with what is in `corpus/`.
#[test]
#[ignore = "writes files"]
fn write_seeds() {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(target.name);
        fs::create_dir_all(&folder).unwrap();
        for (i, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{i}")), seed).unwrap();
        }
    }
}

/// The same in every run (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One to four changes, of the kinds that a fuzzer makes.
    fn mutated(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        const BYTES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b',', b'9'];
        let mut input = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len());
            let rest = input.len() - at;
            match self.below(8) {
                0 => input.truncate(at),
                1 => input.insert(at, BYTES[self.below(BYTES.len())]),
                2 if rest > 0 => drop(input.drain(at..at + 1 + self.below(rest.min(8)))),
                3 => {
                    let from = self.below(other.len());
                    let end = from + self.below(other.len() - from).min(32);
                    input.splice(at..at, other[from..end].iter().copied());
                }
                4 if rest > 0 => {
                    let again = input[at..at + 1 + self.below(rest.min(32))].to_vec();
                    input.splice(at..at, again);
                }
                5 if rest > 0 => input[at] = BYTES[self.below(BYTES.len())],
                6 if rest > 0 => input[at] = self.next() as u8,
                _ if rest > 0 => input[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
        input
    }
}
