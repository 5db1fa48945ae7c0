//! CSV tables.

use tapetum_vision::load::{csv_table, csv_unlabeled};
use tapetum_vision::{Error, Limits, TableOptions};

use crate::{dir, limits, table, write};

fn load(text: &str) -> Result<tapetum_vision::DataSet, Error> {
    let dir = dir();
    let options = TableOptions::default();
    csv_table(&write(&dir, "t.csv", text), &options, &Limits::default())
}

#[test]
fn with_and_without_a_header() {
    let rows = "benign,1,-2.5e1\n malignant , 3 ,4\nbenign,0,0\n";
    let data = load(&format!("label,radius,\"area, mean\"\n{rows}")).unwrap();
    let bare = load(rows).unwrap();
    assert_eq!(
        bare,
        load(&format!("\u{feff}{}", rows.replace('\n', "\r\n"))).unwrap()
    );
    assert_eq!(bare.labels(), data.labels());
    let [named, unnamed] = [&data, &bare].map(|data| table(data.samples()));
    assert_eq!(named.values(), unnamed.values());
    assert_eq!(named.names().unwrap(), ["radius", "area, mean"]);
    assert_eq!(unnamed.names(), None);
    assert_eq!(data.class_names(), ["benign", "malignant"]);
    assert_eq!(data.labels(), [0, 1, 0]);
    assert_eq!(
        table(data.samples()).values(),
        [1.0, -25.0, 3.0, 4.0, 0.0, 0.0]
    );
    assert_eq!(data.sources()[2], "t.csv[2]");
}

#[test]
fn numeric_labels_are_ordered_by_value() {
    let data = load("10,1\n9,2\n-1,3\n").unwrap();
    assert_eq!(data.class_names(), ["-1", "9", "10"]);
    assert_eq!(data.labels(), [2, 1, 0]);
    assert_eq!(load("0,1\n1,2\n").unwrap().default_positive().unwrap(), "1");
}

#[test]
fn faults_come_with_line_and_column() {
    for (text, line, column) in [
        ("l,x,y\na,1,2\nb,nan,2\n", 3, 2),
        ("l,x,y\na,1,2\nb,1,inf\n", 3, 3),
        ("a,1,-Infinity\n", 1, 3),
        ("a,1e999,1\n", 1, 2),
        ("l,x,y\na,1,two\n", 2, 3),
        ("l,x,y\na,1,\n", 2, 3),
        ("l,x,y\na,1,2\nb,1\n", 3, 3),
        ("l,x,y\na,1,2\nb,1,2,3\n", 3, 4),
        ("a\n", 1, 2),
    ] {
        match load(text).unwrap_err() {
            Error::Csv {
                line: l, column: c, ..
            } => {
                assert_eq!((l, c), (line, column), "{text:?}");
            }
            other => panic!("{text:?}: {other}"),
        }
    }
    assert!(matches!(load(""), Err(Error::Format { .. })));
    assert!(matches!(load("l,x\n"), Err(Error::Format { .. })));
    assert!(matches!(load("l,x,y\n,1,2\n"), Err(Error::Format { .. })));
    let dir = dir();
    let bytes = write(&dir, "t.csv", b"a,1\n\xff\xfe,2\n");
    let options = TableOptions::default();
    let error = csv_table(&bytes, &options, &Limits::default()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Csv {
                line: 2,
                column: 1,
                ..
            }
        ),
        "{error}"
    );
    let folder = csv_table(dir.path(), &options, &Limits::default());
    assert!(matches!(
        folder,
        Err(Error::Format { .. } | Error::Io { .. })
    ));
}

#[test]
fn limits_hold() {
    let dir = dir();
    let path = write(&dir, "t.csv", "a,1,2,3\nb,4,5,6\n");
    for limits in [
        limits(|limits| limits.columns = 2),
        limits(|limits| limits.samples = 1),
        limits(|limits| limits.data_bytes = 10),
        limits(|limits| limits.data_bytes = 40),
    ] {
        let error = csv_table(&path, &TableOptions::default(), &limits).unwrap_err();
        assert!(
            matches!(error, Error::TooLarge { .. }),
            "{limits:?}: {error}"
        );
    }
}

#[test]
fn rows_without_labels() {
    let dir = dir();
    let path = write(&dir, "t.csv", "x,y\n1,2\n3,4\n");
    let options = TableOptions::default();
    let rows = csv_unlabeled(&path, &options, &Limits::default()).unwrap();
    assert_eq!(table(rows.samples()).values(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(rows.sources(), ["t.csv[0]", "t.csv[1]"]);
}
