//! The circles that are known. The list may only shrink.

/// A circle that is known, with the reason why it stays.
pub struct Accepted {
    /// The folder of its crate's sources.
    pub below: &'static str,
    /// Its files.
    pub files: &'static [&'static str],
    /// Why it stays.
    pub reason: &'static str,
}

/// The list.
pub const CIRCLES: &[Accepted] = &[Accepted {
    below: "crates/learn/src",
    files: &[
        "labels/clear.rs",
        "labels/encrypted.rs",
        "labels.rs",
        "layout.rs",
        "matrix.rs",
        "packing.rs",
    ],
    reason: "sessions and files are being put into layers",
}];
