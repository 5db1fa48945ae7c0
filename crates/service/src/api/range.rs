//! Parts of files that callers ask for, by `Range` (RFC 9110, section 14): an interrupted download resumes.
//!
//! By hand: `http-range-header` refuses what the RFC has servers ignore, such as `bytes=5-4`.

use std::ops::Range;

use axum::http::{HeaderMap, header};

use crate::error::{Error, Result};

/// The bytes that are wanted of a file, if not all. What is not understood is ignored, as the RFC has it: more than
/// one part, other units, and a part of a file that has changed since.
///
/// # Errors
/// 416 if the file ends before the part begins.
pub fn wanted(headers: &HeaderMap, bytes: u64, etag: &str) -> Result<Option<Range<u64>>> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let has_changed =
        headers.contains_key(header::IF_RANGE) && text(header::IF_RANGE) != Some(etag);
    let Some((first, last)) = text(header::RANGE)
        .filter(|_| !has_changed)
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..bytes.min(last.saturating_add(1)),
        (Some(first), None) if last.is_empty() => first..bytes,
        (None, Some(length)) if first.is_empty() => bytes.saturating_sub(length)..bytes,
        _ => return Ok(None),
    };
    match range.is_empty() {
        false => Ok(Some(range)),
        true => Err(Error::range(bytes)),
    }
}

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_understood_or_ignored() {
        let read = |range: &str, since: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            if !since.is_empty() {
                headers.insert(header::IF_RANGE, since.parse().unwrap());
            }
            wanted(&headers, 100, "tag").map_err(|problem| problem.status())
        };
        assert_eq!(read("bytes=0-0", ""), Ok(Some(0..1)));
        assert_eq!(read("bytes=10-", ""), Ok(Some(10..100)));
        assert_eq!(
            read("bytes=10-18446744073709551615", "tag"),
            Ok(Some(10..100))
        );
        assert_eq!(read("bytes=-10", ""), Ok(Some(90..100)));
        assert_eq!(read("bytes=-1000", ""), Ok(Some(0..100)));
        for ignored in [
            "bytes=5-4",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "lines=1-2",
            "bytes=1-2,4-5",
        ] {
            assert_eq!(read(ignored, ""), Ok(None), "{ignored}");
        }
        assert_eq!(read("bytes=10-", "other"), Ok(None));
        for beyond in ["bytes=100-", "bytes=200-300", "bytes=-0"] {
            assert_eq!(read(beyond, ""), Err(416), "{beyond}");
        }
    }
}
