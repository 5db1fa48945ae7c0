//! What was encrypted, in which order: a CSV file that stays with the contributor.

use std::io::Write;
use std::path::Path;

use tapetum_learn::Origin;

use crate::error::{Context, Error, Result};
use crate::escape;
use crate::folders::files::{self, Pending, Readers};
use crate::samples::Samples;

/// The names of samples, and their labels if known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The names of the classes; of two the second is the positive one.
    pub classes: Vec<String>,
    /// Who encrypted the samples, as the server knows it.
    pub contributor: String,
    /// The keys, features and samples of the file that it belongs to.
    pub origin: Origin,
    /// The names of the labels, where these are not the classes of the model.
    pub labels: Option<Vec<String>>,
    /// One for each sample, in order.
    pub entries: Vec<Entry>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it came from.
    pub source: String,
    /// Its class, if it is known; or its label, where labels are not classes.
    pub label: Option<usize>,
}

const HEADER: [&str; 7] = [
    "sample",
    "source",
    "label",
    "contributor",
    "classes",
    "origin",
    "labels",
];
/// Columns of an index of before there were ids.
const OLD_COLUMNS: usize = 5;

/// Whether a text is one, by its beginning.
pub(super) fn is_in(text: &str) -> bool {
    text.starts_with(&HEADER[..OLD_COLUMNS].join(","))
}

impl Index {
    /// The index of samples that are to be told apart into the classes `trained`, by whatever names their labels go.
    pub fn new(samples: &Samples, trained: &[String], contributor: &str) -> Self {
        let (names, sources, labels) = match samples {
            Samples::Labelled(data) => {
                let labels = data.labels().iter().copied().map(Some).collect();
                (data.class_names(), data.sources(), labels)
            }
            Samples::Unlabelled(data) => {
                (trained, data.sources(), vec![None; data.sources().len()])
            }
        };
        let entry = |(source, label): (&String, Option<usize>)| Entry {
            source: source.clone(),
            label,
        };
        Self {
            classes: trained.to_vec(),
            contributor: contributor.to_owned(),
            origin: Origin::default(),
            labels: (names != trained).then(|| names.to_vec()),
            entries: sources.iter().zip(labels).map(entry).collect(),
        }
    }

    /// Writes the index, for the user's eyes only.
    pub fn write(&self, path: &Path) -> Result<Pending> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(HEADER)?;
        // What concerns all samples once, in the first row.
        let mut classes = serde_json::to_string(&self.classes)?;
        let mut origin = serde_json::to_string(&self.origin)?;
        let mut labels = match &self.labels {
            Some(labels) => serde_json::to_string(labels)?,
            None => String::new(),
        };
        let names = self.labels.as_ref().unwrap_or(&self.classes);
        for (i, entry) in self.entries.iter().enumerate() {
            let label = entry.label.map_or("", |label| &names[label]);
            let [source, label, contributor] =
                [&entry.source, label, &self.contributor].map(escape::cell);
            let record = [
                &i.to_string(),
                &*source,
                &*label,
                &*contributor,
                &classes,
                &origin,
                &labels,
            ];
            writer.write_record(record)?;
            for once in [&mut classes, &mut origin, &mut labels] {
                once.clear();
            }
        }
        let bytes = writer.into_inner().ok().context("cannot write the index")?;
        Pending::write(path, Readers::User, |file| file.write_all(&bytes))
    }

    /// Reads an index.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong =
            |reason: &str| Error::input(format!("{} is not an index: {reason}", path.display()));
        let text = files::read_text(path)?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| wrong(&e.to_string()))?;
        if *header != HEADER[..] && *header != HEADER[..OLD_COLUMNS] {
            return Err(wrong(&format!(
                "the first line is not {}",
                HEADER.join(",")
            )));
        }
        let mut found: Option<Self> = None;
        for record in reader.records() {
            // All records have as many fields as the header.
            let record = record.map_err(|e| wrong(&e.to_string()))?;
            let [source, label, contributor] = [1, 2, 3].map(|i| escape::name(&record[i]));
            let classes = &record[4];
            if found.is_none() {
                let names = |text: &str| {
                    let names = serde_json::from_str(text).ok();
                    names.filter(|names: &Vec<String>| are_classes(names))
                };
                let origin = match record.get(OLD_COLUMNS) {
                    Some(text) => serde_json::from_str(text)
                        .map_err(|_| wrong("the first sample does not say where it comes from"))?,
                    None => Origin::default(),
                };
                let labels = match record.get(OLD_COLUMNS + 1) {
                    None | Some("") => None,
                    Some(text) => {
                        Some(names(text).ok_or_else(|| wrong("its labels are not names"))?)
                    }
                };
                found = Some(Self {
                    origin,
                    labels,
                    classes: names(classes)
                        .ok_or_else(|| wrong("the first sample does not name the classes"))?,
                    contributor: contributor.to_owned(),
                    entries: Vec::new(),
                });
            }
            let Some(index) = &mut found else { continue };
            let label = match label {
                "" => None,
                label => {
                    let names = index.labels.as_ref().unwrap_or(&index.classes);
                    let place = names.iter().position(|name| name == label);
                    Some(place.ok_or_else(|| wrong("a label is not one of the classes"))?)
                }
            };
            index.entries.push(Entry {
                source: source.to_owned(),
                label,
            });
        }
        found.ok_or_else(|| wrong("it has no sample"))
    }
}

