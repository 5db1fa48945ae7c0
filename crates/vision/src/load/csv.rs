//! Tables as text: rows of `label,feature,...`, and of features alone.

use super::columns::TableOptions;
use super::labels::{is_missing, spelled_differently, stored_differently};
use super::structure::{
    Structure, UNCLOSED, are_identifiers, counts_up, is_over_lines, number, reader,
};
use super::{Limits, index_labels, indexed_sources, names_alike, open, read_capped};
use crate::notes::{counted, listed};
use crate::{DataSet, Error, Samples, Table, Unlabeled};
use ::csv::StringRecord;
use flate2::read::MultiGzDecoder;
use std::collections::{HashMap, HashSet};
use std::io::Cursor;
use std::path::Path;

/// Rows from which a column of labels that are all different is refused, and one that counts them is noticed.
const TELLING_ROWS: usize = 10;
/// Measurements have more different values than this.
const FEW_VALUES: usize = 20;

/// Loads rows of a label and features, plain or gzipped. The label may be text or a number; every feature must be a
/// finite number.
///
/// What `options` leave open is guessed from the first thousand rows, and the notes of the set tell what was: what
/// separates cells, whether the first row names the columns, and which column has the labels (that called `label`, or
/// else the first). Rows without a label (empty, `NA`, `NaN`, `?`, `null`) and blank rows are left out and counted.
/// A cell that is not a finite number and a row of another length give an error with line and column; so does a
/// column of labels by default that looks like a row number, an identifier or a measurement.
pub fn csv_table(path: &Path, options: &TableOptions, limits: &Limits) -> Result<DataSet, Error> {
    let mut rows = Rows::read(path, true, options, limits)?;
    rows.check_labels(path)?;
    let (labels, names) = index_labels(&rows.labels);
    let stored = rows.labels.iter().map(String::as_str);
    rows.notes.extend(stored_differently(stored));
    rows.notes.extend(spelled_differently(&rows.labels, &names));
    rows.note_labels_among_features(&labels);
    rows.notes.extend(names_alike(&names));
    let sources = std::mem::take(&mut rows.sources);
    let notes = std::mem::take(&mut rows.notes);
    let samples = Samples::Table(rows.table()?);
    Ok(DataSet::new(samples, labels, names, sources)?.with_notes(notes))
}

/// Loads rows of `feature,...` without labels; otherwise as [`csv_table`].
pub fn csv_unlabeled(
    path: &Path,
    options: &TableOptions,
    limits: &Limits,
) -> Result<Unlabeled, Error> {
    let mut rows = Rows::read(path, false, options, limits)?;
    let sources = std::mem::take(&mut rows.sources);
    let notes = std::mem::take(&mut rows.notes);
    Ok(Unlabeled::new(Samples::Table(rows.table()?), sources)?.with_notes(notes))
}

struct Rows {
    structure: Structure,
    labels: Vec<String>,
    values: Vec<f64>,
    sources: Vec<String>,
    notes: Vec<String>,
}

impl Rows {
    fn read(
        path: &Path,
        labelled: bool,
        options: &TableOptions,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let text = text(path, limits)?;
        let mut body = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let mut options = options.clone();
        // As Excel writes and reads it.
        if let [
            b's',
            b'e',
            b'p',
            b'=',
            separator,
            end @ (b'\r' | b'\n'),
            rest @ ..,
        ] = body
        {
            options.delimiter = options.delimiter.or(Some(*separator));
            body = match end {
                b'\r' => rest.strip_prefix(b"\n").unwrap_or(rest),
                _ => rest,
            };
        }
        let mut skipped_lines = u64::from(body.len() + 5 < text.len());
        let comments = leading_comments(body);
        body = &body[comments.1..];
        skipped_lines += comments.0;
        let mut structure = Structure::of(path, body, labelled, &options)?;
        if structure.features.len() > limits.columns {
            let limit = limits.columns as u64;
            return Err(Error::too_large(path, "the number of columns", limit));
        }
        if structure.features.is_empty() {
            return Err(Error::Csv {
                path: path.to_path_buf(),
                line: 1 + skipped_lines,
                column: structure.width + 1,
                reason: "the row holds no feature".to_owned(),
            });
        }
        let mut notes = std::mem::take(&mut structure.notes);
        if comments.0 > 0 {
            let comments = counted(comments.0 as usize, "line");
            notes.push(format!("{comments} left out in front, beginning with #"));
        }
        let mut found = Self {
            structure,
            labels: Vec::new(),
            values: Vec::new(),
            sources: Vec::new(),
            notes,
        };
        let left_out = found.rows(path, body, skipped_lines, limits)?;
        left_out.note(blank_lines(body), &mut found.notes);
        if found.sources.is_empty() {
            let reason = match left_out.unlabelled.is_empty() {
                true => "the file holds no row of data",
                false => "no row has a label; for data without labels pass --unlabelled",
            };
            return Err(Error::format(path, reason));
        }
        found.note_counting();
        Ok(found)
    }

