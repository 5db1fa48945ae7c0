//! Tables as people have them: what is guessed of them, and what is said of it.

use std::fs;
use tapetum_vision::load::{csv_table, csv_unlabeled};
use tapetum_vision::{DataSet, Error, Limits, Pipeline, PipelineOptions, Samples, Table};
use tapetum_vision::{TableOptions, Unlabeled};

fn written<T>(text: impl AsRef<[u8]>, load: impl Fn(&std::path::Path) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv");
    fs::write(&path, text).unwrap();
    load(&path)
}

fn load_with(text: impl AsRef<[u8]>, options: &TableOptions) -> Result<DataSet, Error> {
    written(text, |path| csv_table(path, options, &Limits::default()))
}

fn load(text: impl AsRef<[u8]>) -> DataSet {
    load_with(text, &TableOptions::default()).unwrap()
}

fn unlabelled(text: impl AsRef<[u8]>) -> Unlabeled {
    let options = TableOptions::default();
    written(text, |path| {
        csv_unlabeled(path, &options, &Limits::default())
    })
    .unwrap()
}

/// The line and the column of what makes a table unreadable.
fn fault(result: Result<DataSet, Error>) -> (u64, usize) {
    match result.unwrap_err() {
        Error::Csv { line, column, .. } => (line, column),
        other => panic!("{other}"),
    }
}

fn table(samples: &Samples) -> &Table {
    match samples {
        Samples::Table(table) => table,
        Samples::Images(_) => panic!("a table is expected"),
    }
}

fn names(data: &DataSet) -> Vec<&str> {
    let names = table(data.samples()).names().unwrap_or_default();
    names.iter().map(String::as_str).collect()
}

fn says(notes: &[String], part: &str) -> bool {
    notes.iter().any(|note| note.contains(part))
}

/// Twenty rows of a label and four features, each row prefixed by `start` of its number.
fn rows(start: impl Fn(usize) -> String) -> String {
    let row = |i: usize| {
        let wave = |k: usize| (((i * 37 + k * 53) % 101) as f64 - 50.0) / 10.0;
        format!(
            "{},{},{},{},{}\n",
            start(i),
            wave(1),
            wave(2),
            wave(3),
            wave(4)
        )
    };
    (0..20).map(row).collect()
}

fn zero_one(i: usize) -> String {
    (i % 2).to_string()
}

fn letter(i: usize) -> String {
    ["B", "M"][i % 2].to_owned()
}

#[test]
fn names_that_are_numbers_are_names() {
    let headers = [
        "label,0,1,2,3",
        "label,1999,2000,2001,2002",
        "label,400,410,430,460",
    ];
    for header in headers {
        for labels in [zero_one, letter] {
            let data = load(format!("{header}\n{}", rows(labels)));
            assert_eq!(data.len(), 20, "{header}");
            assert_eq!(data.class_names().len(), 2, "{header}");
            assert_eq!(names(&data).join(","), header.split_once(',').unwrap().1);
        }
    }
    // Default names throughout, and without labels.
    let data = load(format!("0,1,2,3,4\n{}", rows(zero_one)));
    assert_eq!((data.len(), data.class_names().len()), (20, 2));
    assert!(says(data.notes(), "--no-header"));
    for header in ["0,1,2,3,4", "1999,2000,2001,2002,2003", "x,0,1,2,3"] {
        let new = unlabelled(format!("{header}\n{}", rows(zero_one)));
        assert_eq!(new.samples().len(), 20, "{header}");
    }
    let indexed = load(format!(
        ",label,0,1,2,3\n{}",
        rows(|i| format!("{i},{}", letter(i)))
    ));
    assert_eq!(
        (indexed.len(), names(&indexed)),
        (20, vec!["0", "1", "2", "3"])
    );
}

