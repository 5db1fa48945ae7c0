//! Files that are damaged, foreign, missing or in each other's places.

use std::fs;

use crate::common::{ROWS, fails, run};
use crate::{CLASSIFY, DECRYPT, ENCRYPT_NEW, FILES, INPUT, ROLE, TRAIN, with, world};

/// The command that reads a file, for each kind of file.
const READERS: [(&str, &str); 10] = [
    ("train.enc", TRAIN),
    ("new.enc", CLASSIFY),
    ("model.enc", CLASSIFY),
    ("scores.enc", DECRYPT),
    ("owner/secret.key", DECRYPT),
    ("contributor/public.key", ENCRYPT_NEW),
    ("contributor/features.json", ENCRYPT_NEW),
    ("contributor/plan.json", ENCRYPT_NEW),
    ("server/evaluation.keys", TRAIN),
    ("server/plan.json", TRAIN),
];

#[test]
fn damaged_foreign_and_missing_files() {
    let dir = &world();
    for (file, line) in READERS {
        let good = fs::read(dir.join(file)).unwrap();
        let binary = !file.ends_with(".json");
        let name = file.rsplit('/').next().unwrap();
        with(dir, file, &good[..good.len() / 2], line, INPUT, &[name]);
        with(dir, file, b"", line, INPUT, &[name]);
        with(
            dir,
            file,
            b"Dear server, here are my cats.",
            line,
            INPUT,
            &[name],
        );
        if binary {
            let mut flipped = good.clone();
            flipped[good.len() / 2] ^= 0x10;
            with(dir, file, &flipped, line, INPUT, &[name]);
            let mut newer = good.clone();
            // The version stands behind the magic.
            let version = newer.windows(2).position(|w| w == [1, 0]).unwrap();
            newer[version + 1] = 1;
            with(dir, file, &newer, line, INPUT, &["newer version"]);
        }
        fs::rename(dir.join(file), dir.join("away")).unwrap();
        let code = match name {
            // Without it the contributor cannot know the features, but may fit them.
            "features.json" | "plan.json" => ROLE,
            _ if file.contains('/') => ROLE,
            _ => FILES,
        };
        fails(dir, line, code, &[name]);
        fs::rename(dir.join("away"), dir.join(file)).unwrap();
    }
    for (file, line) in [
        ("train.enc", TRAIN),
        ("model.enc", CLASSIFY),
        ("scores.enc", DECRYPT),
    ] {
        let mut longer = fs::read(dir.join(file)).unwrap();
        longer.push(0);
        with(dir, file, &longer, line, INPUT, &["has trailing data"]);
    }
    // After all that, everything still works.
    for line in [TRAIN, CLASSIFY, DECRYPT] {
        run(dir, line);
    }

    // Files in each other's places.
    let model = "classify --server server --model new.enc --data new.enc --out scores.enc";
    let expected = ["new.enc", "encrypted-matrix", "linear-model"];
    fails(dir, model, ROLE, &expected);
    let key = "train --server server --data server/evaluation.keys --out model.enc";
    fails(dir, key, ROLE, &["evaluation.keys", "evaluation keys"]);
    for samples in ["new.enc", "train.enc"] {
        let scores = format!("decrypt --owner owner {samples} --out verdicts.csv");
        let says = [samples, "encrypted samples", "tapetum classify"];
        fails(dir, &scores, ROLE, &says);
    }
    let model = "decrypt --owner owner model.enc";
    fails(dir, model, INPUT, &["model.enc is a model", "--out"]);
    fails(
        dir,
        "inspect cells.csv",
        INPUT,
        &["cells.csv", "not a Tapetum file"],
    );
    fails(dir, "inspect nothing.enc", FILES, &["nothing.enc"]);

    // Samples without labels teach nothing.
    let withheld = "train --server server --data new.enc --out model.enc";
    fails(
        dir,
        withheld,
        INPUT,
        &["without labels", "--labels encrypted"],
    );

    // Directories that are not there, or are another role's.
    fails(
        dir,
        "train --server nowhere --data train.enc --out model.enc",
        FILES,
        &["nowhere"],
    );
    let wrong = "train --server contributor --data train.enc --out model.enc";
    fails(
        dir,
        wrong,
        ROLE,
        &["evaluation.keys is missing", "ask the owner"],
    );
    fails(
        dir,
        "decrypt --owner server scores.enc",
        ROLE,
        &["secret.key is missing"],
    );
    let wrong = "encrypt --contributor server --images cells.csv --out new.enc";
    fails(dir, wrong, ROLE, &["public.key is missing"]);

    // An index that is none, and one of other samples.
    fails(
        dir,
        "decrypt --owner owner scores.enc --index cells.csv",
        INPUT,
        &["is not an index"],
    );
    fs::write(
        dir.join("one.csv"),
        "sample,source,label,contributor,classes\n0,a,,,\"[\"\"b\"\",\"\"c\"\"]\"\n",
    )
    .unwrap();
    let one = "decrypt --owner owner scores.enc --index one.csv";
    fails(dir, one, INPUT, &["1 samples", &format!("{ROWS} scores")]);
}