    /// Reads the rows; the result is which were left out.
    fn rows(
        &mut self,
        path: &Path,
        body: &[u8],
        skipped_lines: u64,
        limits: &Limits,
    ) -> Result<LeftOut, Error> {
        let mut left_out = LeftOut::default();
        let mut reader = reader(body, self.structure.delimiter);
        let mut record = StringRecord::new();
        let mut names: Option<StringRecord> = None;
        let sources = indexed_sources(path);
        let mut row = 0;
        while reader
            .read_record(&mut record)
            .map_err(|e| csv_error(path, e))?
        {
            let cells = Cells {
                path,
                structure: &self.structure,
                record: &record,
                skipped_lines,
            };
            if self.structure.header && names.is_none() {
                names = Some(record.clone());
                continue;
            }
            // Of a file that was appended to another.
            if names.as_ref() == Some(&record) {
                left_out.names.push(cells.line());
                continue;
            }
            if record.len() != self.structure.width {
                let (found, width) = (record.len(), self.structure.width);
                let mut reason = format!("the row has {found} cells, the first row has {width}");
                let separator = char::from(self.structure.delimiter);
                if (record.iter()).any(|cell| is_over_lines(cell) || cell.contains(separator)) {
                    reason += UNCLOSED;
                }
                return Err(cells.error(found.min(width), reason));
            }
            row += 1;
            if row == 1 && self.structure.header && cells.are_mostly_text() {
                let reason = "the row below the names holds text: remove it if it has units, and leave out columns \
                              of text (--ignore-column)";
                return Err(cells.error(self.structure.features[0], reason));
            }
            if row > limits.samples {
                let limit = limits.samples as u64;
                return Err(Error::too_large(path, "the number of rows", limit));
            }
            if record.len() > 1 && record.iter().all(str::is_empty) {
                left_out.blank += 1;
                continue;
            }
            if let Some(label) = self.structure.label {
                if is_missing(&record[label]) {
                    left_out.unlabelled.push(cells.line());
                    continue;
                }
                if record[label].contains(char::is_control) {
                    let reason = "the label has a line break or another control character in it";
                    return Err(cells.error(label, format!("{reason}{UNCLOSED}")));
                }
                self.labels.push(record[label].to_owned());
            }
            for &column in &self.structure.features {
                self.values.push(cells.number(column)?);
            }
            if let Some(&column) = self
                .structure
                .empty
                .iter()
                .find(|&&c| !record[c].is_empty())
            {
                return Err(cells.error(
                    column,
                    "a cell in a column that has no name and is else empty",
                ));
            }
            self.sources.push(sources(row - 1));
            if self.values.len() as u64 * 8 > limits.data_bytes {
                let what = "the size of the table in memory";
                return Err(Error::too_large(path, what, limits.data_bytes));
            }
        }
        Ok(left_out)
    }

    fn table(self) -> Result<Table, Error> {
        let table = Table::new(self.structure.features.len(), self.values)?;
        match self.structure.feature_names() {
            Some(names) => table.with_names(names),
            None => Ok(table),
        }
    }

