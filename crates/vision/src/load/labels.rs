//! Labels as text become indices of classes.

use crate::notes::listed;
use std::collections::{BTreeSet, HashMap};
use unicode_normalization::UnicodeNormalization;

/// Integers beyond are not all different as floating-point numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What stands for a label that is not known. `none` is not among them: it is the name of a class as often.
const MISSING: [&str; 9] = ["", "?", "na", "n/a", "#n/a", "nan", "-nan", "null", "<na>"];

/// Whether a label says that there is none.
pub(super) fn is_missing(label: &str) -> bool {
    MISSING
        .iter()
        .any(|missing| label.eq_ignore_ascii_case(missing))
}

/// A name in the form that keyboards write: systems store an accented letter as one character or as two.
pub(super) fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// Whether two names are the same for readers, whichever characters their accented letters are stored as.
pub fn is_same_name(a: &str, b: &str) -> bool {
    a.nfc().eq(b.nfc())
}

/// A remark on labels of one class whose accented letters are stored in two ways.
pub(super) fn stored_differently<'a>(labels: impl Iterator<Item = &'a str>) -> Option<String> {
    let stored: BTreeSet<&str> = labels.filter(|label| !label.is_ascii()).collect();
    let mut seen = BTreeSet::new();
    let again = stored.into_iter().map(composed);
    let again: BTreeSet<String> = again.filter(|name| !seen.insert(name.clone())).collect();
    (!again.is_empty()).then(|| {
        let again: Vec<String> = again.into_iter().collect();
        format!(
            "labels whose accented letters are stored in two ways (Unicode NFC and NFD) are one class: {}",
            listed(&again)
        )
    })
}

/// A remark on labels of one class that are written in several ways, as numbers of one value.
pub(super) fn spelled_differently(labels: &[String], names: &[String]) -> Option<String> {
    let spellings: BTreeSet<&str> = labels.iter().map(String::as_str).collect();
    let plain: BTreeSet<String> = spellings.iter().map(|label| composed(label)).collect();
    let others: Vec<String> = (plain.into_iter())
        .filter(|spelling| !names.contains(spelling))
        .map(|spelling| format!("{spelling:?}"))
        .collect();
    // Where each class has one spelling nothing is put together.
    (!others.is_empty() && spellings.len() > names.len()).then(|| {
        format!(
            "labels of one value are one class, however they are written: {}",
            listed(&others)
        )
    })
}

/// Labels become indices into class names, whole numbers sorted by value and all others alphabetically. Where all
/// are numbers, those of one value are one class, whether written 1, 1.0, +1 or 01; where all are true or false,
/// upper and lower case are the same.
pub(super) fn index_labels(labels: &[String]) -> (Vec<usize>, Vec<String>) {
    let mut spellings: Vec<&str> = labels.iter().map(String::as_str).collect();
    spellings.sort_unstable();
    spellings.dedup();
    let numbers: Option<Vec<f64>> = spellings.iter().map(|label| number(label)).collect();
    let named: Vec<(&str, String)> = match &numbers {
        None if are_truths(&spellings) => {
            let named = spellings.iter().map(|&s| (s, s.to_lowercase()));
            let mut named: Vec<_> = named.collect();
            named.sort_by(|a, b| a.1.cmp(&b.1));
            named
        }
        None => {
            let mut named: Vec<_> = spellings.iter().map(|&s| (s, composed(s))).collect();
            named.sort_by(|a, b| a.1.cmp(&b.1));
            named
        }
        Some(numbers) => {
            let mut by_value: Vec<(f64, &str)> = numbers
                .iter()
                .copied()
                .zip(spellings.iter().copied())
                .collect();
            by_value.sort_by(|a, b| a.0.total_cmp(&b.0));
            // Adding zero makes -0.0 equal to 0.0.
            let named = by_value
                .into_iter()
                .map(|(v, s)| (s, (v + 0.0).to_string()));
            named.collect()
        }
    };
    let mut names: Vec<String> = named.iter().map(|(_, name)| name.clone()).collect();
    names.dedup();
    let places: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
    let index: HashMap<&str, usize> = (named.iter())
        .map(|(spelling, name)| (*spelling, places[name.as_str()]))
        .collect();
    let indices = labels.iter().map(|l| index[l.as_str()]).collect();
    (indices, names)
}

