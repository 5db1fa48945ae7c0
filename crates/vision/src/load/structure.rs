//! How a table is laid out: what separates its cells, whether the first row names its columns, where its labels are.

use super::columns::{TableOptions, place};
use super::labels::is_missing;
use crate::Error;
use crate::notes::{counted, listed};
use ::csv::{Reader, ReaderBuilder, StringRecord, Trim};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Rows that are looked at.
const LOOKED_AT: usize = 1_000;
/// Separators beside the comma.
const SEPARATORS: [u8; 4] = [b';', b'\t', b'|', b' '];
/// Names that the column of labels is found by.
const LABEL_NAMES: [&str; 2] = ["label", "labels"];
/// Names that are those of columns of labels rather than labels.
const USUAL_NAMES: [&str; 7] = [
    "label",
    "labels",
    "class",
    "target",
    "y",
    "diagnosis",
    "species",
];

/// What is said of cells with line breaks.
pub(super) const UNCLOSED: &str = ": is a quotation mark not closed?";

pub(super) fn is_over_lines(cell: &str) -> bool {
    cell.contains('\n')
}

/// How a table is laid out.
pub(super) struct Structure {
    pub delimiter: u8,
    /// Whether `0,5` is a number.
    pub decimal_comma: bool,
    /// Whether the first row names the columns.
    pub header: bool,
    /// The names of all columns.
    pub names: Option<Vec<String>>,
    /// Cells of a row.
    pub width: usize,
    pub label: Option<usize>,
    /// Whether the user does not say where the labels are.
    pub label_is_guessed: bool,
    pub features: Vec<usize>,
    /// Columns in which no cell may hold anything.
    pub empty: Vec<usize>,
    pub notes: Vec<String>,
}

/// A reader of rows.
pub(super) fn reader(text: &[u8], delimiter: u8) -> Reader<&[u8]> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(delimiter)
        .from_reader(text)
}

/// The number in a cell.
pub(super) fn number(cell: &str, decimal_comma: bool) -> Option<f64> {
    match cell.parse() {
        Ok(value) => Some(value),
        Err(_) if decimal_comma && cell.matches(',').count() == 1 => {
            cell.replace(',', ".").parse().ok()
        }
        Err(_) => None,
    }
}

impl Structure {
    /// Of a text with labels or without. Only its first rows are looked at.
    pub fn of(
        path: &Path,
        text: &[u8],
        labelled: bool,
        options: &TableOptions,
    ) -> Result<Self, Error> {
        let mut notes = Vec::new();
        let delimiter = options.delimiter.unwrap_or_else(|| separator(text));
        if options.delimiter.is_none() && delimiter != b',' {
            let shown = match delimiter {
                b'\t' => "tabs".to_owned(),
                b' ' => "blanks".to_owned(),
                other => format!("{:?}", char::from(other)),
            };
            notes.push(format!(
                "cells separated by {shown}, as it seems (--delimiter says by what)"
            ));
        }
        let rows = rows(text, delimiter, LOOKED_AT);
        let decimal_comma = has_decimal_commas(&rows);
        if decimal_comma {
            notes.push("commas in numbers are taken for decimal commas".to_owned());
        }
        let Some((first, rest)) = rows.split_first() else {
            return Err(Error::format(path, "the file holds no row of data"));
        };
        let width = rest.first().map_or(first.len(), StringRecord::len);
        if first.len() == 1 && width > 2 {
            return Err(Error::Csv {
                path: path.to_path_buf(),
                line: first.position().map_or(0, ::csv::Position::line),
                column: 1,
                reason: format!(
                    "the first row has one cell and the next one {width}: remove what stands before the names of the \
                     columns"
                ),
            });
        }
        let look = Look {
            first,
            rest,
            decimal_comma,
            label: labelled.then(|| match &options.label_column {
                Some(column) => place(path, column, None, width).unwrap_or(0),
                // A column without a name in front numbers the rows.
                None => usize::from(width > 2 && first.get(0).is_some_and(str::is_empty)),
            }),
        };
        let header = match options.header {
            Some(header) => header,
            None if first.iter().any(|name| options.mentions(name)) => true,
            None => look.has_header(&mut notes),
        };
        let ends_empty = width > 1
            && rest
                .iter()
                .all(|row| row.get(width - 1).is_some_and(str::is_empty));
        let names = header.then(|| column_names(first, width, ends_empty));
        if let Some(names) = names.as_ref().filter(|names| names.len() != width) {
            return Err(Error::Csv {
                path: path.to_path_buf(),
                line: rest[0].position().map_or(0, ::csv::Position::line),
                column: width.min(names.len()) + 1,
                reason: format!(
                    "the row has {width} cells, the first row has {}{}",
                    names.len(),
                    match rest[0].iter().any(is_over_lines) {
                        true => UNCLOSED,
                        false => "",
                    }
                ),
            });
        }
        let repeated = names.as_ref().and_then(|names| {
            let again = |(i, name): &(usize, &String)| names[..*i].contains(name);
            names.iter().enumerate().find(again)
        });
        if let Some((_, name)) = repeated {
            notes.push(format!(
                "several columns are called {name:?}, so none is found by its name"
            ));
        }
        let mut found = Self {
            delimiter,
            decimal_comma,
            header,
            width,
            label: None,
            label_is_guessed: options.label_column.is_none(),
            features: (0..width).collect(),
            empty: Vec::new(),
            names,
            notes,
        };
        found.assign(path, labelled, options, &look)?;
        Ok(found)
    }

