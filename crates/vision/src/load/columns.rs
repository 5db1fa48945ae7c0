//! Which column of a table is what, as its user says.

use crate::Error;
use std::path::Path;

/// What the user says of a table; what is not said is guessed, and the guess is among the notes of the set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// Whether the first row names the columns.
    pub header: Option<bool>,
    /// The column of labels: its name, or its number counted from 1, or from the end with -1 as the last.
    pub label_column: Option<String>,
    /// Columns to be left out, named likewise.
    pub ignored_columns: Vec<String>,
    /// What separates cells.
    pub delimiter: Option<u8>,
}

impl TableOptions {
    /// Whether one of the columns that are spoken of has this name.
    pub(super) fn mentions(&self, name: &str) -> bool {
        let mut spoken = self.label_column.iter().chain(&self.ignored_columns);
        !name.is_empty() && spoken.any(|column| column == name)
    }
}

/// The place of a column by its name or number.
pub(super) fn place(
    path: &Path,
    column: &str,
    names: Option<&[String]>,
    width: usize,
) -> Result<usize, Error> {
    let mut named = (names.unwrap_or_default().iter().enumerate()).filter(|(_, n)| *n == column);
    if let Some((place, _)) = named.next() {
        return match named.next() {
            None => Ok(place),
            Some(_) => Err(Error::format(
                path,
                format!("several columns are called {column:?}; pass the number of one"),
            )),
        };
    }
    let number = column.parse::<i64>().ok();
    let place = number.and_then(|n| match n {
        1.. => usize::try_from(n - 1).ok(),
        _ => usize::try_from(n)
            .ok()
            .or(width.checked_sub(n.unsigned_abs() as usize)),
    });
    place
        .filter(|&place| number != Some(0) && place < width)
        .ok_or_else(|| {
            let known = match names {
                Some(names) => format!(
                    "the columns are {}",
                    names.join(", ").chars().take(300).collect::<String>()
                ),
                None => format!(
                    "the first row does not name the {width} columns (--header says that it does)"
                ),
            };
            Error::format(path, format!("there is no column {column:?}: {known}"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_by_name_and_number() {
        let names = ["a", "2", "b", "b"].map(str::to_owned);
        let find = |column: &str| place(Path::new("t.csv"), column, Some(&names), 4).ok();
        assert_eq!(find("a"), Some(0));
        // A name comes before a number.
        assert_eq!(find("2"), Some(1));
        assert_eq!(
            (find("3"), find("-1"), find("-4")),
            (Some(2), Some(3), Some(0))
        );
        for none in ["b", "c", "0", "5", "-5", "-9223372036854775808", ""] {
            assert_eq!(find(none), None, "{none}");
        }
    }
}
