//! Sets of keys that stay in their file give the same results, however little memory they have.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use rayon::prelude::*;
use tapetum_ckks::wire::WireError;
use tapetum_ckks::*;
use tempfile::TempDir;

use crate::support::{Draft, parameters, repository};

/// A set of keys, where it is stored, and something to compute.
struct Stored {
    _folder: TempDir,
    path: PathBuf,
    keys: EvaluationKeys,
    plan: KeyPlan,
    ciphertext: Ciphertext,
}

/// Digits of two primes, the last with one; keys of several sizes.
static STORED: LazyLock<Stored> = LazyLock::new(|| {
    let parameters = parameters(13, &[40, 26, 26, 26, 26], &[24, 42], 26);
    let low = KeyPlan::new(&parameters).up_to_level(2).rotations([5, 6]);
    let high = KeyPlan::new(&parameters)
        .relinearization()
        .rotations([1, 2, 3])
        .conjugation();
    stored(&parameters, low.join(&high))
});

fn stored(parameters: &Parameters, plan: KeyPlan) -> Stored {
    let secret = SecretKey::generate(parameters).unwrap();
    let keys = KeyGenerator::new(&secret).unwrap().evaluation_keys(&plan);
    let keys = keys.unwrap();
    let values: Vec<f64> = (0..parameters.slots()).map(|i| (i as f64).sin()).collect();
    let plaintext = Encoder::new(parameters).encode(&values, parameters.max_level());
    let ciphertext = Encryptor::with_secret_key(&secret).encrypt(&plaintext.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evaluation.keys");
    keys.write(fs::File::create(&path).unwrap()).unwrap();
    Stored {
        _folder: folder,
        path,
        keys,
        plan,
        ciphertext: ciphertext.unwrap(),
    }
}

impl Stored {
    /// A file with other content in the same folder.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path.with_file_name(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Bytes of the relinearisation key, which is first and before that of the rotation by 1.
    fn relinearization_len(&self) -> usize {
        let key = self.keys.relinearization().unwrap();
        Draft::of(&key.to_bytes()).payload.len()
    }

    /// Something that uses every key, most of them twice.
    fn results(&self, keys: EvaluationKeys) -> Result<Vec<Ciphertext>, EvaluationError> {
        let e = Evaluator::with_keys(keys);
        let low = e.drop_to_level(&self.ciphertext, 2)?;
        let mut results = e.rotate_hoisted(&self.ciphertext, &[1, 2, 3, 2, 1])?;
        results.extend(e.rotate_hoisted(&low, &[5, 6, 1])?);
        results.push(e.conjugate(&self.ciphertext)?);
        results.push(e.mul_relin(&self.ciphertext, &self.ciphertext)?);
        let parameters = self.keys.parameters();
        let diagonals = (0..4).map(|k| {
            let value = Complex64::new(0.1, f64::from(k));
            (i64::from(k), vec![value; parameters.slots()])
        });
        let matrix = SlotMatrix::from_diagonals(parameters.slots(), diagonals.collect()).unwrap();
        let transform = LinearTransform::new(&Encoder::new(parameters), &matrix, 4).unwrap();
        results.push(e.linear_transform(&self.ciphertext, &transform)?);
        Ok(results)
    }
}

/// The memory that the largest keys of the set take: three digits over seven primes, two halves.
const LARGEST: u64 = 3 * 7 * 2 * 8192 * 8;

#[test]
fn results_do_not_depend_on_the_budget() {
    let s = &*STORED;
    let all = s.plan.memory_bytes(s.keys.parameters()).unwrap();
    assert_eq!(s.keys.memory_bytes(), all);
    assert_eq!(s.plan.len(), 7);
    let expected = s.results(s.keys.clone()).unwrap();
    for budget in [0, LARGEST - 1, LARGEST, 2 * LARGEST + 1, all, u64::MAX] {
        let keys = EvaluationKeys::open(&s.path, MemoryBudget::bytes(budget)).unwrap();
        assert_eq!(keys.memory_bytes(), 0);
        assert!(keys.covers(&s.plan));
        assert!(s.results(keys.clone()).unwrap() == expected, "{budget}");
        let bytes = keys.memory_bytes();
        assert!(bytes <= budget.min(all), "{bytes} of {budget}");
        assert_eq!(bytes == all, budget >= all);
        // The keys for lower levels fit where the largest do not.
        assert_eq!(bytes == 0, budget == 0);
        assert_eq!(keys.to_bytes(), fs::read(&s.path).unwrap());
        assert!(keys.relinearization() == s.keys.relinearization());
    }
}

#[test]
fn encapsulation_keys_stay_in_the_file_too() {
    let parameters = parameters(15, &[45, 30], &[48], 30);
    let s = stored(&parameters, KeyPlan::new(&parameters).encapsulation());
    let keys = EvaluationKeys::open(&s.path, MemoryBudget::UNLIMITED).unwrap();
    // The key to the sparse secret is small and at hand: one digit over two primes.
    assert_eq!(keys.memory_bytes(), 2 * 2 * 32768 * 8);
    assert!(keys.encapsulation().is_some() && keys.encapsulation() == s.keys.encapsulation());
    assert_eq!(keys.memory_bytes(), s.keys.memory_bytes());
    let no_keys = EvaluationKeys::none(&parameters);
    let path = s.file("none", &no_keys.to_bytes());
    let keys = EvaluationKeys::open(path, MemoryBudget::bytes(0)).unwrap();
    assert_eq!((keys.memory_bytes(), keys.galois_keys().len()), (0, 0));
}

/// Two threads of a pool on which everything else waits as well.
#[test]
fn many_users_share_what_is_expanded() {
    let s = &*STORED;
    let expected = s.results(s.keys.clone()).unwrap();
    for budget in [0, 2 * LARGEST, u64::MAX] {
        let keys = EvaluationKeys::open(&s.path, MemoryBudget::bytes(budget)).unwrap();
        let right = || s.results(keys.clone()).unwrap() == expected;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
        let in_pool = || (0..8).into_par_iter().all(|_| right());
        std::thread::scope(|scope| {
            let others: Vec<_> = (0..2).map(|_| scope.spawn(right)).collect();
            assert!(pool.unwrap().install(in_pool));
            assert!(others.into_iter().all(|thread| thread.join().unwrap()));
        });
        assert!(keys.memory_bytes() <= budget);
    }
}

#[test]
fn what_is_wrong_is_found_on_opening_and_says_where() {
    let s = &*STORED;
    let good = fs::read(&s.path).unwrap();
    let open = |bytes: &[u8]| {
        let path = s.file("damaged", bytes);
        let error = EvaluationKeys::open(path, MemoryBudget::bytes(0)).unwrap_err();
        let in_memory = EvaluationKeys::from_bytes(bytes).unwrap_err();
        (error, in_memory)
    };
    let draft = Draft::of(&good);
    // At least one residue of all ones: a prime has less than 64 bits.
    let residue = |at: usize| draft.with(|d| d.payload[at..at + 16].fill(0xff)).bytes();
    let (error, in_memory) = open(&residue(50));
    let message = "the relinearisation key: residue 1";
    assert!(error.to_string().starts_with(message), "{error}");
    assert!(
        error
            .to_string()
            .contains("of limb 0 is not below its prime")
    );
    assert!(matches!(in_memory, WireError::Residue(_)));
    let galois = s.relinearization_len();
    let (error, _) = open(&residue(galois));
    let message = "the Galois key of exponent 5: residue 0 of limb 0 is not below its prime";
    assert!(error.to_string().starts_with(message), "{error}");

    let start = good.len() - 32 - draft.payload.len();
    let (error, _) = open(&good[..start + galois + 7]);
    let message = "the Galois key of exponent 5: this file is truncated";
    assert!(error.to_string().starts_with(message), "{error}");
    let (error, _) = open(&good[..good.len() - 1]);
    assert!(matches!(error, WireError::Truncated("checksum")), "{error}");
    // A damaged residue that is still one.
    let mut flipped = good.clone();
    flipped[start + galois] ^= 1;
    assert!(matches!(open(&flipped).0, WireError::Checksum));
    let (error, _) = open(&[&good[..], &[0; 3]].concat());
    assert!(matches!(error, WireError::TrailingBytes(3)));

    let nowhere = s.path.with_file_name("nowhere");
    let error = EvaluationKeys::open(nowhere, MemoryBudget::UNLIMITED).unwrap_err();
    assert!(matches!(error, WireError::Io(_)));
}

#[test]
fn every_corrupted_set_is_refused_in_its_file_as_in_memory() {
    let index = fs::read_to_string(repository("corrupted/index.txt")).unwrap();
    let mut found = 0;
    for line in index
        .lines()
        .filter(|line| line.contains(" EvaluationKeys "))
    {
        let path = repository("corrupted").join(line.split_whitespace().next().unwrap());
        let opened = EvaluationKeys::open(&path, MemoryBudget::UNLIMITED).unwrap_err();
        let read = EvaluationKeys::from_bytes(&fs::read(path).unwrap()).unwrap_err();
        assert_eq!(opened.to_string(), read.to_string());
        found += 1;
    }
    assert!(found >= 4);
}

#[test]
fn a_file_that_changes_while_it_is_open_gives_no_wrong_result() {
    let s = &*STORED;
    let good = fs::read(&s.path).unwrap();
    let evaluator = |bytes: &[u8]| {
        let path = s.file("changing", &good);
        let keys = EvaluationKeys::open(&path, MemoryBudget::UNLIMITED).unwrap();
        // As another program would, without a new file.
        fs::write(path, bytes).unwrap();
        Evaluator::with_keys(keys)
    };
    let unavailable = |evaluator: &Evaluator| {
        let error = evaluator.rotate(&s.ciphertext, 1).unwrap_err();
        let EvaluationError::KeyUnavailable(KeyUnavailable { key, reason }) = error else {
            panic!("{error}");
        };
        assert_eq!(key, "Galois key of exponent 5");
        assert!(evaluator.keys().write(std::io::sink()).is_err());
        reason
    };
    // Still a residue, but another one.
    let mut changed = good.clone();
    let galois = good.len() - 32 - Draft::of(&good).payload.len() + s.relinearization_len();
    changed[galois + 100] ^= 1;
    let reason = unavailable(&evaluator(&changed));
    assert_eq!(reason, WireError::Checksum.to_string());
    let reason = unavailable(&evaluator(&good[..galois]));
    assert!(reason.starts_with("reading failed"), "{reason}");
    // A key that cannot be read once is there when it can be read again.
    let e = evaluator(&[]);
    unavailable(&e);
    fs::write(s.path.with_file_name("changing"), &good).unwrap();
    assert!(e.rotate(&s.ciphertext, 1).is_ok());
}
