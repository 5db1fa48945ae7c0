//! The scheme with operators: every operation against the clear, and every error where it was caused.

mod common;

use std::fs;
use std::path::Path;

use common::small_bootstrapping;
use tapetum_ckks::scheme::{
    Bootstrapping, Cause, EncryptedVector, Owner, SchemeError, Server, ServerVector, Settings,
};
use tapetum_ckks::{Decryptor, Encoder, EvaluationKeys, Parameters, Precision, Preset, SecretKey};

/// An owner and a server with two vectors, in the clear and encrypted.
struct Pair {
    owner: Owner,
    server: Server,
    a: Vec<f64>,
    b: Vec<f64>,
}

impl Pair {
    fn new(settings: &Settings, length: usize, bound: f64) -> Self {
        let owner = Owner::new(settings).unwrap();
        let values = |step: f64| -> Vec<f64> {
            let value = |i: usize| bound * (step * (i + 1) as f64).sin();
            (0..length).map(value).collect()
        };
        Self {
            server: owner.server().unwrap(),
            owner,
            a: values(1.0),
            b: values(2.3),
        }
    }

    fn encrypted(&self) -> (ServerVector, ServerVector) {
        let load = |values| self.server.load(&self.owner.encrypt(values).unwrap());
        (load(&self.a), load(&self.b))
    }

    /// Decrypts and compares; `clear` is given the index.
    #[track_caller]
    fn check(&self, found: &ServerVector, error: f64, clear: impl Fn(usize) -> f64) {
        let sealed = found.finish().unwrap();
        let found = self.owner.decrypt_exact(&sealed).unwrap();
        assert_eq!(found.len(), self.a.len());
        for (i, found) in found.iter().enumerate() {
            let expected = clear(i);
            assert!(
                (found - expected).abs() <= error,
                "{i}: {found}, not {expected}"
            );
        }
        self.nothing_beyond(&sealed);
    }

    /// Slots that belong to no number are zero.
    fn nothing_beyond(&self, sealed: &EncryptedVector) {
        let decryptor = Decryptor::new(self.owner.secret_key());
        let plain = decryptor.decrypt(sealed.ciphertext()).unwrap();
        let slots = Encoder::new(self.owner.parameters()).decode_complex(&plain);
        let (length, period) = (self.a.len(), self.a.len().next_power_of_two());
        for (i, slot) in slots.iter().enumerate() {
            assert!(slot.im.abs() < 1e-4, "{i}");
            assert!(i % period < length || slot.re.abs() < 1e-4, "{i}: {slot}");
        }
    }
}

/// Sums, products and rotations for a length that fills a period and one that does not, with and
/// without a bound other than 1.
#[test]
fn arithmetic_is_that_of_vectors() {
    for (length, bound) in [(8, 1.0), (5, 1.0), (6, 20.0), (4096, 3.0)] {
        let pair = Pair::new(
            &Settings::new(length).levels(4).bound(bound),
            length,
            bound / 3.0,
        );
        let (a, b) = (&pair.a, &pair.b);
        let (x, y) = &pair.encrypted();
        let error = 1e-5 * bound;
        let plain: Vec<f64> = (0..length)
            .map(|i| i as f64 / length as f64 / 2.0)
            .collect();

        pair.check(&(x + y), error, |i| a[i] + b[i]);
        pair.check(&(x - y.clone()), error, |i| a[i] - b[i]);
        pair.check(&-x, error, |i| -a[i]);
        pair.check(&(x.clone() + &plain), error, |i| a[i] + plain[i]);
        pair.check(&(&plain[..] - x), error, |i| plain[i] - a[i]);
        pair.check(&(x - 0.25), error, |i| a[i] - 0.25);
        pair.check(&(0.5 - x), error, |i| 0.5 - a[i]);
        pair.check(&(x * &plain), error, |i| a[i] * plain[i]);
        pair.check(&(plain.clone() * x), error, |i| a[i] * plain[i]);
        pair.check(&(0.7 * x), error, |i| 0.7 * a[i]);

        // Products wait: one relinearisation for all of this.
        let scale = 1.0 / bound;
        let sum = x * y + -(x * x) - y * &plain + 2.0 * (x * y);
        let clear = |i: usize| 3.0 * a[i] * b[i] - a[i] * a[i] - b[i] * plain[i];
        assert_eq!(sum.levels_left(), 3);
        pair.check(&(&sum * scale), error, |i| scale * clear(i));
        // A product meets what is none, at another level.
        let mixed = x * y * scale + x;
        pair.check(&mixed, error, |i| a[i] * b[i] * scale + a[i]);
        pair.check(&(mixed - 0.1), error, |i| a[i] * b[i] * scale + a[i] - 0.1);
        let power = (x * scale) * x * (scale * x) * x;
        pair.check(&power, error, |i| scale * scale * a[i].powi(4));

        let n = length as f64;
        let sum = (x * (1.0 / n)).sum();
        pair.check(&sum, error, |_| a.iter().sum::<f64>() / n);
        let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        let found = (x * (scale / n)).dot(y);
        pair.check(&found, error, |_| dot * scale / n);
        // Sums have something in every slot, which must not be summed again.
        pair.check(&(sum * (1.0 / n)).sum(), error, |_| {
            a.iter().sum::<f64>() / n
        });
        for steps in [0, 1, 3, -1, 2 * length as i64 + 2] {
            let place = |i: usize| (i as i64 + steps).rem_euclid(length as i64) as usize;
            pair.check(&x.rotate(steps), error, |i| a[place(i)]);
        }
        let shifted = (x * y * scale).rotate(2);
        pair.check(&shifted, error, |i| {
            let i = (i + 2) % length;
            scale * a[i] * b[i]
        });
    }
}