#[test]
fn samples_are_not_taken_for_names() {
    for labels in [zero_one, letter] {
        let data = load(rows(labels));
        assert_eq!((data.len(), data.class_names().len()), (20, 2));
        assert_eq!(table(data.samples()).names(), None);
    }
    assert_eq!(unlabelled(rows(zero_one)).samples().len(), 20);
    // A first sample that increases, as others do or for another reason.
    assert_eq!(
        load("a,1,2,3\nb,4,5,6\na,2,3,9\nb,1,5,7\na,1,1,2\nb,2,2,4\n").len(),
        6
    );
    // A missing value is not a name.
    let error = load_with("M,?,1,2\nB,1,2,3\nM,1,1,1\n", &TableOptions::default());
    assert_eq!(fault(error), (1, 2));
    // In doubt the user is told what was decided, and decides otherwise.
    let odd = format!("Q,5,1,2,3\n{}", rows(letter));
    assert!(says(load(&odd).notes(), "--header"));
    let header = |header| TableOptions {
        header: Some(header),
        ..TableOptions::default()
    };
    assert_eq!(load_with(&odd, &header(true)).unwrap().len(), 20);
    let default_names = format!("0,1,2,3,4\n{}", rows(zero_one));
    assert_eq!(load_with(&default_names, &header(false)).unwrap().len(), 21);
}

#[test]
fn the_column_of_labels_is_said_or_found_or_refused() {
    let last: String = (rows(letter).lines())
        .map(|row| {
            let (label, features) = row.split_once(',').unwrap();
            format!("{features},{label}\n")
        })
        .collect();
    for header in ["a,b,c,d,label\n", "a,b,c,d,Label\n"] {
        let data = load(format!("{header}{last}"));
        assert_eq!(
            (data.class_names().join(""), names(&data).join("")),
            ("BM".into(), "abcd".into())
        );
        assert!(says(data.notes(), "label in column 5"));
    }
    let said = |column: &str| TableOptions {
        label_column: Some(column.to_owned()),
        ..TableOptions::default()
    };
    let text = format!("a,b,c,d,kind\n{last}");
    for column in ["kind", "5", "-1"] {
        assert_eq!(
            load_with(&text, &said(column)).unwrap().class_names(),
            ["B", "M"]
        );
    }
    assert_eq!(
        load_with(&last, &said("-1")).unwrap().class_names(),
        ["B", "M"]
    );
    let error = load_with(&text, &said("sort")).unwrap_err().to_string();
    assert!(error.contains("a, b, c, d, kind"), "{error}");
    // So does a column of that name, if its values are measurements.
    let measured = format!(
        "label,a,b,c,d\n{}",
        rows(|i| format!("{}", 0.37 * i as f64))
    );
    assert!(load_with(&measured, &TableOptions::default()).is_err());
    assert!(load_with(&measured, &said("label")).is_ok());
    // Without a word the first column would be the label: measurements are none, nor are row numbers.
    for text in [text, rows(|i| i.to_string()), rows(|i| format!("P{i:04}"))] {
        let error = load_with(text, &TableOptions::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("--label-column") || error.contains("not a number"),
            "{error}"
        );
    }
}

#[test]
fn row_numbers_are_noticed() {
    let text = format!(
        ",label,a,b,c,d\n{}",
        rows(|i| format!("{},{}", 7 * i % 20, letter(i)))
    );
    let data = load(text);
    assert_eq!(
        (data.class_names().len(), names(&data)),
        (2, vec!["a", "b", "c", "d"])
    );
    assert!(says(data.notes(), "numbers the rows"), "{:?}", data.notes());
    for (name, number) in [("n", 1), ("patient_id", 7)] {
        let start = |i: usize| format!("{},{}", letter(i), 100 + number * i);
        let text = format!("label,{name},a,b,c,d\n{}", rows(start));
        assert!(says(load(&text).notes(), "--ignore-column 2"));
        let options = TableOptions {
            ignored_columns: vec![name.to_owned()],
            ..TableOptions::default()
        };
        let data = load_with(&text, &options).unwrap();
        assert_eq!(names(&data), ["a", "b", "c", "d"]);
        assert!(!says(data.notes(), "--ignore-column"));
    }
    // Identifiers that are text say which option leaves them out.
    let text = format!(
        "id,label,a,b,c,d\n{}",
        rows(|i| format!("P{i},{}", letter(i)))
    );
    let error = load_with(text, &TableOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("--ignore-column 1"), "{error}");
}