/// Two or more, all different.
fn are_classes(names: &[String]) -> bool {
    let is_new = |(i, name): (usize, &String)| !name.is_empty() && !names[..i].contains(name);
    (2..=tapetum_learn::MAX_CLASSES).contains(&names.len()) && names.iter().enumerate().all(is_new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::scratch;

    #[test]
    fn comes_back_and_refuses_what_is_none() {
        let (_dir, path) = scratch("index.csv");
        let entry = |source: &str, label| Entry {
            source: source.to_owned(),
            label,
        };
        let index = Index {
            classes: ["not, \"cat\" | dog", "cat", "bird"]
                .map(str::to_owned)
                .to_vec(),
            contributor: "anne".to_owned(),
            origin: Origin {
                samples: Some(tapetum_learn::Id::random().unwrap()),
                ..Origin::default()
            },
            labels: None,
            entries: vec![
                entry("a, \"quoted\".png", Some(1)),
                entry("b.png", None),
                entry("c.png", Some(0)),
                entry("=1+1.png", Some(2)),
            ],
        };
        index.write(&path).unwrap().commit().unwrap();
        assert_eq!(Index::read(&path).unwrap(), index);
        let foreign = Index {
            labels: Some(["x", "y", "z", "w"].map(str::to_owned).to_vec()),
            entries: vec![entry("a", Some(3))],
            ..index
        };
        foreign.write(&path).unwrap().commit().unwrap();
        assert_eq!(Index::read(&path).unwrap(), foreign);
        let header = "sample,source,label,contributor,classes\n";
        let old = format!("{header}0,x,,anne,\"[\"\"a\"\",\"\"b\"\"]\"\n");
        std::fs::write(&path, old).unwrap();
        assert_eq!(Index::read(&path).unwrap().origin, Origin::default());
        for bad in [
            "",
            "a,b\n1,2\n",
            header,
            &format!("{header}0,x,,,\n"),
            &format!("{header}0,x,,,\"[\"\"a\"\",\"\"a\"\"]\"\n"),
            &format!("{header}0,x,,,\"[\"\"a\"\"]\"\n"),
            &format!("{header}0,x,dog,,\"[\"\"a\"\",\"\"b\"\"]\"\n"),
            &format!("{header}0,x\n"),
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = Index::read(&path).unwrap_err();
            assert!(error.kind() == crate::ErrorKind::Input, "{bad:?}: {error}");
        }
    }
}
