//! Bytes that nobody wrote: errors, never panics.

use std::sync::LazyLock;

use proptest::prelude::*;
use tapetum_ckks::wire::{FileType, Header, WireError, inspect};
use tapetum_ckks::{Parameters, SecretRng};

use crate::support::{Draft, FRONT_LEN, Objects, parameter_sets, rewritten, smallest};

static SMALLEST: LazyLock<Objects> = LazyLock::new(|| Objects::new(&smallest(), [8; 32]));
static FILES: LazyLock<Vec<(FileType, Vec<u8>)>> = LazyLock::new(|| SMALLEST.files());

fn read(file_type: FileType, bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    rewritten(&SMALLEST.parameters, file_type, bytes)
}

/// A position below `end`, each as likely.
fn below(rng: &mut SecretRng, end: usize) -> usize {
    let bytes = rng.seed().to_bytes()[..8].try_into().unwrap();
    (u64::from_le_bytes(bytes) % end as u64) as usize
}

#[test]
fn truncated_files_are_refused() {
    let mut rng = SecretRng::insecure_from_key([9; 32]);
    for (file_type, bytes) in FILES.iter() {
        let front = FRONT_LEN + Draft::of(bytes).header.len() + 8;
        let random = (0..20).map(|_| below(&mut rng, bytes.len()));
        for len in (0..front)
            .chain([bytes.len() - 32, bytes.len() - 1])
            .chain(random)
        {
            let error = read(*file_type, &bytes[..len]).unwrap_err();
            assert!(
                matches!(error, WireError::Truncated(_)),
                "{file_type} cut to {len}: {error}"
            );
            assert!(len >= front || inspect(&bytes[..len]).is_err());
        }
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let mut rng = SecretRng::insecure_from_key([10; 32]);
    for (file_type, bytes) in FILES.iter() {
        let front = FRONT_LEN + Draft::of(bytes).header.len() + 8;
        let mut flipped = bytes.clone();
        let mut check = |position: usize, mask: u8| {
            flipped[position] ^= mask;
            let result = read(*file_type, &flipped);
            assert!(result.is_err(), "{file_type}: byte {position} ^ {mask}");
            let _ = inspect(flipped.as_slice());
            flipped[position] ^= mask;
        };
        for position in 0..front {
            check(position, 1 << below(&mut rng, 8));
            check(position, 1 + below(&mut rng, 255) as u8);
        }
        for _ in 0..20 {
            let position = front + below(&mut rng, bytes.len() - front);
            check(position, 1 << below(&mut rng, 8));
        }
        for position in bytes.len() - 32..bytes.len() {
            check(position, 0x80);
        }
    }
}

#[test]
fn damage_is_damage_whatever_it_makes_of_residues() {
    let p = &SMALLEST.parameters;
    let mut draft = Draft::of(&SMALLEST.seeded.to_bytes());
    let good = draft.bytes();
    draft.payload[..4].fill(0xff);
    // With a checksum that fits, the residue is wrong; without, the file is damaged.
    let forged = draft.bytes();
    let residue = tapetum_ckks::Ciphertext::from_bytes(p, &forged).unwrap_err();
    assert!(matches!(residue, WireError::Residue(_)), "{residue}");
    let mut damaged = forged;
    let checksum = damaged.len() - 32;
    damaged[checksum..].copy_from_slice(&good[checksum..]);
    let damage = tapetum_ckks::Ciphertext::from_bytes(p, &damaged).unwrap_err();
    assert!(matches!(damage, WireError::Checksum), "{damage}");
}

#[test]
fn no_type_is_taken_for_another() {
    for (file_type, bytes) in FILES.iter() {
        for expected in FileType::ALL {
            match read(expected, bytes) {
                Ok(again) => assert!(expected == *file_type && again == *bytes),
                Err(WireError::WrongType { expected: e, found }) => {
                    assert_eq!((e, found), (expected, *file_type));
                }
                Err(other) => panic!("{file_type} as {expected}: {other}"),
            }
        }
    }
}

#[test]
fn objects_of_other_parameters_are_refused() {
    let [_, others, _] = parameter_sets();
    for (file_type, bytes) in FILES.iter() {
        use FileType::*;
        if matches!(
            file_type,
            Parameters | SecretKey | PublicKey | EvaluationKeys
        ) {
            continue;
        }
        let error = rewritten(&others, *file_type, bytes).unwrap_err();
        let WireError::WrongParameters { expected, found } = error else {
            panic!("{file_type}: {error}");
        };
        assert_eq!(expected, others.digest());
        assert_eq!(found, SMALLEST.parameters.digest());
        assert!(error.to_string().contains(&expected.to_string()));
    }
}

/// Whatever is accepted is written back as it was: there is one file for each object.
fn refused_or_the_same(bytes: &[u8]) {
    let _ = inspect(bytes);
    for file_type in FileType::ALL {
        if let Ok(again) = read(file_type, bytes) {
            assert_eq!(again, bytes, "{file_type}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        refused_or_the_same(&bytes);
    }

    #[test]
    fn arbitrary_fronts(
        file_type in 0u16..12,
        header in prop::collection::vec(any::<u8>(), 0..64),
        payload_len in prop::option::of(any::<u64>()),
        payload in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let draft = Draft {
            file_type,
            header,
            payload_len,
            payload,
            ..Draft::of(&FILES[0].1)
        };
        refused_or_the_same(&draft.bytes());
    }

    /// Headers with changed bytes before good payloads, all with a checksum that fits.
    #[test]
    fn forged_headers(
        file in 0usize..11,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
        added in prop::collection::vec(any::<u8>(), 0..2),
    ) {
        let (file_type, bytes) = &FILES[file];
        let forged = Draft::of(bytes).with(|draft| {
            for (place, byte) in changes {
                let place = place.index(draft.header.len());
                draft.header[place] = byte;
            }
            draft.header.extend(added);
        });
        let forged = forged.bytes();
        if let Ok(again) = read(*file_type, &forged) {
            prop_assert_eq!(again, forged);
        }
    }

    /// Payloads with changed bytes, with a checksum that fits.
    #[test]
    fn forged_payloads(
        file in 1usize..11,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let (file_type, bytes) = &FILES[file];
        let forged = Draft::of(bytes).with(|draft| {
            for (place, byte) in changes {
                let place = place.index(draft.payload.len());
                draft.payload[place] = byte;
            }
        });
        let forged = forged.bytes();
        match read(*file_type, &forged) {
            Ok(again) => prop_assert_eq!(again, forged),
            Err(WireError::Residue(_) | WireError::SecretCoefficient) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

/// A claim of sixteen gigabytes is consistent, and costs what has arrived of them.
#[test]
fn memory_grows_with_what_arrives() {
    let bytes = SMALLEST.bundle().to_bytes();
    let Header::Bundle(mut header) = inspect(bytes.as_slice()).unwrap().header else {
        panic!("this is a bundle");
    };
    header.runs.truncate(1);
    header.runs[0].count = 1 << 20;
    let forged = Draft::of(&bytes).with_header(&header).with(|draft| {
        let each = Draft::of(&SMALLEST.seeded.to_bytes()).payload.len() as u64;
        draft.payload_len = Some(u64::from(header.metadata_len) + (each << 20));
    });
    let error = read(FileType::Bundle, &forged.bytes()).unwrap_err();
    assert!(matches!(error, WireError::Truncated(_)), "{error}");
}

/// Parameters that a file brings along are as suspect as the rest of it.
#[test]
fn parameters_in_files_are_checked_like_those_of_users() {
    let weak = Parameters::literal(&SMALLEST.parameters).clone();
    let weak = tapetum_ckks::ParametersLiteral {
        q_bits: vec![49; 3],
        ..weak
    };
    for (file_type, bytes) in FILES.iter() {
        use FileType::*;
        if !matches!(file_type, Parameters | SecretKey | PublicKey) {
            continue;
        }
        let header = tapetum_ckks::wire::ParametersHeader {
            literal: weak.clone(),
        };
        let error = read(*file_type, &Draft::of(bytes).with_header(&header).bytes()).unwrap_err();
        assert!(matches!(error, WireError::Parameters(_)), "{error}");
    }
}