    /// Says which column is what.
    fn assign(
        &mut self,
        path: &Path,
        labelled: bool,
        options: &TableOptions,
        look: &Look<'_>,
    ) -> Result<(), Error> {
        let names = self.names.clone();
        let find = |column: &String| place(path, column, names.as_deref(), self.width);
        let label = options.label_column.as_ref().map(find).transpose()?;
        let ignored: Vec<usize> = options
            .ignored_columns
            .iter()
            .map(find)
            .collect::<Result<_, _>>()?;
        self.features
            .retain(|column| !ignored.contains(column) && label != Some(*column));
        let unnamed = |column: usize| match &names {
            Some(names) => names
                .get(column)
                .is_some_and(|name| name.is_empty() || name.starts_with("Unnamed: ")),
            None => true,
        };
        let (mut counting, mut empty) = (Vec::new(), Vec::new());
        for &column in &self.features {
            if unnamed(column) && look.is_empty(column) {
                empty.push(column);
            } else if names.is_some() && unnamed(column) && look.numbers_rows(column) {
                counting.push(column + 1);
            }
        }
        self.features
            .retain(|c| !empty.contains(c) && !counting.contains(&(c + 1)));
        if !counting.is_empty() {
            let column = listed(&counting);
            self.notes.push(format!(
                "column {column} left out: it has no name and numbers the rows"
            ));
        }
        if !empty.is_empty() {
            let what = counted(empty.len(), "column");
            self.notes
                .push(format!("{what} without name and content left out"));
        }
        self.empty = empty;
        if labelled {
            self.label = label.or_else(|| self.default_label());
            self.features.retain(|&column| Some(column) != self.label);
        }
        let note = self.outline();
        self.notes.insert(0, note);
        Ok(())
    }

    /// The column called `label`, or else the first one.
    fn default_label(&self) -> Option<usize> {
        let names = self.names.as_deref().unwrap_or_default();
        let is_label = |column: &usize| {
            let name = names.get(*column).map_or("", String::as_str);
            LABEL_NAMES
                .iter()
                .any(|label| name.eq_ignore_ascii_case(label))
        };
        let named: Vec<usize> = self.features.iter().copied().filter(is_label).collect();
        if let [column] = named.as_slice() {
            return Some(*column);
        }
        self.features.first().copied()
    }

    /// A column as remarks and errors call it.
    pub fn called(&self, column: usize) -> String {
        let name = self.names.as_ref().and_then(|names| names.get(column));
        match name.filter(|name| !name.is_empty()) {
            Some(name) => format!("column {} ({name:?})", column + 1),
            None => format!("column {}", column + 1),
        }
    }

    /// The names of the features.
    pub fn feature_names(&self) -> Option<Vec<String>> {
        let names = self.names.as_ref()?;
        Some(
            self.features
                .iter()
                .map(|&column| names[column].clone())
                .collect(),
        )
    }

    fn outline(&self) -> String {
        let columns = counted(self.width, "column");
        let features = match self.feature_names() {
            Some(names) => format!("{} ({})", counted(names.len(), "feature"), listed(&names)),
            None => counted(self.features.len(), "feature"),
        };
        let header = if self.header {
            "named in the first row"
        } else {
            "without names"
        };
        match self.label {
            Some(label) => {
                format!(
                    "table of {columns} {header}: label in {}, {features}",
                    self.called(label)
                )
            }
            None => format!("table of {columns} {header}: no label, {features}"),
        }
    }
}

