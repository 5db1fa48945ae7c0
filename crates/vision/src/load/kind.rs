//! What a path leads to, by its content rather than its name.

use super::entries::is_named_like_a_picture;
use super::{image, open};
use crate::Error;
use flate2::read::MultiGzDecoder;
use std::io::Read;
use std::path::Path;

/// What samples can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A folder.
    Folder,
    /// A picture, or a file named like one.
    Picture,
    /// A table as text, perhaps gzipped.
    Table,
    /// An IDX file, perhaps gzipped.
    Idx,
    /// An NPY array.
    Npy,
    /// An NPZ archive.
    Npz,
}

/// Says what a path leads to.
///
/// # Errors
/// [`Error::Io`] if it leads nowhere, [`Error::Format`] if it is of none of these kinds.
pub fn kind(path: &Path) -> Result<Kind, Error> {
    if path.is_dir() {
        return Ok(Kind::Folder);
    }
    let file = open(path)?;
    if is_named_like_a_picture(path) {
        return Ok(Kind::Picture);
    }
    let mut start = Vec::new();
    file.take(1 << 12)
        .read_to_end(&mut start)
        .map_err(|e| Error::io(path, e))?;
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    if start.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        // What is cut off here cannot be unpacked to its end.
        let _ = MultiGzDecoder::new(&start[..])
            .take(1 << 12)
            .read_to_end(&mut unpacked);
        start = unpacked;
    }
    Ok(match start.as_slice() {
        _ if ending == "csv" || ending == "tsv" => Kind::Table,
        _ if ending == "npz" => Kind::Npz,
        _ if ending == "npy" => Kind::Npy,
        [b'P', b'K', 3 | 5, ..] => Kind::Npz,
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Kind::Npy,
        [0, 0, 8..=14, 1..=4, ..] => Kind::Idx,
        start if image::is_picture(start) => Kind::Picture,
        start if is_text(start) => Kind::Table,
        _ => {
            return Err(Error::format(
                path,
                "this is not a picture (PNG, JPEG, WebP), a table as text (CSV), or an NPZ, NPY or IDX file",
            ));
        }
    })
}

/// Whether bytes may be a table as text: neither control characters nor the start of a mark-up.
fn is_text(start: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && !b"\t\n\r\x0c\x1a".contains(byte);
    let utf16 = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    let marked_up = matches!(start.trim_ascii_start(), [b'<' | b'{' | b'%', ..]);
    utf16 || (!start.iter().any(is_control) && !marked_up)
}
