//! CSV of `label,feature,...`, and of features alone.

use super::{Limits, index_labels, indexed_sources, open};
use crate::{DataSet, Error, Samples, Table, Unlabeled};
use ::csv::{ReaderBuilder, StringRecord, Trim};
use std::io::Read;
use std::path::Path;

/// Loads rows of `label,feature,...`. The label may be text or a number; every feature must be a finite number.
///
/// The first row is taken for a header if none of its feature cells is a number. Blank lines are skipped. A cell
/// that is no finite number and a row of another length give an error with line and column.
pub fn csv_table(path: &Path, limits: &Limits) -> Result<DataSet, Error> {
    let rows = Rows::read(path, true, limits)?;
    let (labels, names) = index_labels(&rows.labels);
    let sources = indexed_sources(path, labels.len());
    DataSet::new(
        Samples::Table(Table::new(rows.columns, rows.values)?),
        labels,
        names,
        sources,
    )
}

/// Loads rows of `feature,...` without labels; otherwise as [`csv_table`].
pub fn csv_unlabeled(path: &Path, limits: &Limits) -> Result<Unlabeled, Error> {
    let rows = Rows::read(path, false, limits)?;
    let table = Table::new(rows.columns, rows.values)?;
    let sources = indexed_sources(path, table.rows());
    Unlabeled::new(Samples::Table(table), sources)
}

struct Rows {
    labels: Vec<String>,
    columns: usize,
    values: Vec<f64>,
}

impl Rows {
    fn read(path: &Path, labeled: bool, limits: &Limits) -> Result<Self, Error> {
        let file = open(path)?;
        let length = file.metadata().map_err(|e| Error::io(path, e))?.len();
        if length > limits.data_bytes {
            return Err(Error::too_large(
                path,
                "the number of bytes",
                limits.data_bytes,
            ));
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(file.take(limits.data_bytes));
        let first_feature = usize::from(labeled);
        let (mut labels, mut values) = (Vec::new(), Vec::new());
        let mut width = None;
        let mut rows = 0;
        let mut record = StringRecord::new();
        while reader
            .read_record(&mut record)
            .map_err(|e| csv_error(path, e))?
        {
            let cells = Cells {
                path,
                record: &record,
            };
            if record.len() <= first_feature {
                return Err(cells.error(record.len(), "the row holds no feature"));
            }
            match width {
                None => {
                    if record.len() - first_feature > limits.columns {
                        let limit = limits.columns as u64;
                        return Err(Error::too_large(path, "the number of columns", limit));
                    }
                    width = Some(record.len());
                    if cells.is_header(first_feature) {
                        continue;
                    }
                }
                Some(width) if record.len() != width => {
                    let reason = format!(
                        "the row has {} cells, the first row has {width}",
                        record.len()
                    );
                    return Err(cells.error(record.len().min(width), reason));
                }
                Some(_) => {}
            }
            rows += 1;
            if rows > limits.samples {
                return Err(Error::too_large(
                    path,
                    "the number of rows",
                    limits.samples as u64,
                ));
            }
            if labeled {
                if record[0].is_empty() {
                    return Err(cells.error(0, "the label is empty"));
                }
                labels.push(record[0].to_owned());
            }
            for i in first_feature..record.len() {
                values.push(cells.number(i)?);
            }
            if values.len() as u64 * 8 > limits.data_bytes {
                let what = "the size of the table in memory";
                return Err(Error::too_large(path, what, limits.data_bytes));
            }
        }
        match width {
            Some(width) if rows > 0 => Ok(Self {
                labels,
                columns: width - first_feature,
                values,
            }),
            _ => Err(Error::format(path, "the file holds no row of data")),
        }
    }
}

/// One row, with its place for messages.
struct Cells<'a> {
    path: &'a Path,
    record: &'a StringRecord,
}

impl Cells<'_> {
    fn is_header(&self, first_feature: usize) -> bool {
        self.record
            .iter()
            .skip(first_feature)
            .all(|cell| cell.parse::<f64>().is_err())
    }

    fn number(&self, i: usize) -> Result<f64, Error> {
        let cell = &self.record[i];
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            Ok(_) => Err(self.error(i, format!("{cell:?} is not finite"))),
            Err(_) if cell.is_empty() => Err(self.error(i, "the cell is empty")),
            Err(_) => {
                let shown: String = cell.chars().take(40).collect();
                Err(self.error(i, format!("{shown:?} is not a number")))
            }
        }
    }

    /// An error at cell `i`, counted from 0.
    fn error(&self, i: usize, reason: impl Into<String>) -> Error {
        Error::Csv {
            path: self.path.to_path_buf(),
            line: self.record.position().map_or(0, ::csv::Position::line),
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