#[test]
fn labels_of_one_value_are_one_class_and_missing_ones_are_counted() {
    let mixed = rows(|i| [["0", "1"], ["0.0", "1.0"]][usize::from(i % 3 == 0)][i % 2].to_owned());
    let data = load(&mixed);
    assert_eq!(data.class_names(), ["0", "1"]);
    assert_eq!(data.default_positive().unwrap(), "1");
    for missing in ["NA", "nan", "?", "", "null"] {
        let some = rows(|i| {
            if i % 10 == 3 {
                missing.to_owned()
            } else {
                letter(i)
            }
        });
        let data = load(format!("label,a,b,c,d\n{some}"));
        assert_eq!((data.len(), data.class_names().len()), (18, 2), "{missing}");
        assert!(says(
            data.notes(),
            "2 rows without a label left out (line 5, 15)"
        ));
        // Sources go on counting the rows of the file.
        assert_eq!(data.sources()[3], "t.csv[4]");
    }
    let all = load_with("label,a\n?,1\n?,2\n", &TableOptions::default());
    assert!(all.unwrap_err().to_string().contains("--unlabelled"));
    let case = load(rows(|i| {
        ["no", "yes", "No"][(i % 2) + 2 * usize::from(i == 8) * (1 - i % 2)].to_owned()
    }));
    assert!(says(case.notes(), "almost alike"), "{:?}", case.notes());
}

#[test]
fn blank_rows_are_counted() {
    let text = rows(letter);
    let (first, rest) = text.split_once('\n').unwrap();
    let data = load(format!("{first}\n\n,,,,\n{rest}\n\n"));
    assert_eq!(data.len(), 20);
    assert!(
        says(data.notes(), "2 blank rows left out"),
        "{:?}",
        data.notes()
    );
    assert!(says(
        unlabelled("x\n1\n\n2\n").notes(),
        "1 blank row left out"
    ));
    assert!(!says(load(text + "\n\n\n").notes(), "blank"));
}

#[test]
fn other_separators_are_found() {
    let text = format!("label,a,b,c,d\n{}", rows(letter));
    let data = load(&text);
    for (separator, said) in [(";", "';'"), ("\t", "tabs"), ("|", "'|'"), (" ", "blanks")] {
        let other = load(text.replace(',', separator));
        assert!(says(other.notes(), &format!("separated by {said}")));
        assert_eq!(
            (other.samples(), other.labels()),
            (data.samples(), data.labels())
        );
        let bare = load(rows(letter).replace(',', separator));
        assert_eq!(bare.labels(), data.labels());
    }
    let decimal = load(text.replace(',', ";").replace('.', ","));
    assert_eq!(decimal.samples(), data.samples());
    assert!(says(decimal.notes(), "decimal commas"));
    // Perhaps thousands, perhaps thousandths.
    let thousands = load_with("label;a\nM;1,000\nB;2,000\n", &TableOptions::default());
    assert_eq!(fault(thousands), (2, 2));
    let excel = load(format!("sep=;\r\n{}", text.replace(',', ";")));
    assert_eq!(excel.samples(), data.samples());
    let options = TableOptions {
        delimiter: Some(b'#'),
        ..TableOptions::default()
    };
    assert_eq!(
        load_with(text.replace(',', "#"), &options)
            .unwrap()
            .samples(),
        data.samples()
    );
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let error = load_with(
        [&[0xff, 0xfe], &utf16[..]].concat(),
        &TableOptions::default(),
    );
    assert!(error.unwrap_err().to_string().contains("UTF-16"));
}