/// The names of columns in the first row of a table whose other rows are this wide, and may all end with an empty cell.
fn column_names(first: &StringRecord, width: usize, ends_empty: bool) -> Vec<String> {
    let mut names: Vec<String> = first.iter().map(str::to_owned).collect();
    if let Some(name) = names.first_mut() {
        *name = name.trim_start_matches(['#', ' ']).to_owned();
    }
    if names.len() == width + 1 && names.last().is_some_and(String::is_empty) {
        names.pop();
    } else if names.len() + 1 == width && ends_empty {
        // Rows end with a separator, and the names do not.
        names.push(String::new());
    } else if names.len() + 1 == width {
        // As R writes tables, whose rows have names in a column without one.
        names.insert(0, String::new());
    }
    names
}

/// The first rows as text, up to the first that is none.
fn rows(text: &[u8], delimiter: u8, most: usize) -> Vec<StringRecord> {
    let mut reader = reader(text, delimiter);
    reader.records().take(most).map_while(Result::ok).collect()
}

/// What separates most numbers and the same number of cells in each row; the comma if that is undecided.
fn separator(text: &[u8]) -> u8 {
    // How many of the cells are numbers, the first row aside.
    let numbers = |separator: u8| -> Option<(usize, usize)> {
        let rows = rows(text, separator, 100);
        let cells = if rows.len() > 1 {
            &rows[1..]
        } else {
            &rows[..]
        };
        let width = cells.first()?.len();
        let even = cells.iter().all(|row| row.len() == width);
        let cells = cells.iter().flat_map(StringRecord::iter);
        let numbers = cells
            .clone()
            .filter(|c| number(c, separator != b',').is_some());
        (width > 1 && (even || separator == b',')).then(|| (numbers.count(), cells.count()))
    };
    let mut best = (b',', numbers(b',').unwrap_or((0, 1)));
    for separator in SEPARATORS {
        if let Some((count, of)) = numbers(separator) {
            // More in proportion, or as many where blanks are no sign.
            let (new, old) = (count * best.1.1, best.1.0 * of);
            if new > old || (new == old && new > 0 && separator != b' ') {
                best = (separator, (count, of));
            }
        }
    }
    best.0
}

/// Whether commas in numbers must be decimal ones, because not all of them may separate thousands.
fn has_decimal_commas(rows: &[StringRecord]) -> bool {
    let thousands = |cell: &str| {
        let cell = cell.trim_start_matches(['-', '+']);
        cell.split_once(',').is_some_and(|(whole, rest)| {
            rest.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0')
        })
    };
    let cells = rows.iter().flat_map(StringRecord::iter);
    cells
        .filter(|c| number(c, false).is_none() && number(c, true).is_some())
        .any(|cell| !thousands(cell))
}

/// The first row, to be told from the rest.
struct Look<'a> {
    first: &'a StringRecord,
    rest: &'a [StringRecord],
    decimal_comma: bool,
    /// Where the label may be.
    label: Option<usize>,
}