/// Comparisons with encrypted and plain operands; their results are numbers like others.
#[test]
fn comparisons_decide_and_select() {
    for (length, bound) in [(64, 1.0), (50, 10.0)] {
        let precision = Precision::new(5).unwrap();
        let levels = precision.levels() + 3;
        let settings = Settings::new(length)
            .levels(levels)
            .bound(bound)
            .precision(precision);
        let apart = settings.smallest_difference();
        assert_eq!(apart, bound.log2().ceil().exp2() / 16.0);
        let pair = Pair::new(&settings, length, bound);
        let (a, b) = (&pair.a, &pair.b);
        let (x, y) = &pair.encrypted();
        let error = 0.5 * precision.error() + 1e-3;

        let near = |left: f64, right: f64| (left - right).abs() < apart;
        let judge = |found: &ServerVector, truth: &dyn Fn(usize) -> (f64, f64)| {
            let sealed = found.finish().unwrap();
            pair.nothing_beyond(&sealed);
            let mut decided = 0;
            for (i, found) in pair.owner.decrypt(&sealed).unwrap().into_iter().enumerate() {
                let (left, right) = truth(i);
                if near(left, right) {
                    assert!((-error..=1.0 + error).contains(&found), "{i}: {found}");
                } else {
                    decided += 1;
                    let truth = f64::from(u8::from(left > right));
                    assert!((found - truth).abs() <= error, "{i}: {found}");
                }
            }
            assert!(decided > length / 2);
        };
        judge(&x.greater_than(y), &|i| (a[i], b[i]));
        judge(&x.less_than(y), &|i| (b[i], a[i]));
        judge(&x.greater_than(0.1 * bound), &|i| (a[i], 0.1 * bound));
        judge(&x.less_than(b), &|i| (b[i], a[i]));

        pair.check(&x.max(y), apart, |i| a[i].max(b[i]));
        pair.check(&x.min(y), apart, |i| a[i].min(b[i]));
        pair.check(&x.max(0.0), apart, |i| a[i].max(0.0));

        // Select: the larger one by a product.
        let wins = x.greater_than(y);
        let selected = &wins * (x - y) + y;
        pair.check(&selected, apart + error * 2.0 * bound, |i| a[i].max(b[i]));
        // How often a is larger, among those that are decided.
        let share = (wins * (1.0 / length as f64)).sum();
        let undecided = (0..length).filter(|&i| near(a[i], b[i])).count();
        let larger = (0..length).filter(|&i| a[i] > b[i]).count();
        let slack = error + undecided as f64 / length as f64;
        pair.check(&share, slack, |_| larger as f64 / length as f64);
    }
}

