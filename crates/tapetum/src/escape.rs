//! Names that others chose, made harmless where they are shown: on terminals and in spreadsheets.

use std::borrow::Cow;

/// What spreadsheets take for the start of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Text with all characters visible that would move the cursor, change colours or turn the direction of reading.
pub fn escaped(text: &str) -> Cow<'_, str> {
    escaped_but(text, None)
}

/// The same for text of several lines.
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    escaped_but(text, Some('\n'))
}

fn escaped_but(text: &str, harmless: Option<char>) -> Cow<'_, str> {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_harmful = |c: char| (c.is_control() || turns(c)) && Some(c) != harmless;
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_harmful(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The cell of a CSV file for a name: with an apostrophe in front where a spreadsheet would take it for a formula.
/// Numbers are none.
pub fn cell(name: &str) -> Cow<'_, str> {
    match name.starts_with('\'') || is_formula(name) {
        true => Cow::Owned(format!("'{name}")),
        false => Cow::Borrowed(name),
    }
}

/// The name in a [`cell`].
pub fn name(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(name) if name.starts_with('\'') || is_formula(name) => name,
        _ => cell,
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(FORMULA) && text.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_but_text() {
        assert_eq!(escaped("größe 1.png"), "größe 1.png");
        let names = [
            (
                "\x1b[2Jx\x1b]0;t\x07.png",
                "\\u{1b}[2Jx\\u{1b}]0;t\\u{7}.png",
            ),
            ("a\nb\r", "a\\nb\\r"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
        ];
        for (name, shown) in names {
            assert_eq!(escaped(name), shown);
        }
        assert_eq!(escaped_lines("a\nb\t"), "a\nb\\t");
    }

    #[test]
    fn no_cell_is_a_formula_and_names_come_back() {
        for text in [
            "=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "\t=1", "'=1", "'x", "''",
        ] {
            let cell = cell(text);
            assert!(cell.starts_with('\''), "{text}");
            assert_eq!(name(&cell), text);
        }
        for text in ["a.png", "-1", "+1", "1e-3", "", "a=b"] {
            assert_eq!(cell(text), text);
            assert_eq!(name(text), text);
        }
        // As they were written before.
        assert_eq!(name("'old'.png"), "'old'.png");
    }
}
