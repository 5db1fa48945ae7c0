//! Keys that do not belong together, or with a server.

use std::fs;

use crate::common::{check_failure, fails, files, output, run, table, tapetum, temporary, words};
use crate::{CLASSIFY, DECRYPT, ENCRYPT_NEW, INPUT, KEYGEN, ROLE, TRAIN, with, world};

#[test]
fn keys_and_files_of_another_keygen() {
    let dir = &world();
    // The same parameters.
    run(
        dir,
        &format!("{KEYGEN} --owner owner2 --contributor contributor2 --server server2"),
    );
    let other = "decrypt --owner owner2 scores.enc --out verdicts.csv";
    fails(dir, other, ROLE, &["scores.enc", "another `keygen`"]);
    let other = "classify --server server2 --model model.enc --data new.enc --out strange.enc";
    fails(dir, other, ROLE, &["model.enc", "another `keygen`"]);
    // A key that got into another's directory, of the same parameters.
    for (file, line) in [
        ("server/evaluation.keys", CLASSIFY),
        ("owner/secret.key", DECRYPT),
        ("contributor/public.key", ENCRYPT_NEW),
    ] {
        let content = fs::read(dir.join(file.replace('/', "2/"))).unwrap();
        let role = file.split('/').next().unwrap();
        let ids = [role.to_owned(), format!("{role}2")].map(|role| {
            let plan = fs::read(dir.join(role).join("plan.json")).unwrap();
            let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
            plan["key_set"].as_str().unwrap().to_owned()
        });
        let told = [
            file,
            "different runs of `tapetum keygen`",
            ids[0].as_str(),
            ids[1].as_str(),
        ];
        with(dir, file, &content, line, ROLE, &told);
    }
    // Another number of features.
    run(
        dir,
        "keygen --owner owner3 --server server3 --learner linear-means --features table \
              --columns 700 --rows 20",
    );
    fails(
        dir,
        "encrypt --owner owner3 --images cells.csv --positive M --out train.enc",
        INPUT,
        &["5 features", "700", "--like"],
    );
    // Other parameters.
    run(
        dir,
        "keygen --owner owner4 --contributor contributor4 --server server4 \
              --features table --columns 5 --rows 20",
    );
    let parameters = ["belongs to parameters", "make it again under these"];
    fails(
        dir,
        "train --server server4 --data train.enc --out model.enc",
        ROLE,
        &parameters,
    );
    fails(
        dir,
        "decrypt --owner owner4 scores.enc --out verdicts.csv",
        ROLE,
        &parameters,
    );
    // Halves of two runs in one directory.
    for (file, line) in [
        ("server/plan.json", TRAIN),
        ("owner/plan.json", DECRYPT),
        ("contributor/plan.json", ENCRYPT_NEW),
    ] {
        let other = file.replace('/', "4/");
        let content = fs::read(dir.join(other)).unwrap();
        with(
            dir,
            file,
            &content,
            line,
            ROLE,
            &["different runs of `tapetum keygen`", "levels and log QP"],
        );
    }
}

