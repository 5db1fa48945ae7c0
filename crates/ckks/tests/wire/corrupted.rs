//! `tests/corrupted`: files that must be refused, each with the error that the index names.

use std::fs;

use tapetum_ckks::wire::{
    BundleHeader, CiphertextHeader, CiphertextRun, EvaluationKeysHeader, FileType, GaloisKeyHeader,
    ParametersHeader, PlaintextHeader, RelinearizationKeyHeader,
};
use tapetum_ckks::{Parameters, ParametersLiteral};

use crate::support::{Draft, Objects, parameters, repository, rewritten, smallest};

/// The index has a line for each file: its name, the type that it is read as, and the error.
const INDEX: &str = "corrupted/index.txt";

#[test]
fn every_file_is_refused_for_its_fault() {
    let index = fs::read_to_string(repository(INDEX)).unwrap();
    let mut listed = Vec::new();
    for line in index.lines().filter(|line| !line.starts_with('#')) {
        let [name, read_as, expected] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("the line '{line}' has not three words");
        };
        let file_type = FileType::ALL
            .into_iter()
            .find(|t| format!("{t:?}") == read_as)
            .unwrap_or_else(|| panic!("{name}: there is no type {read_as}"));
        let bytes = fs::read(repository("corrupted").join(name)).unwrap();
        let error = rewritten(&smallest(), file_type, &bytes)
            .map(|_| ())
            .expect_err(name);
        let found = format!("{error:?}");
        let variant = found.split(|c: char| !c.is_alphanumeric()).next();
        assert_eq!(variant, Some(expected), "{name}: {error}");
        listed.push(name.to_owned());
    }
    let mut present: Vec<_> = fs::read_dir(repository("corrupted"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".bin"))
        .collect();
    listed.sort();
    present.sort();
    assert_eq!(listed, present, "index and folder differ");
}

/// `cargo test -p tapetum-ckks --test wire -- --ignored write_corrupted_files`
#[test]
#[ignore = "rewrites tests/corrupted"]
fn write_corrupted_files() {
    let folder = repository("corrupted");
    let mut index = String::from(
        "# Files that must be refused. Name, the type that it is read as, the variant of WireError.\n",
    );
    for (name, read_as, error, bytes) in corrupted_files() {
        fs::write(folder.join(format!("{name}.bin")), bytes).unwrap();
        index += &format!(
            "{:<34} {:<20} {error}\n",
            format!("{name}.bin"),
            format!("{read_as:?}")
        );
    }
    fs::write(repository(INDEX), index).unwrap();
}

type Fault = (&'static str, FileType, &'static str, Vec<u8>);

fn corrupted_files() -> Vec<Fault> {
    let objects = Objects::new(&smallest(), [11; 32]);
    let mut faults = container_faults(&objects);
    faults.extend(ciphertext_faults(&objects));
    faults.extend(key_faults(&objects));
    faults.extend(bundle_faults(&objects.parameters));
    faults
}

fn container_faults(objects: &Objects) -> Vec<Fault> {
    use FileType::{Ciphertext, SecretKey};
    let good = objects.secret_key.to_bytes().to_vec();
    let draft = Draft::of(&good);
    let payload = good.len() - 32 - draft.payload.len();
    let with = |change: &dyn Fn(&mut Draft)| draft.with(change).bytes();
    let flipped = |position: usize| {
        let mut bytes = good.clone();
        bytes[position] ^= 1;
        bytes
    };
    let key = |name, error, bytes| (name, SecretKey, error, bytes);
    vec![
        key("empty", "Truncated", vec![]),
        key("foreign-text", "NotTapetum", b"P5\n1 1\n255\nx".to_vec()),
        key("foreign-zeros", "NotTapetum", vec![0; 64]),
        key("magic-other", "NotTapetum", with(&|d| d.magic[7] = b'1')),
        key("magic-cut", "Truncated", good[..5].to_vec()),
        key("version-cut", "Truncated", good[..9].to_vec()),
        key("digest-cut", "Truncated", good[..40].to_vec()),
        key("header-cut", "Truncated", good[..50].to_vec()),
        key(
            "payload-length-cut",
            "Truncated",
            good[..payload - 3].to_vec(),
        ),
        key("payload-missing", "Truncated", good[..payload].to_vec()),
        key("payload-cut", "Truncated", good[..payload + 500].to_vec()),
        key(
            "checksum-missing",
            "Truncated",
            good[..good.len() - 32].to_vec(),
        ),
        key("checksum-cut", "Truncated", good[..good.len() - 1].to_vec()),
        key("version-newer", "NewerVersion", with(&|d| d.version = 2)),
        key("version-zero", "UnknownVersion", with(&|d| d.version = 0)),
        key("type-zero", "UnknownType", with(&|d| d.file_type = 0)),
        key("type-unknown", "UnknownType", with(&|d| d.file_type = 1000)),
        ("type-other", Ciphertext, "WrongType", good.clone()),
        key(
            "digest-other",
            "DigestMismatch",
            with(&|d| d.digest[31] ^= 1),
        ),
        key(
            "header-length-oversized",
            "Oversized",
            with(&|d| d.header_len = Some(u32::MAX)),
        ),
        key("header-length-too-small", "Header", {
            let shorter = draft.header.len() as u32 - 1;
            with(&|d| d.header_len = Some(shorter))
        }),
        key("header-empty", "Header", with(&|d| d.header.clear())),
        key(
            "header-trailing-byte",
            "Header",
            with(&|d| d.header.push(0)),
        ),
        // 12 as a varint of two bytes.
        key(
            "header-not-shortest",
            "Header",
            with(&|d| {
                d.header.splice(0..1, [0x8c, 0x00]);
            }),
        ),
        // 2^32 primes of Q, of which none follows.
        key(
            "header-list-endless",
            "Header",
            with(&|d| {
                d.header = vec![12, 0xff, 0xff, 0xff, 0xff, 0x0f];
            }),
        ),
        key(
            "payload-length-oversized",
            "Oversized",
            with(&|d| {
                d.payload_len = Some(u64::MAX);
            }),
        ),
        key(
            "payload-length-larger",
            "PayloadLength",
            with(&|d| {
                d.payload_len = Some(d.payload.len() as u64 + 1);
            }),
        ),
        key(
            "payload-length-smaller",
            "PayloadLength",
            with(&|d| {
                d.payload.pop();
            }),
        ),
        key("payload-flipped", "Checksum", flipped(payload + 77)),
        key("checksum-flipped", "Checksum", flipped(good.len() - 1)),
        key("trailing-byte", "TrailingBytes", [&good[..], &[0]].concat()),
    ]
}