/// Whether all labels are `true` or `false`, one of them in several ways.
fn are_truths(spellings: &[&str]) -> bool {
    let is = |label: &&str| {
        ["true", "false"]
            .iter()
            .any(|t| label.eq_ignore_ascii_case(t))
    };
    spellings.len() > 2 && spellings.iter().all(is)
}

/// The value of a label that is a number, if floating point can hold it exactly enough to tell it from others.
fn number(label: &str) -> Option<f64> {
    let value: f64 = label.parse().ok()?;
    (value.abs() < EXACT).then_some(value)
}

/// A remark on class names that differ in upper and lower case or in blanks alone.
pub(super) fn names_alike(names: &[String]) -> Option<String> {
    let plain = |name: &String| -> String { name.to_lowercase().split_whitespace().collect() };
    let mut seen: HashMap<String, &String> = HashMap::new();
    let mut alike = Vec::new();
    for name in names {
        if let Some(other) = seen.insert(plain(name), name) {
            alike.push(format!("{other:?} and {name:?}"));
        }
    }
    (!alike.is_empty()).then(|| {
        format!(
            "labels that are written almost alike are taken for different classes: {}",
            listed(&alike)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(labels: &[&str]) -> (Vec<usize>, Vec<String>) {
        index_labels(&labels.iter().map(|&l| l.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn numbers_of_one_value_are_one_class() {
        let names = |labels: &[&str]| index(labels).1;
        assert_eq!(index(&["1.0", "0", "+1", "0.0", "-0"]).0, [1, 0, 1, 0, 0]);
        assert_eq!(names(&["1.0", "0", "+1", "0.0"]), ["0", "1"]);
        assert_eq!(names(&["-1", "+1", "1"]), ["-1", "1"]);
        assert_eq!(names(&["10", "9", "-1"]), ["-1", "9", "10"]);
        assert_eq!(names(&["0.5", "1", "yes"]), ["0.5", "1", "yes"]);
        assert_eq!(names(&["01", "01a"]), ["01", "01a"]);
        // Floating point would make these one.
        let large = ["100000000000000000000", "100000000000000000001"];
        assert_eq!(names(&large), large);
        assert_eq!(names(&["inf", "1"]), ["1", "inf"]);
    }

    #[test]
    fn truth_in_upper_and_lower_case_is_one_class() {
        let (labels, names) = index(&["True", "FALSE", "true", "False", "false"]);
        assert_eq!(
            (labels, names),
            (vec![1, 0, 1, 0, 0], vec!["false".into(), "true".into()])
        );
        // As they are where each is written in one way, and where others are among them.
        assert_eq!(index(&["True", "False"]).1, ["False", "True"]);
        assert_eq!(
            index(&["True", "true", "maybe"]).1,
            ["True", "maybe", "true"]
        );
        let note = |labels: &[&str]| {
            let labels: Vec<String> = labels.iter().map(|&l| l.to_owned()).collect();
            spelled_differently(&labels, &index_labels(&labels).1)
        };
        assert!(note(&["01", "1", "2"]).unwrap().ends_with("\"01\""));
        assert!(
            note(&["TRUE", "true", "False"])
                .unwrap()
                .ends_with("\"False\", \"TRUE\"")
        );
        for one_way in [["01", "02"], ["1.0", "0.0"], ["True", "False"], ["b", "B"]] {
            assert_eq!(note(&one_way), None);
        }
    }

    #[test]
    fn accented_letters_are_the_same_however_they_are_stored() {
        let (one, two) = ("caf\u{e9}", "cafe\u{301}");
        assert_eq!(index(&[two, "tea", one]).0, [0, 1, 0]);
        assert_eq!(index(&[two, "tea", one]).1, [one, "tea"]);
        assert!(is_same_name(one, two) && !is_same_name(one, "cafe"));
        let note = |labels: &[&str]| stored_differently(labels.iter().copied());
        assert!(note(&[one, two, two]).unwrap().ends_with(one));
        assert_eq!(note(&[two, two, "cafe"]), None);
    }

    #[test]
    fn missing_labels_and_labels_alike() {
        for label in ["", "NA", "nan", "NaN", "?", "NULL", "N/A"] {
            assert!(is_missing(label), "{label}");
        }
        for label in ["none", "0", "-", "no"] {
            assert!(!is_missing(label), "{label}");
        }
        let alike = |names: &[&str]| names_alike(&index(names).1);
        assert!(
            alike(&["No", "no", "yes"])
                .unwrap()
                .contains("\"No\" and \"no\"")
        );
        assert_eq!(alike(&["no", "yes"]), None);
    }
}
