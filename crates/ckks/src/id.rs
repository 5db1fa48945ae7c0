//! Names that nothing else has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tapetum_ring::sampling::{RandomnessError, Seed};

/// A random number that names something and says nothing about it; as text 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 16]);

impl Id {
    /// As long as any other, to count bytes.
    pub(crate) const ANY: Self = Self([0; 16]);

    /// One that nothing else has.
    ///
    /// # Errors
    /// [`RandomnessError`] if the operating system gives no randomness.
    pub fn random() -> Result<Self, RandomnessError> {
        let seed = Seed::fresh()?.to_bytes();
        Ok(Self(std::array::from_fn(|i| seed[i])))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

/// Text that is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 32 hexadecimal digits")]
pub struct IdError;

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(number) if digits => Ok(Self(number.to_be_bytes())),
            _ => Err(IdError),
        }
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => String::deserialize(deserializer)?
                .parse()
                .map_err(serde::de::Error::custom),
            false => Ok(Self(<[u8; 16]>::deserialize(deserializer)?)),
        }
    }
}

/// An id at the end of a header, where files of before there were ids have nothing: they stay valid, and without an
/// id the file is the same as before.
pub(crate) mod at_end {
    use serde::de::{Error, SeqAccess, Visitor};
    use serde::{Deserializer, Serialize, Serializer};

    use super::Id;

    pub fn serialize<S: Serializer>(id: &Option<Id>, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => id.serialize(serializer),
            None => serializer.serialize_unit(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Id>, D::Error> {
        struct Bytes;

        impl<'de> Visitor<'de> for Bytes {
            type Value = Option<Id>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("16 bytes or none")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Self::Value, A::Error> {
                // A byte fails to be read only where the header has ended.
                let Ok(Some(first)) = bytes.next_element() else {
                    return Ok(None);
                };
                let mut id = [first; 16];
                for byte in &mut id[1..] {
                    let next = bytes.next_element()?;
                    *byte = next.ok_or_else(|| A::Error::custom("an id ends early"))?;
                }
                Ok(Some(Id(id)))
            }
        }

        deserializer.deserialize_tuple(16, Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_text_and_back() {
        let [a, b] = [Id::random().unwrap(), Id::random().unwrap()];
        assert_ne!(a, b);
        assert_eq!(a.to_string().parse(), Ok(a));
        let bytes = postcard::to_allocvec(&a).unwrap();
        assert_eq!(
            (bytes.len(), postcard::from_bytes::<Id>(&bytes).unwrap()),
            (16, a)
        );
        for text in ["", "0", &"g".repeat(32), &"+".repeat(32), &"0".repeat(33)] {
            assert_eq!(text.parse::<Id>(), Err(IdError), "{text}");
        }
    }

    #[test]
    fn headers_with_and_without_an_id_differ_by_it_alone() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Header {
            number: u32,
            #[serde(with = "at_end")]
            id: Option<Id>,
        }
        let bytes = |id| postcard::to_allocvec(&Header { number: 300, id }).unwrap();
        let id = Id::random().unwrap();
        assert_eq!(bytes(None), postcard::to_allocvec(&300u32).unwrap());
        assert_eq!(bytes(Some(id)), [bytes(None), id.0.to_vec()].concat());
        for id in [None, Some(id)] {
            let read: Header = postcard::from_bytes(&bytes(id)).unwrap();
            assert_eq!(read, Header { number: 300, id });
        }
        for cut in [3, 17] {
            assert!(
                postcard::from_bytes::<Header>(&bytes(Some(id))[..cut]).is_err(),
                "{cut}"
            );
        }
    }
}