#[test]
fn columns_and_names_that_do_not_match() {
    let data = load(format!("label,a,b,c,d\n{}", rows(letter)));
    let trailing = format!("label,a,b,c,d,\n{}", rows(letter).replace('\n', ",\n"));
    let trailing = load(trailing);
    assert_eq!(trailing.samples(), data.samples());
    assert!(says(trailing.notes(), "1 column without name and content"));
    // The names have a comma more, or none for the names of the rows.
    assert_eq!(
        load(format!("label,a,b,c,d,\n{}", rows(letter))).samples(),
        data.samples()
    );
    let of_r = load(format!(
        "label,a,b,c,d\n{}",
        rows(|i| format!("{},{}", i + 1, letter(i)))
    ));
    assert_eq!(of_r.samples(), data.samples());
}

#[test]
fn columns_are_arranged_by_their_names() {
    let train = load("label,age,bmi,dose\nill,1,20,300\nwell,2,10,100\nill,4,30,350\n");
    let pipeline =
        Pipeline::fit("table".parse().unwrap(), &train, PipelineOptions::default()).unwrap();
    let again = Pipeline::from_json(&pipeline.to_json().unwrap()).unwrap();
    assert_eq!(again, pipeline);
    assert_eq!(pipeline.column_names().unwrap(), ["age", "bmi", "dose"]);
    let features = |text: &str| {
        let new = unlabelled(text);
        let (_, note) = pipeline.arrange(new.samples()).unwrap();
        (
            pipeline.apply(new.samples()).unwrap(),
            note.unwrap_or_default(),
        )
    };
    let (wanted, note) = features("age,bmi,dose\n3,20,200\n");
    assert_eq!(note, "");
    let (turned, note) = features("dose,age,bmi\n200,3,20\n");
    assert_eq!(turned, wanted);
    assert!(note.contains("by their names"), "{note}");
    let (more, note) = features("id,age,bmi,dose\n7,3,20,200\n");
    assert_eq!(more, wanted);
    assert!(
        note.contains("1 column left out") && note.contains("id"),
        "{note}"
    );
    let (bare, note) = features("3,20,200\n");
    assert_eq!(bare, wanted);
    assert!(note.contains("no names"), "{note}");
    for other in [
        "height,shoe,dose\n3,20,200\n",
        "age,bmi\n3,20\n",
        "age,age,bmi,dose\n1,1,1,1\n",
    ] {
        let error = pipeline.apply(unlabelled(other).samples()).unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    }
    // Files of before have no names.
    let mut old: serde_json::Value = serde_json::from_str(&pipeline.to_json().unwrap()).unwrap();
    old.as_object_mut().unwrap().remove("column_names").unwrap();
    let old = Pipeline::from_json(&old.to_string()).unwrap();
    assert_eq!(
        old.apply(unlabelled("3,20,200\n").samples()).unwrap(),
        wanted
    );
}

#[test]
fn constant_columns_are_named() {
    let data = load("label,a,b,c\nx,1,7,2\ny,2,7,1\nx,3,7,5\n");
    let fit = |data| Pipeline::fit("table".parse().unwrap(), data, PipelineOptions::default());
    let note = fit(&data).unwrap().constant_columns().unwrap();
    assert!(
        note.starts_with("1 of 3 features") && note.ends_with(": b"),
        "{note}"
    );
    let varying = load("label,a\nx,1\ny,2\n");
    assert_eq!(fit(&varying).unwrap().constant_columns(), None);
}

#[test]
fn lines_that_are_not_samples() {
    let text = format!("label,a,b,c,d\n{}", rows(letter));
    let plain = load(&text);
    let tool = load(format!("# exported, 3 of 4\n# 2024\n{text}"));
    assert_eq!(tool.samples(), plain.samples());
    assert!(says(tool.notes(), "2 lines left out in front"));
    // As NumPy writes names.
    let numpy = load(format!("# {text}"));
    assert_eq!((names(&numpy), numpy.len()), (names(&plain), 20));
    let appended = load(format!("{text}{text}"));
    assert_eq!(appended.len(), 40);
    assert!(says(
        appended.notes(),
        "1 row with the names of the columns once more left out (line 22)"
    ));
    // A quotation mark that is closed some rows later takes them for a label.
    let quoted = text.replacen("\nB", "\n\"B", 1).replacen("\nM", "\nM\"", 1);
    let error = load_with(quoted, &TableOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("quotation mark"), "{error}");
    let names = load_with(
        format!("label,a,b,c,d,e\n{}", rows(letter)),
        &TableOptions::default(),
    );
    assert_eq!(fault(names), (2, 6));
    assert!(says(
        load(format!("label,a,b,a,d\n{}", rows(letter))).notes(),
        "called \"a\""
    ));
    let excel = load_with("PK\x03\x04", &TableOptions::default())
        .unwrap_err()
        .to_string();
    assert!(excel.contains("spreadsheet"), "{excel}");
    let members = [gzipped(&text[..60]), gzipped(&text[60..])].concat();
    assert_eq!(load(members).samples(), plain.samples());
}

