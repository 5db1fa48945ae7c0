//! What was encrypted, in which order: a CSV file that stays with the sender.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::data::Samples;
use crate::failure::Failure;
use crate::files::{self, Pending, Readers};
use crate::twin::truths;

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

const HEADER: [&str; 5] = ["sample", "source", "label", "negative", "positive"];

impl Index {
    /// The index of samples; those without labels are to be told apart into the classes `trained`.
    pub fn new(samples: &Samples, trained: &[String]) -> Result<Self> {
        let (names, sources, labels) = match samples {
            Samples::Labelled(data) => {
                let labels = truths(data).into_iter().map(Some).collect();
                (data.class_names(), data.sources(), labels)
            }
            Samples::Unlabelled(data) => {
                (trained, data.sources(), vec![None; data.sources().len()])
            }
        };
        let [negative, positive] = names else {
            let message = format!("there are {} classes, not two", names.len());
            return Err(Failure::Input(message).into());
        };
        let entry = |(source, label): (&String, Option<bool>)| Entry {
            source: source.clone(),
            label,
        };
        Ok(Self {
            classes: [negative.clone(), positive.clone()],
            entries: sources.iter().zip(labels).map(entry).collect(),
        })
    }

    /// Writes the index, for the user's eyes only.
    pub fn write(&self, path: &Path) -> Result<Pending> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(HEADER)?;
        for (i, entry) in self.entries.iter().enumerate() {
            let label = match entry.label {
                Some(label) => self.classes[usize::from(label)].as_str(),
                None => "",
            };
            // The classes once, in the first row.
            let [negative, positive] = match i {
                0 => self.classes.each_ref().map(String::as_str),
                _ => ["", ""],
            };
            let number = i.to_string();
            writer.write_record([&number, &entry.source, label, negative, positive])?;
        }
        let bytes = writer.into_inner().context("cannot write the index")?;
        Pending::write(path, Readers::User, |file| file.write_all(&bytes))
    }

    /// Reads an index.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong =
            |reason: &str| Failure::Input(format!("{} is no index: {reason}", path.display()));
        let text = files::read_text(path)?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| wrong(&e.to_string()))?;
        if *header != HEADER[..] {
            return Err(wrong(&format!("the first line is not {}", HEADER.join(","))).into());
        }
        let mut classes: Option<[String; 2]> = None;
        let mut entries = Vec::new();
        for record in reader.records() {
            // All records have as many fields as the header.
            let record = record.map_err(|e| wrong(&e.to_string()))?;
            let [source, label, negative, positive] = [1, 2, 3, 4].map(|i| &record[i]);
            let classes = classes.get_or_insert_with(|| [negative.to_owned(), positive.to_owned()]);
            if classes.iter().any(String::is_empty) || classes[0] == classes[1] {
                return Err(wrong("the first sample does not name two classes").into());
            }
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
            classes: ["not, \"cat\" | dog".to_owned(), "cat".to_owned()],
            entries: vec![
                entry("a, \"quoted\".png", Some(true)),
                entry("b.png", None),
                entry("c.png", Some(false)),
            ],
        };
        index.write(&path).unwrap().commit().unwrap();
        assert_eq!(Index::read(&path).unwrap(), index);
        for bad in [
            "",
            "a,b\n1,2\n",
            "sample,source,label,negative,positive\n",
            "sample,source,label,negative,positive\n0,x,,,\n",
            "sample,source,label,negative,positive\n0,x,,a,a\n",
            "sample,source,label,negative,positive\n0,x,dog,a,b\n",
            "sample,source,label,negative,positive\n0,x\n",
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = Index::read(&path).unwrap_err();
            assert!(error.is::<Failure>(), "{bad:?}: {error}");
        }
    }
}