    /// Refuses labels that are none, unless the user says where labels are.
    fn check_labels(&self, path: &Path) -> Result<(), Error> {
        let distinct: HashSet<&String> = self.labels.iter().collect();
        let (values, rows) = (distinct.len(), self.labels.len());
        let fractions = || {
            let mut numbers = distinct
                .iter()
                .map(|label| number(label, self.structure.decimal_comma));
            numbers.any(|n| n.is_some_and(|n| n.fract() != 0.0))
        };
        let all_different = rows >= TELLING_ROWS && 2 * values > rows;
        let measured = values > FEW_VALUES && fractions();
        match self.structure.label {
            Some(column) if self.structure.label_is_guessed && (all_different || measured) => {
                Err(Error::format(
                    path,
                    format!(
                        "{} has {values} different values in {rows} rows, as row numbers, identifiers and \
                         measurements have and labels have not: pass --label-column NAME or INDEX, or \
                         --unlabelled for data without labels",
                        self.structure.called(column),
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Notices features that have one value for all samples of a label and say it that way, as another column of a
    /// one-hot encoding does.
    fn note_labels_among_features(&mut self, labels: &[usize]) {
        if labels.len() < TELLING_ROWS {
            return;
        }
        let width = self.structure.features.len();
        for (i, &column) in self.structure.features.iter().enumerate() {
            let mut of_label: HashMap<usize, f64> = HashMap::new();
            let values = self.values.iter().skip(i).step_by(width);
            let says_it = values
                .zip(labels)
                .all(|(value, label)| of_label.entry(*label).or_insert(*value) == value);
            let mut values: Vec<f64> = of_label.into_values().collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            if says_it && values.len() > 1 {
                self.notes.push(format!(
                    "{} has one value for each label: if it says the label once more, leave it out (--ignore-column {})",
                    self.structure.called(column),
                    column + 1
                ));
            }
        }
    }

    /// Notices features that count the rows.
    fn note_counting(&mut self) {
        let width = self.structure.features.len();
        if self.sources.len() < TELLING_ROWS {
            return;
        }
        let names = self.structure.feature_names().unwrap_or_default();
        for (i, &column) in self.structure.features.iter().enumerate() {
            let values = || self.values.iter().skip(i).step_by(width).copied();
            let name = names
                .get(i)
                .map(|name| name.to_lowercase())
                .unwrap_or_default();
            let is_id = name == "id" || name.ends_with("_id");
            if counts_up(values()) || (is_id && are_identifiers(values())) {
                self.notes.push(format!(
                    "{} numbers the rows and is taken for a feature (--ignore-column {} leaves it out)",
                    self.structure.called(column),
                    column + 1
                ));
            }
        }
    }
}

/// Rows that are not samples.
#[derive(Default)]
struct LeftOut {
    /// Their lines.
    unlabelled: Vec<u64>,
    /// Lines of rows that name the columns once more.
    names: Vec<u64>,
    blank: usize,
}

impl LeftOut {
    fn note(&self, blank_lines: usize, notes: &mut Vec<String>) {
        if !self.unlabelled.is_empty() {
            notes.push(format!(
                "{} without a label left out (line {})",
                counted(self.unlabelled.len(), "row"),
                listed(&self.unlabelled)
            ));
        }
        if !self.names.is_empty() {
            notes.push(format!(
                "{} with the names of the columns once more left out (line {})",
                counted(self.names.len(), "row"),
                listed(&self.names)
            ));
        }
        if self.blank + blank_lines > 0 {
            notes.push(format!(
                "{} left out",
                counted(self.blank + blank_lines, "blank row")
            ));
        }
    }
}

/// The text of a file, unpacked.
fn text(path: &Path, limits: &Limits) -> Result<Vec<u8>, Error> {
    let bytes = read_capped(open(path)?, limits.data_bytes, path)?;
    let text = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => read_capped(
            MultiGzDecoder::new(Cursor::new(bytes)),
            limits.data_bytes,
            path,
        )?,
        false => bytes,
    };
    if text.starts_with(b"PK\x03\x04") || text.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        let reason = "this is not text, but perhaps a spreadsheet: save it as CSV";
        return Err(Error::format(path, reason));
    }
    let start = &text[..text.len().min(1 << 12)];
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) || start.contains(&0) {
        return Err(Error::format(
            path,
            "this is not UTF-8 text, but perhaps UTF-16: save it as UTF-8",
        ));
    }
    Ok(text)
}

/// The lines in front that begin with `#`, and their bytes. One with as many cells as the line that follows them all
/// names the columns, as NumPy writes names, and is not among them.
fn leading_comments(text: &[u8]) -> (u64, usize) {
    let mut lines = text.split_inclusive(|&byte| byte == b'\n').peekable();
    let (mut count, mut bytes, mut last) = (0, 0, &text[..0]);
    while let Some(line) = lines.next_if(|line| line.starts_with(b"#")) {
        (count, bytes, last) = (count + 1, bytes + line.len(), line);
    }
    let cells = |line: &[u8]| line.iter().filter(|byte| b",;\t|".contains(byte)).count();
    match lines.peek() {
        Some(next) if cells(last) > 0 && cells(last) == cells(next) => {
            (count - 1, bytes - last.len())
        }
        _ => (count, bytes),
    }
}

/// Lines with nothing in them between others, quoted ones aside.
fn blank_lines(text: &[u8]) -> usize {
    let (mut blank, mut pending, mut quoted) = (0, 0, false);
    for line in text.split(|&byte| byte == b'\n') {
        let empty = !quoted && line.trim_ascii().is_empty();
        pending += usize::from(empty);
        if !empty {
            blank += std::mem::take(&mut pending);
        }
        quoted ^= line.iter().filter(|&&byte| byte == b'"').count() % 2 == 1;
    }
    blank
}

/// One row, with its place for messages.
struct Cells<'a> {
    path: &'a Path,
    structure: &'a Structure,
    record: &'a StringRecord,
    skipped_lines: u64,
}

impl Cells<'_> {
    fn number(&self, i: usize) -> Result<f64, Error> {
        let cell = &self.record[i];
        match number(cell, self.structure.decimal_comma) {
            Some(value) if value.is_finite() => Ok(value),
            Some(_) => Err(self.error(i, format!("{cell:?} is not finite"))),
            None if cell.is_empty() => Err(self.error(i, "the cell is empty")),
            None if is_over_lines(cell) => {
                let reason = format!("the cell goes over several lines{UNCLOSED}");
                Err(self.error(i, reason))
            }
            None if number(&cell.replace(',', ""), false).is_some() => Err(self.error(
                i,
                format!(
                    "{cell:?} may have a decimal comma or commas between thousands: write numbers with a decimal \
                     point and without other separators"
                ),
            )),
            None => {
                let shown: String = cell.chars().take(40).collect();
                let place = i + 1;
                Err(self.error(
                    i,
                    format!(
                        "{shown:?} is not a number (--label-column {place} takes this column for the \
                         label, --ignore-column {place} leaves it out)"
                    ),
                ))
            }
        }
    }

    /// Whether most features hold text.
    fn are_mostly_text(&self) -> bool {
        let cells = self.structure.features.iter().map(|&i| &self.record[i]);
        // Numbers may be written in a way that is not known.
        let is_text = |cell: &&str| {
            let digit = cell.trim_start_matches(['+', '-', '.', ',']).chars().next();
            !is_missing(cell) && digit.is_some_and(|c| !c.is_ascii_digit())
        };
        2 * cells.filter(is_text).count() > self.structure.features.len()
    }

    fn line(&self) -> u64 {
        self.record.position().map_or(0, ::csv::Position::line) + self.skipped_lines
    }

    /// An error at cell `i`, counted from 0.
    fn error(&self, i: usize, reason: impl Into<String>) -> Error {
        Error::Csv {
            path: self.path.to_path_buf(),
            line: self.line(),
            column: i + 1,
            reason: reason.into(),
        }
    }
}

fn csv_error(path: &Path, error: ::csv::Error) -> Error {
    let line = error.position().map_or(0, ::csv::Position::line);
    match error.into_kind() {
        ::csv::ErrorKind::Io(e) => Error::io(path, e),
        ::csv::ErrorKind::Utf8 { err, .. } => Error::Csv {
            path: path.to_path_buf(),
            line,
            column: err.field() + 1,
            reason: "the text is not valid UTF-8".to_owned(),
        },
        other => Error::format(path, format!("line {line}: {other:?}")),
    }
}