fn ciphertext_faults(objects: &Objects) -> Vec<Fault> {
    use FileType::{Ciphertext, Plaintext};
    let seeded = Draft::of(&objects.seeded.to_bytes());
    let header = CiphertextHeader {
        level: 0,
        degree: 1,
        seeded: true,
        scale: objects.seeded.scale(),
    };
    // Without its payload, which is not looked at before the header is accepted.
    let headed = |change: &dyn Fn(&mut CiphertextHeader)| {
        let mut header = header;
        change(&mut header);
        let draft = seeded.with_header(&header).with(|d| d.payload.clear());
        draft.bytes()
    };
    let other = parameters(12, &[30, 30], &[31], 24);
    let plaintext = PlaintextHeader {
        level: 0,
        scale: f64::NAN,
    };
    let fault = |name, error, bytes| (name, Ciphertext, error, bytes);
    vec![
        fault(
            "ciphertext-of-other-parameters",
            "WrongParameters",
            Draft::new(Ciphertext, &other, &header).bytes(),
        ),
        fault("ciphertext-level", "Level", headed(&|h| h.level = 1)),
        fault(
            "ciphertext-level-huge",
            "Level",
            headed(&|h| h.level = u32::MAX),
        ),
        fault(
            "ciphertext-degree-0",
            "Header",
            headed(&|h| {
                h.degree = 0;
                h.seeded = false;
            }),
        ),
        fault("ciphertext-degree-3", "Header", headed(&|h| h.degree = 3)),
        fault(
            "ciphertext-degree-2-seeded",
            "Header",
            headed(&|h| h.degree = 2),
        ),
        fault(
            "ciphertext-scale-nan",
            "Scale",
            headed(&|h| h.scale = f64::NAN),
        ),
        fault(
            "ciphertext-scale-infinite",
            "Scale",
            headed(&|h| h.scale = f64::INFINITY),
        ),
        fault("ciphertext-scale-zero", "Scale", headed(&|h| h.scale = 0.0)),
        fault(
            "ciphertext-scale-negative",
            "Scale",
            headed(&|h| h.scale = -1e6),
        ),
        fault(
            "ciphertext-scale-tiny",
            "Scale",
            headed(&|h| h.scale = 1e-300),
        ),
        fault(
            "ciphertext-scale-over-modulus",
            "Scale",
            headed(&|h| h.scale = 1e10),
        ),
        fault(
            "ciphertext-unseeded-half",
            "PayloadLength",
            headed(&|h| h.seeded = false),
        ),
        fault("ciphertext-residue", "Residue", {
            let last = seeded.payload.len() - 32;
            seeded
                .with(|d| d.payload[last - 4..last].fill(0xff))
                .bytes()
        }),
        (
            "plaintext-scale-nan",
            Plaintext,
            "Scale",
            Draft::new(Plaintext, &objects.parameters, &plaintext).bytes(),
        ),
    ]
}

