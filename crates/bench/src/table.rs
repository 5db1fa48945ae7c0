//! Tables as text.

/// A column: its name, its width (negative if it is aligned to the left), and what stands in it.
pub type Column<R> = (&'static str, isize, fn(&R) -> String);

/// The line of names.
pub fn head<R>(columns: &[Column<R>]) -> String {
    line(
        columns
            .iter()
            .map(|(name, width, _)| (name.to_string(), *width)),
    )
}

/// The line of a row.
pub fn row<R>(columns: &[Column<R>], row: &R) -> String {
    line(columns.iter().map(|(_, width, cell)| (cell(row), *width)))
}

fn line(cells: impl Iterator<Item = (String, isize)>) -> String {
    let padded = cells.map(|(text, width)| match width.unsigned_abs() {
        columns if width < 0 => format!("{text:<columns$}"),
        columns => format!("{text:>columns$}"),
    });
    padded.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_their_width() {
        let columns: [Column<u32>; 2] = [
            ("name", -6, |x| format!("no. {x}")),
            ("half", 5, |x| format!("{:.1}", f64::from(*x) / 2.0)),
        ];
        assert_eq!(head(&columns), "name    half");
        assert_eq!(row(&columns, &7), "no. 7    3.5");
    }
}