/// What a table says of itself is wrong, or its first rows are not what they seem.
#[test]
fn tables_as_other_programs_write_them() {
    let plain = load(format!("label,a,b,c,d\n{}", rows(letter)));
    let message = |text: &str| {
        let error = load_with(text, &TableOptions::default()).unwrap_err();
        error.to_string()
    };
    // Rows end with a separator, the names do not.
    let ends = load(format!(
        "label,a,b,c,d\n{}",
        rows(letter).replace('\n', ",\n")
    ));
    assert_eq!(
        (ends.samples(), ends.labels()),
        (plain.samples(), plain.labels())
    );
    assert!(says(ends.notes(), "1 column without name and content"));
    // Decimal commas in quotation marks, and commas that may be anything.
    let quoted = |row: &str| {
        let (label, numbers) = row.split_once(',').unwrap();
        let numbers = numbers
            .split(',')
            .map(|n| format!("\"{}\"", n.replace('.', ",")));
        format!("{label},{}\n", numbers.collect::<Vec<_>>().join(","))
    };
    let decimal: String = rows(letter).lines().map(quoted).collect();
    let decimal = load(format!("label,a,b,c,d\n{decimal}"));
    assert_eq!(decimal.samples(), plain.samples());
    assert!(says(decimal.notes(), "decimal commas"));
    assert!(message("label,a\nM,\"1,000\"\nB,\"2,000\"\n").contains("thousands"));
    // A quotation mark that is not closed: in the first row, in one between, and in the last.
    let text = format!("label,a,b,c,d\n{}", rows(letter));
    let last = text.trim_end().rfind('\n').unwrap() + 1;
    let between = text.len() / 2 + text[text.len() / 2..].find(',').unwrap() + 1;
    for open in [
        text.replacen("\nB,", "\nB,\"", 1),
        format!("{}\"{}", &text[..between], &text[between..]),
        format!("{}\"{}", &text[..last], &text[last..]),
    ] {
        assert!(
            message(&open).contains("quotation mark"),
            "{}",
            message(&open)
        );
    }
    // A line with the encoding, and one with units.
    assert!(message(&format!("UTF-8\n{text}")).contains("before the names"));
    let units = text.replacen("\n", "\n-,mm,kg,K,1\n", 1);
    assert!(message(&units).contains("units"), "{}", message(&units));
    // One column of a one-hot encoding is the label, and the other a feature.
    let other = |i: usize| format!("{},{}", i % 2, 1 - i % 2);
    let one_hot = load(format!("is_b,is_m,a,b,c,d\n{}", rows(other)));
    assert!(says(
        one_hot.notes(),
        "\"is_m\") has one value for each label"
    ));
    assert!(!says(plain.notes(), "for each label"));
    // Labels of one value.
    let truths = load(rows(|i| {
        ["True", "FALSE", "true", "False"][i % 4].to_owned()
    }));
    assert_eq!(truths.class_names(), ["false", "true"]);
    assert!(says(truths.notes(), "labels of one value are one class"));
    let zeros = load(rows(|i| ["01", "2", "1", "02"][i % 4].to_owned()));
    assert!(says(zeros.notes(), "\"01\", \"02\""), "{:?}", zeros.notes());
}

fn gzipped(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