fn key_faults(objects: &Objects) -> Vec<Fault> {
    use FileType::{EvaluationKeys, GaloisKey, RelinearizationKey, SecretKey};
    let p = &objects.parameters;
    let literal = p.literal();
    let of_literal = |literal: ParametersLiteral| {
        Draft::new(FileType::Parameters, p, &ParametersHeader { literal }).bytes()
    };
    let set = |exponents: &[u32]| {
        let header = EvaluationKeysHeader {
            literal: literal.clone(),
            relinearization: None,
            galois: exponents
                .iter()
                .map(|&exponent| GaloisKeyHeader { exponent, level: 0 })
                .collect(),
            encapsulation: false,
            key_set: None,
        };
        Draft::new(EvaluationKeys, p, &header).bytes()
    };
    let galois =
        |exponent, level| Draft::new(GaloisKey, p, &GaloisKeyHeader { exponent, level }).bytes();
    let relinearization =
        |level| Draft::new(RelinearizationKey, p, &RelinearizationKeyHeader { level }).bytes();
    let secret = Draft::of(&objects.secret_key.to_bytes());
    vec![
        (
            "parameters-weak",
            FileType::Parameters,
            "Parameters",
            of_literal(ParametersLiteral {
                q_bits: vec![30; 4],
                ..literal.clone()
            }),
        ),
        (
            "parameters-degree-huge",
            FileType::Parameters,
            "Parameters",
            of_literal(ParametersLiteral {
                log_n: u32::MAX,
                ..literal.clone()
            }),
        ),
        (
            "parameters-many-primes",
            FileType::Parameters,
            "Parameters",
            of_literal(ParametersLiteral {
                q_bits: vec![24; 65],
                ..literal.clone()
            }),
        ),
        (
            "secret-key-coefficient",
            SecretKey,
            "SecretCoefficient",
            secret.with(|d| d.payload[1023] |= 0xc0).bytes(),
        ),
        (
            "relinearization-key-level",
            RelinearizationKey,
            "Level",
            relinearization(1),
        ),
        (
            "relinearization-key-empty",
            RelinearizationKey,
            "PayloadLength",
            relinearization(0),
        ),
        ("galois-key-even", GaloisKey, "GaloisElement", galois(2, 0)),
        (
            "galois-key-exponent-huge",
            GaloisKey,
            "GaloisElement",
            galois(8193, 0),
        ),
        ("galois-key-level", GaloisKey, "Level", galois(5, 1)),
        (
            "evaluation-keys-unordered",
            EvaluationKeys,
            "Header",
            set(&[25, 5]),
        ),
        (
            "evaluation-keys-repeated",
            EvaluationKeys,
            "Header",
            set(&[5, 5]),
        ),
        (
            // A ring of 2^12 is too small for a sparse secret.
            "evaluation-keys-encapsulation",
            EvaluationKeys,
            "Header",
            Draft::new(
                EvaluationKeys,
                p,
                &EvaluationKeysHeader {
                    literal: literal.clone(),
                    relinearization: None,
                    galois: Vec::new(),
                    encapsulation: true,
                    key_set: None,
                },
            )
            .bytes(),
        ),
        (
            "evaluation-keys-missing",
            EvaluationKeys,
            "PayloadLength",
            set(&[5, 25]),
        ),
    ]
}

fn bundle_faults(p: &Parameters) -> Vec<Fault> {
    let run = |count, seeded| CiphertextRun {
        count,
        header: CiphertextHeader {
            level: 0,
            degree: 1,
            seeded,
            scale: 1e6,
        },
    };
    let bundle = |kind: &str, metadata_len, runs: &[CiphertextRun]| {
        let header = BundleHeader {
            kind: kind.to_owned(),
            metadata_len,
            runs: runs.to_vec(),
        };
        Draft::new(FileType::Bundle, p, &header).bytes()
    };
    let fault = |name, error, bytes| (name, FileType::Bundle, error, bytes);
    vec![
        fault("bundle-kind-empty", "Kind", bundle("", 0, &[])),
        fault("bundle-kind-escape", "Kind", bundle("\u{1b}[2J", 0, &[])),
        fault(
            "bundle-metadata-huge",
            "Oversized",
            bundle("test", u32::MAX, &[]),
        ),
        fault(
            "bundle-ciphertexts-many",
            "Oversized",
            bundle("test", 0, &[run(u32::MAX, true), run(u32::MAX, false)]),
        ),
        fault(
            "bundle-run-empty",
            "Header",
            bundle("test", 0, &[run(0, true)]),
        ),
        fault(
            "bundle-run-split",
            "Header",
            bundle("test", 0, &[run(1, true), run(1, true)]),
        ),
        fault(
            "bundle-ciphertext-missing",
            "PayloadLength",
            bundle("test", 0, &[run(2, true)]),
        ),
        fault("bundle-level", "Level", {
            let mut run = run(1, true);
            run.header.level = 7;
            bundle("test", 0, &[run])
        }),
    ]
}
