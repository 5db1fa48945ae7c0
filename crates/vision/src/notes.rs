//! Names and numbers in the remarks that readers leave.

use std::fmt::Display;

/// Items of a list that are named before the rest is counted.
const SHOWN: usize = 5;

/// `a, b, c, d, e and 12 more`.
pub fn listed<T: Display>(items: &[T]) -> String {
    let shown: Vec<String> = items.iter().take(SHOWN).map(T::to_string).collect();
    match items.len().checked_sub(SHOWN + 1) {
        None => shown.join(", "),
        Some(more) => format!("{} and {} more", shown.join(", "), more + 1),
    }
}

/// `1 row`, `12 rows`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