#[test]
fn the_first_error_is_kept_with_its_place() {
    let pair = Pair::new(&Settings::new(3).levels(1), 3, 0.5);
    let (x, y) = &pair.encrypted();

    let line = line!() + 1;
    let cubed = x * y * x;
    let later = (cubed + [1.0, 2.0])
        .greater_than(y)
        .max(0.1)
        .sum()
        .rotate(1)
        - y;
    let later = y - (-later);
    let error = later.finish().unwrap_err();
    assert_eq!(later.error(), Some(&error));
    assert_eq!(later.levels_left(), 0);
    assert_eq!(
        (error.operation(), error.location().line()),
        ("a product", line)
    );
    let levels = Cause::Levels {
        needed: 1,
        left: 0,
        total: 1,
    };
    assert_eq!(error.cause(), &levels);
    let text = error.to_string();
    assert!(
        text.contains(&format!("scheme.rs:{line}: a product:")),
        "{text}"
    );
    assert!(text.contains("levels(2), which takes N = 2^13"), "{text}");
    assert!(format!("{later:?}").contains("error"));

    let refused = x.greater_than(y).finish().unwrap_err();
    assert_eq!(refused.operation(), "a comparison");
    assert!(
        refused
            .to_string()
            .contains("make the settings with levels(11)")
    );
    let refused = x.max(y).finish().unwrap_err();
    assert!(matches!(refused.cause(), Cause::Levels { needed: 12, .. }));

    let cause = |vector: ServerVector| vector.finish().unwrap_err().cause().clone();
    let length = SchemeError::VectorLength {
        expected: 3,
        found: 2,
    };
    assert_eq!(cause(x + [1.0, 0.0]), Cause::Operand(length.clone()));
    assert_eq!(cause(x * vec![1.0, 0.0]), Cause::Operand(length));
    // A bound of 1 makes differences of 2.
    assert!((x + 2.0).error().is_none());
    for beyond in [2.1, f64::NAN, f64::INFINITY] {
        let refused = cause(x.greater_than(beyond));
        assert!(matches!(
            refused,
            Cause::Operand(SchemeError::Beyond { index: 0, .. })
        ));
    }
    for factor in [f64::NAN, f64::INFINITY, 1e300] {
        assert!(
            matches!(cause(x * factor), Cause::Evaluation(_)),
            "{factor}"
        );
        assert!(
            matches!(cause(x * [factor; 3]), Cause::Operand(_)),
            "{factor}"
        );
    }

    let other = pair.owner.server().unwrap();
    let stranger = other.load(&pair.owner.encrypt(&pair.a).unwrap());
    assert_eq!(cause(x + &stranger), Cause::Server);
    assert_eq!(cause(x.greater_than(stranger)), Cause::Server);
}

#[test]
fn what_does_not_fit_is_refused() {
    let settings = Settings::new(3).levels(2);
    let owner = Owner::new(&settings).unwrap();
    assert_eq!(
        owner.encrypt(&[0.0; 4]).unwrap_err(),
        SchemeError::VectorLength {
            expected: 3,
            found: 4
        }
    );
    for value in [1.1, -1.1, f64::NAN] {
        let refused = owner
            .contributor()
            .unwrap()
            .encrypt(&[0.0, value, 0.0])
            .unwrap_err();
        assert!(matches!(refused, SchemeError::Beyond { index: 1, .. }));
    }
    let refused = |settings: Settings| Owner::new(&settings).unwrap_err();
    for length in [0, 1 << 17, usize::MAX] {
        assert_eq!(refused(Settings::new(length)), SchemeError::Length(length));
    }
    for bound in [0.0, -1.0, f64::INFINITY, 1e6] {
        assert_eq!(
            refused(settings.clone().bound(bound)),
            SchemeError::Bound(bound)
        );
    }
    assert!(matches!(
        refused(settings.clone().bound(f64::NAN)),
        SchemeError::Bound(_)
    ));
    for levels in [200, usize::MAX] {
        assert_eq!(
            refused(settings.clone().levels(levels)),
            SchemeError::Levels(levels)
        );
    }

    // Keys and vectors of other settings.
    let missing = Server::new(&settings, EvaluationKeys::none(owner.parameters()));
    assert_eq!(missing.unwrap_err(), SchemeError::Keys);
    let foreign = EvaluationKeys::none(&Parameters::preset(Preset::N12));
    assert_eq!(
        Server::new(&settings, foreign).unwrap_err(),
        SchemeError::Keys
    );
    let other = Owner::new(&settings.clone().levels(3)).unwrap();
    let sealed = other.encrypt(&[0.0; 3]).unwrap();
    assert_eq!(
        owner.decrypt(&sealed).unwrap_err(),
        SchemeError::EncryptedVector
    );
    let loaded = owner.server().unwrap().load(&sealed).finish().unwrap_err();
    assert_eq!(loaded.operation(), "loading a vector");
    let refused = Owner::with_secret_key(&settings, other.secret_key()).unwrap_err();
    assert_eq!(refused, SchemeError::Keys);

    // A ring for the length, not for the levels.
    let long = Owner::new(&Settings::new(1 << 15).levels(1)).unwrap();
    assert_eq!(long.parameters().log_n(), 16);
}