#[test]
fn a_secret_key_never_meets_a_server() {
    let dir = &world();
    let secret = fs::read(dir.join("owner/secret.key")).unwrap();
    let refused = |line: &str| fails(dir, line, ROLE, &["secret key", "make new keys"]);
    let both = || [TRAIN, CLASSIFY].into_iter().for_each(refused);
    // Under its name or another, in the directory or below it.
    for place in [
        "server/secret.key",
        "server/holiday.txt",
        "server/a/b/.hidden",
    ] {
        let place = dir.join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, &secret).unwrap();
        both();
        // It need not be whole to be too much.
        fs::write(&place, &secret[..secret.len() / 2]).unwrap();
        both();
        fs::remove_file(&place).unwrap();
    }
    fs::write(dir.join("server/secret.key"), "unreadable").unwrap();
    both();
    fs::remove_file(dir.join("server/secret.key")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        let link = dir.join("server/link");
        for target in ["../owner/secret.key", "../owner"] {
            symlink(target, &link).unwrap();
            both();
            fs::remove_file(&link).unwrap();
        }
        // A circle of links is no secret.
        symlink("../server", &link).unwrap();
        run(dir, TRAIN);
        fs::remove_file(&link).unwrap();
    }
    // As an argument.
    refused("train --server server --data owner/secret.key --out model.enc");
    refused("classify --server server --model owner/secret.key --data new.enc --out scores.enc");
    refused("classify --server server --model model.enc --data owner/secret.key --out scores.enc");
    refused("train --server owner --data train.enc --out model.enc");
    refused("train --server . --data train.enc --out model.enc");
    run(dir, TRAIN);

    // Keys that exist are not replaced, whichever they are.
    for line in [
        "--owner owner",
        "--owner new --server server",
        "--owner new --contributor contributor",
        "--owner server",
        "--owner contributor",
    ] {
        fails(dir, &format!("{KEYGEN} {line}"), ROLE, &["already exists"]);
    }
    // Directories that are not apart.
    for line in [
        "--owner new --server new",
        "--owner new --server ./new/",
        "--owner new/own --server new",
        "--owner new/own --server new/own/../",
        "--owner new --contributor new",
        "--owner own --contributor new --server new",
        "--owner server/new",
    ] {
        let output = output(dir, &format!("{KEYGEN} {line}"));
        check_failure(&output, line, ROLE, &["a directory of its own"]);
        let written = files(&dir.join("new"));
        assert!(written.values().all(Option::is_none), "{line} wrote a file");
    }
    let everything = files(dir);
    let secrets = everything
        .keys()
        .filter(|path| path.ends_with("secret.key"));
    assert_eq!(secrets.count(), 1);
}

#[test]
fn a_secret_key_under_a_passphrase() {
    let dir = &temporary();
    fs::write(dir.join("cells.csv"), table()).unwrap();
    let with = |passphrase: &str, line: &str| {
        tapetum(dir)
            .env("TAPETUM_PASSPHRASE", passphrase)
            .arg("--json")
            .args(words(line))
            .output()
            .unwrap()
    };
    let right = "cats see in the dark";
    let keygen = format!("{KEYGEN} --owner owner --server server --passphrase");
    check_failure(
        &with("short", &keygen),
        &keygen,
        INPUT,
        &["at least 8 characters"],
    );
    assert!(with(right, &keygen).status.success());
    let key = fs::read(dir.join("owner/secret.key")).unwrap();
    assert!(key.starts_with(b"TAPETUM SEALED KEY"));

    let encrypt = "encrypt --owner owner --images cells.csv --positive M --out train.enc";
    fails(dir, encrypt, ROLE, &["passphrase", "TAPETUM_PASSPHRASE"]);
    let wrong = with("dogs see in the dark", encrypt);
    check_failure(
        &wrong,
        encrypt,
        ROLE,
        &["secret.key", "not that of this secret key"],
    );
    assert!(with(right, encrypt).status.success());
    run(dir, TRAIN);
    let classify = "classify --server server --model model.enc --data new.enc --out scores.enc";
    let new =
        "encrypt --owner owner --images cells.csv --positive M --labels withheld --out new.enc";
    assert!(with(right, new).status.success());
    run(dir, classify);
    fails(dir, DECRYPT, ROLE, &["passphrase"]);
    assert!(with(right, DECRYPT).status.success());

    // A server knows it for a secret key by any name.
    fs::write(dir.join("server/innocent.bin"), key).unwrap();
    let sent = "train --server server --data server/innocent.bin --out other.enc";
    fails(dir, sent, ROLE, &["innocent.bin", "secret key"]);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = &world();
    let mode = |name: &str| {
        let metadata = fs::metadata(dir.join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("owner"), mode("owner/secret.key")), (0o700, 0o600));
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(dir.join("owner/secret.key"), open).unwrap();
    let warned = output(dir, DECRYPT);
    let errors = String::from_utf8_lossy(&warned.stderr);
    assert!(warned.status.success(), "{errors}");
    assert!(
        errors.starts_with("{\"warning\":") && errors.contains("chmod 600"),
        "{errors}"
    );
}