impl Look<'_> {
    /// Whether the first row names the columns; what is doubtful is noted.
    fn has_header(&self, notes: &mut Vec<String>) -> bool {
        let cells = || self.first.iter().enumerate();
        let is_text = |cell: &str| !is_missing(cell) && self.number(cell).is_none();
        let text: Vec<usize> = cells()
            .filter(|(_, c)| is_text(c))
            .map(|(i, _)| i)
            .collect();
        let is_feature = |column: usize| Some(column) != self.label;
        let mut features = cells().filter(|(column, _)| is_feature(*column));
        if text.iter().any(|&column| is_feature(column))
            && features.all(|(_, cell)| is_text(cell) || cell.is_empty())
        {
            return true;
        }
        let label = self.label.and_then(|label| self.first.get(label));
        let labels = self
            .label
            .map(|label| self.counts(label))
            .unwrap_or_default();
        let label_is_text = label.is_some_and(is_text);
        let labels_are_text = label_is_text && !self.label.is_some_and(|l| self.is_numeric(l));
        // As a label it would be that of this row alone.
        let alone = label.is_some_and(|label| !labels.contains_key(label));
        if labels_are_text && !alone {
            return false;
        }
        let values: Vec<f64> = cells().filter_map(|(_, cell)| self.number(cell)).collect();
        let numbers = values.len();
        let over_numbers = text.iter().any(|&column| self.is_numeric(column));
        let only_label = label_is_text && text.len() == 1;
        if over_numbers && only_label {
            return true;
        }
        // Names that are numbers are evenly spaced, or at least many and in order; samples hardly ever are.
        let others = |is: fn(&[f64]) -> bool| -> usize {
            let values = |row: &StringRecord| -> Vec<f64> {
                row.iter().filter_map(|cell| self.number(cell)).collect()
            };
            self.rest.iter().filter(|row| is(&values(row))).count()
        };
        let allowed = if numbers > 3 { self.rest.len() / 50 } else { 0 };
        let like_names = self.rest.len() >= 5
            && ((numbers >= 3 && is_even(&values) && others(is_even) <= allowed)
                || (numbers >= 6 && is_increasing(&values) && others(is_increasing) <= allowed));
        let named = label.is_some_and(|l| USUAL_NAMES.iter().any(|n| l.eq_ignore_ascii_case(n)));
        let repeated = labels.len() > 1 && labels.values().all(|&n| n > 1);
        let doubtful = if over_numbers {
            (is_increasing(&values) && numbers >= 3) || text.len() > numbers
        } else if only_label {
            named || (like_names && repeated)
        } else {
            text.is_empty() && like_names
        };
        if doubtful {
            notes.push(
                "the first row is taken for the names of the columns (--no-header says that it is a \
                 sample)"
                    .to_owned(),
            );
        } else if labels_are_text && repeated {
            notes.push(format!(
                "the first row is taken for a sample, though its label {:?} is that of no other \
                 (--header says that it names the columns)",
                label.unwrap_or_default()
            ));
        }
        doubtful
    }

    fn number(&self, cell: &str) -> Option<f64> {
        number(cell, self.decimal_comma)
    }

    /// The cells of a column below the first row.
    fn below(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rest.iter().filter_map(move |row| row.get(column))
    }

    /// How often each text occurs in a column.
    fn counts(&self, column: usize) -> HashMap<&str, usize> {
        let mut counts = HashMap::new();
        for cell in self.below(column).filter(|cell| !is_missing(cell)) {
            *counts.entry(cell).or_default() += 1;
        }
        counts
    }

    /// Whether a column holds numbers alone.
    fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self
            .below(column)
            .filter(|cell| !is_missing(cell))
            .peekable();
        cells.peek().is_some() && cells.all(|cell| self.number(cell).is_some())
    }

    fn is_empty(&self, column: usize) -> bool {
        let first = self.first.get(column).unwrap_or_default();
        (first.is_empty() || first.starts_with("Unnamed: "))
            && !self.rest.is_empty()
            && self.below(column).all(str::is_empty)
    }

    /// Whether a column has another whole number in each row.
    fn numbers_rows(&self, column: usize) -> bool {
        let numbers: Option<Vec<f64>> = self.below(column).map(|cell| cell.parse().ok()).collect();
        numbers.is_some_and(|numbers| !numbers.is_empty() && are_identifiers(numbers.into_iter()))
    }
}

/// Whether numbers are whole and all different.
pub(super) fn are_identifiers(mut numbers: impl Iterator<Item = f64>) -> bool {
    let mut seen = HashSet::new();
    numbers.all(|n| n.fract() == 0.0 && seen.insert(n.to_bits()))
}

/// Whether numbers go up by one.
pub(super) fn counts_up(numbers: impl Iterator<Item = f64> + Clone) -> bool {
    let mut pairs = numbers.clone().zip(numbers.skip(1));
    pairs.all(|(a, b)| b - a == 1.0)
}

fn is_increasing(numbers: &[f64]) -> bool {
    numbers.len() > 1 && numbers.windows(2).all(|pair| pair[0] < pair[1])
}

/// Whether numbers increase by equal steps.
fn is_even(numbers: &[f64]) -> bool {
    let step = numbers
        .get(1)
        .zip(numbers.first())
        .map_or(0.0, |(b, a)| b - a);
    let is_step = |pair: &[f64]| (pair[1] - pair[0] - step).abs() <= 1e-9 * step;
    step > 0.0 && numbers.windows(2).all(is_step)
}