/// Another owner's vector, other settings and sums beyond the bound are errors, not numbers.
#[test]
fn numbers_that_are_none_of_these_settings_are_refused() {
    let settings = Settings::new(4).levels(2);
    let (owner, stranger) = (
        Owner::new(&settings).unwrap(),
        Owner::new(&settings).unwrap(),
    );
    let values = [0.25, -1.0, 0.125, 0.0];
    let sealed = owner.encrypt(&values).unwrap();
    assert_eq!(stranger.decrypt(&sealed).unwrap_err(), SchemeError::Noise);
    // Computed with the keys of one on the vector of the other.
    let server = owner.server().unwrap();
    let foreign = server.load(&stranger.encrypt(&values).unwrap());
    let mixed = (server.load(&sealed) * foreign).finish().unwrap();
    for party in [&owner, &stranger] {
        assert_eq!(party.decrypt(&mixed).unwrap_err(), SchemeError::Noise);
    }

    for other in [settings.clone().bound(2.0), Settings::new(3).levels(2)] {
        let refused = |found| matches!(found, SchemeError::Settings { .. });
        let changed = Owner::with_secret_key(&other, owner.secret_key()).unwrap();
        assert!(refused(changed.decrypt(&sealed).unwrap_err()));
        let loaded = changed
            .server()
            .unwrap()
            .load(&sealed)
            .finish()
            .unwrap_err();
        assert!(matches!(
            loaded.cause(),
            Cause::Operand(SchemeError::Settings { .. })
        ));
        let read = EncryptedVector::from_bytes(owner.parameters(), &sealed.to_bytes().unwrap());
        assert!(refused(changed.decrypt(&read.unwrap()).unwrap_err()));
    }
    let read = EncryptedVector::from_bytes(owner.parameters(), &sealed.to_bytes().unwrap());
    assert!(read.as_ref().unwrap() == &sealed);
    let found = owner.decrypt(&read.unwrap()).unwrap();
    assert!(found.iter().zip(&values).all(|(x, y)| (x - y).abs() < 1e-5));
    // Without them the ciphertext alone is taken on trust.
    let bare = EncryptedVector::from_ciphertext(sealed.ciphertext().clone());
    assert_eq!(owner.decrypt(&bare).unwrap(), found);
    assert!(owner.decrypt_exact(&bare).unwrap() != found);

    // Three times the bound comes out as such, at the last level too.
    let x = server.load(&sealed);
    for sum in [&x + &x + &x, (&x * 0.999 * 0.999) * 3.0] {
        let beyond = owner.decrypt(&sum.finish().unwrap()).unwrap_err();
        assert!(
            matches!(beyond, SchemeError::Beyond { index: 1, .. }),
            "{beyond}"
        );
    }
    // 256 times the bound and more would come back as another number where only one prime is left.
    let sum = (0..9).fold(x.clone(), |sum, _| &sum + &sum);
    let beyond = owner.decrypt(&sum.finish().unwrap()).unwrap_err();
    assert!(
        matches!(beyond, SchemeError::Beyond { value, .. } if value > 100.0),
        "{beyond}"
    );
    let low = (&x * 0.999) * 0.999;
    let sum = (0..9).fold(low, |sum, _| &sum + &sum).finish().unwrap_err();
    assert!(
        matches!(sum.cause(), Cause::Range { room, .. } if (255.0..257.0).contains(room)),
        "{sum}"
    );
    // Small numbers may be added up all the same.
    let low = (&x * 0.001) * 0.5;
    let sum = (0..9).fold(low, |sum, _| &sum + &sum).finish().unwrap();
    assert!((owner.decrypt(&sum).unwrap()[0] - 0.064).abs() < 1e-3);
}

/// Four comparisons in a row take 44 levels, of which there are 15 at a time.
#[test]
#[ignore = "takes about 6 GB of memory and a minute or more"]
fn vectors_are_refreshed_by_themselves() {
    let settings = Settings::new(100)
        .bound(4.0)
        .bootstrapping(Bootstrapping::Automatic);
    let pair = Pair::new(&settings, 100, 4.0);
    let (a, b) = (&pair.a, &pair.b);
    let (x, y) = &pair.encrypted();
    assert_eq!(x.levels_left(), 15);

    // The larger one, then everything within [-1, 3], then its mean.
    let apart = settings.smallest_difference();
    let larger = x.max(y);
    assert_eq!(larger.levels_left(), 3);
    let clamped = larger.max(-1.0).min(3.0);
    let clear = |i: usize| a[i].max(b[i]).clamp(-1.0, 3.0);
    pair.check(&clamped, 3.0 * apart, clear);
    let mean = (&clamped * 0.01).sum();
    let clear_mean = (0..100).map(clear).sum::<f64>() / 100.0;
    pair.check(&mean, 3.0 * apart, |_| clear_mean);

    // A result comes back and is computed with further.
    let again = pair.server.load(&larger.finish().unwrap());
    assert_eq!(again.levels_left(), 0);
    let product = &again * 0.5 * y * 0.5;
    pair.check(&product, 2.0 * apart, |i| 0.25 * a[i].max(b[i]) * b[i]);
}

