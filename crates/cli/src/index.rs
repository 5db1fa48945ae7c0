//! What was encrypted, in which order: a CSV file that stays with the sender.

use std::path::Path;

use anyhow::{Context, Result};

use crate::failure::Failure;
use crate::files;

/// The names of samples, and their labels if known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The names of the two classes: of label false and of label true.
    pub classes: [String; 2],
    /// One for each sample, in order.
    pub entries: Vec<Entry>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it came from.
    pub source: String,
    /// Its label, if it has one.
    pub label: Option<bool>,
}

const HEADER: [&str; 4] = ["sample", "source", "label", "classes"];

impl Index {
    /// Writes the index, for the user's eyes only.
    pub fn write(&self, path: &Path) -> Result<u64> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(HEADER)?;
        for (i, entry) in self.entries.iter().enumerate() {
            let label = match entry.label {
                Some(label) => self.classes[usize::from(label)].as_str(),
                None => "",
            };
            // The classes once, in the first row.
            let classes = match i {
                0 => self.classes.join("|"),
                _ => String::new(),
            };
            writer.write_record([i.to_string().as_str(), &entry.source, label, &classes])?;
        }
        let bytes = writer.into_inner().context("cannot write the index")?;
        files::write_secret(path, &bytes)
    }

    /// Reads an index.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong =
            |reason: &str| Failure::Input(format!("{} is no index: {reason}", path.display()));
        let text = files::read_text(path)?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| wrong(&e.to_string()))?;
        if *header != HEADER[..] {
            return Err(wrong("the first line is not sample,source,label,classes").into());
        }
        let mut classes = None;
        let mut entries = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|e| wrong(&e.to_string()))?;
            let [_, source, label, names] = [0, 1, 2, 3].map(|i| &record[i]);
            let classes = match &classes {
                Some(classes) => classes,
                None => {
                    let (negative, positive) = names
                        .split_once('|')
                        .ok_or_else(|| wrong("the first sample does not name the two classes"))?;
                    classes.insert([negative.to_owned(), positive.to_owned()])
                }
            };
            let label = match label {
                "" => None,
                label => {
                    let class = classes.iter().position(|class| class == label);
                    Some(class.ok_or_else(|| wrong("a label is none of the two classes"))? == 1)
                }
            };
            entries.push(Entry {
                source: source.to_owned(),
                label,
            });
        }
        let classes = classes.ok_or_else(|| wrong("it has no sample"))?;
        Ok(Self { classes, entries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_and_refuses_what_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.csv");
        let entry = |source: &str, label| Entry {
            source: source.to_owned(),
            label,
        };
        let index = Index {
            classes: ["not cat".to_owned(), "cat".to_owned()],
            entries: vec![
                entry("a, \"quoted\".png", Some(true)),
                entry("b.png", None),
                entry("c.png", Some(false)),
            ],
        };
        index.write(&path).unwrap();
        assert_eq!(Index::read(&path).unwrap(), index);
        for bad in [
            "",
            "a,b\n1,2\n",
            "sample,source,label,classes\n",
            "sample,source,label,classes\n0,x,,nothing\n",
            "sample,source,label,classes\n0,x,dog,a|b\n",
            "sample,source,label,classes\n0,x\n",
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = Index::read(&path).unwrap_err();
            assert!(error.is::<Failure>(), "{bad:?}: {error}");
        }
    }
}