/// In the smallest ring that has room for it, with two levels at a time.
#[test]
fn products_are_refreshed_by_themselves() {
    let settings = Settings::new(6)
        .bound(2.0)
        .bootstrapping(Bootstrapping::Automatic);
    let small = settings.clone().parameters(small_bootstrapping(10));
    let pair = Pair::new(&small, 6, 1.2);
    let (a, b) = (&pair.a, &pair.b);
    let (x, y) = &pair.encrypted();
    let error = 1e-3;
    assert_eq!(x.levels_left(), 2);
    let mut power = x * y;
    for _ in 0..3 {
        power = power * x;
    }
    pair.check(&power, error, |i| a[i].powi(4) * b[i]);
    // What was bootstrapped is rounded to 2^-10 of the unit, 4.
    for x in pair.owner.decrypt(&power.finish().unwrap()).unwrap() {
        assert_eq!((x * 256.0).fract(), 0.0);
    }
    // What has come back has no level left, and gets some.
    let again = pair.server.load(&power.finish().unwrap());
    assert_eq!(again.levels_left(), 0);
    let shifted = (again * 0.5).rotate(1);
    pair.check(&shifted, error, |i| {
        0.5 * a[(i + 1) % 6].powi(4) * b[(i + 1) % 6]
    });

    // A comparison takes more at once than there ever are.
    let error = x.greater_than(y).finish().unwrap_err();
    let levels = Cause::Levels {
        needed: 11,
        left: 2,
        total: 2,
    };
    assert_eq!(error.cause(), &levels);

    let none = settings.clone().parameters(Preset::N12.literal());
    let refused = Owner::new(&none).unwrap_err();
    assert!(
        matches!(refused, SchemeError::Bootstrapping(_)),
        "{refused}"
    );
    let long = Settings::new((1 << 15) + 1).bootstrapping(Bootstrapping::Automatic);
    let refused = Owner::new(&long).unwrap_err();
    assert_eq!(refused, SchemeError::Length((1 << 15) + 1));
}

/// What the folders of versions have in `vector`.
const COMPAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/compat");
const VECTOR: [f64; 5] = [-2.0, -0.75, 0.0, 0.5, 1.25];

fn vector_settings() -> Settings {
    Settings::new(VECTOR.len()).levels(1).bound(2.0)
}

#[test]
fn vectors_of_every_version_are_decrypted_or_refused_by_name() {
    let versions = fs::read_dir(COMPAT).unwrap();
    let folders = versions.map(|version| version.unwrap().path().join("vector"));
    let folders: Vec<_> = folders.filter(|folder| folder.is_dir()).collect();
    assert!(!folders.is_empty());
    for folder in folders {
        let read = |name: &str| fs::read(folder.join(name)).unwrap();
        let opened = SecretKey::from_bytes(&read("secret.key")).and_then(|secret| {
            let vector = EncryptedVector::from_bytes(secret.parameters(), &read("vector.enc"))?;
            Ok((secret, vector))
        });
        match opened {
            Err(error) => assert!(error.to_string().contains("version"), "{error}"),
            Ok((secret, vector)) => {
                let owner = Owner::with_secret_key(&vector_settings(), &secret).unwrap();
                let found = owner.decrypt(&vector).unwrap();
                let pairs = found.iter().zip(VECTOR);
                assert_eq!(found.len(), VECTOR.len());
                pairs.for_each(|(found, value)| assert!((found - value).abs() < 1e-3, "{found}"));
            }
        }
    }
}

#[test]
#[ignore = "writes the vector of a version; tests/compat/make says how"]
fn write_vector() {
    let folder = std::env::var_os("TAPETUM_VECTOR").expect("TAPETUM_VECTOR names the folder");
    let folder = Path::new(COMPAT).join(folder);
    fs::create_dir(&folder).unwrap();
    let owner = Owner::new(&vector_settings()).unwrap();
    let vector = owner.encrypt(&VECTOR).unwrap().to_bytes().unwrap();
    fs::write(folder.join("secret.key"), owner.secret_key().to_bytes()).unwrap();
    fs::write(folder.join("vector.enc"), vector).unwrap();
}
