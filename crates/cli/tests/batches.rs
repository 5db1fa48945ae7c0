//! Training in mini-batches that stream from disk: interrupted, resumed, and larger than memory.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use common::{
    Temporary, check_failure, output, run, same_predictions, table, tapetum, temporary, words,
};
use serde_json::Value;

const DATA: &str = "--images cells.csv --positive M --train-count 110 --test-count 40 --seed 3";
const TRAIN: &str = "train --server server --data server/train.enc";

/// One at a time: each process holds keys of more than a gigabyte.
static MEMORY: Mutex<()> = Mutex::new(());

/// Keys, and three mini-batches of 40 rows and less: made once, and only read.
struct Fixture {
    dir: Temporary,
    simulated: Value,
}

impl Fixture {
    fn new(iterations: usize) -> Self {
        let temporary = temporary();
        let dir = &temporary;
        fs::write(dir.join("cells.csv"), table()).unwrap();
        let kind = format!("--batch 40 --iterations {iterations}");
        let simulated = run(dir, &format!("simulate {DATA} {kind} --out clear.csv"));
        run(
            dir,
            &format!("keygen --owner owner --server server --like cells.csv {kind}"),
        );
        for (part, labels) in [("train", "encrypted"), ("test", "withheld")] {
            run(
                dir,
                &format!(
                    "encrypt --owner owner {DATA} --split {part} --labels {labels} \
                     --out server/{part}.enc"
                ),
            );
        }
        encrypt_again(dir, "owner", "zoe", "other.enc");
        fs::rename(dir.join("owner"), dir.join("away")).unwrap();
        run(
            dir,
            &format!("{TRAIN} --out through.enc --checkpoint through.state --snapshot now.enc"),
        );
        Self {
            dir: temporary,
            simulated,
        }
    }
}

/// The same samples in other ciphertexts, of a contributor whose name comes after the owner's.
fn encrypt_again(dir: &Path, owner: &str, name: &str, out: &str) {
    let line = format!("encrypt --owner {owner} {DATA} --split train --name {name} --out {out}");
    run(dir, &line);
}

fn fixture() -> (&'static Fixture, MutexGuard<'static, ()>) {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    // Where one test fails, the others still tell.
    let guard = MEMORY.lock().unwrap_or_else(|e| e.into_inner());
    (FIXTURE.get_or_init(|| Fixture::new(3)), guard)
}

#[test]
fn mini_batches_find_what_the_reference_finds() {
    let (Fixture { dir, simulated }, _guard) = fixture();
    assert!(simulated["accuracy"].as_f64().unwrap() > 0.8);
    assert_eq!(
        simulated["ranges"]["largest_z"].as_array().unwrap().len(),
        2
    );
    // The last snapshot is the model.
    assert_eq!(
        fs::read(dir.join("now.enc")).unwrap(),
        fs::read(dir.join("through.enc")).unwrap()
    );
    run(
        dir,
        "classify --server server --model through.enc --data server/test.enc --out scores.enc",
    );
    let found = run(
        dir,
        "decrypt --owner away scores.enc --index away/test.index.csv --out verdicts.csv",
    );
    assert_eq!(found["accuracy"], simulated["accuracy"]);
    same_predictions(&dir.join("verdicts.csv"), &dir.join("clear.csv"), 1e-3);
}

/// The process is killed at some moment after its first iteration or its second, and resumed.
#[test]
fn a_killed_training_resumes_to_the_same_weights() {
    let (fixture, _guard) = fixture();
    let dir = &fixture.dir;
    let expected = fs::read(dir.join("through.enc")).unwrap();
    let started = Instant::now();
    for iterations in [1, 2] {
        let state = dir.join(format!("killed-{iterations}.state"));
        let line = format!("{TRAIN} --out killed.enc --checkpoint {}", state.display());
        let mut child = tapetum(dir)
            .args(words(&line))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..iterations {
            wait_for_change(&state, &mut child);
        }
        // Somewhere within the iteration, another place each time.
        std::thread::sleep(Duration::from_nanos(started.elapsed().subsec_nanos().into()) / 5);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success(), "it was too fast to be killed");
        assert!(!dir.join("killed.enc").exists());

        let line = format!("{line} --resume");
        let resumed = run(dir, &line);
        assert!(resumed["resumed_from"].as_u64().unwrap() >= iterations);
        assert_eq!(resumed["iterations"], 3);
        assert!(fs::read(dir.join("killed.enc")).unwrap() == expected);
        // There is nothing left to do, and that gives the same.
        let again = run(dir, &line);
        assert_eq!(again["resumed_from"], 3);
        assert!(fs::read(dir.join("killed.enc")).unwrap() == expected);
        fs::remove_file(dir.join("killed.enc")).unwrap();
    }
}

/// Waits until the checkpoint is another than it was when this was called.
fn wait_for_change(path: &Path, child: &mut Child) {
    let modified = || fs::metadata(path).and_then(|m| m.modified()).ok();
    let before = modified();
    while modified() == before {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_owner_may_say_stop_and_go_on() {
    let (fixture, _guard) = fixture();
    let dir = &fixture.dir;
    let line = format!("{TRAIN} --checkpoint stopped.state --resume");
    let stopped = run(dir, &format!("{line} --out stopped.enc --until 2"));
    assert_eq!(
        (&stopped["iterations"], &stopped["resumed_from"]),
        (&2.into(), &0.into())
    );
    let expected = fs::read(dir.join("through.enc")).unwrap();
    assert!(fs::read(dir.join("stopped.enc")).unwrap() != expected);
    run(dir, &format!("{line} --out stopped.enc"));
    assert!(fs::read(dir.join("stopped.enc")).unwrap() == expected);
}

#[test]
fn checkpoints_of_other_trainings_are_refused() {
    let (fixture, _guard) = fixture();
    let dir = &fixture.dir;
    let fails = |line: &str, code, says: &[&str]| {
        check_failure(&output(dir, line), line, code, says);
        assert!(!dir.join("x.enc").exists());
    };
    let there = format!("{TRAIN} --out x.enc --checkpoint through.state");
    fails(&there, 3, &["--resume", "through.state"]);
    let train = fs::read(dir.join("server/train.enc")).unwrap();
    let more = format!("{TRAIN} --data other.enc --out x.enc --checkpoint through.state --resume");
    fails(&more, 3, &["other settings, keys or data"]);
    fs::write(
        dir.join("twice.enc"),
        [train.clone(), train.clone()].concat(),
    )
    .unwrap();
    let twice = "train --server server --data twice.enc --out x.enc";
    fails(twice, 3, &["twice.enc", "the same encrypted samples"]);
    let wrong = format!("{TRAIN} --out x.enc --checkpoint through.enc --resume");
    fails(&wrong, 4, &["through.enc", "not a checkpoint"]);
    fs::write(dir.join("cut.enc"), &train[..train.len() - 7]).unwrap();
    let cut = "train --server server --data cut.enc --out x.enc";
    fails(cut, 3, &["truncated"]);
}

/// More mini-batches than the process may have memory.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "writes a file of a gigabyte"]
fn data_larger_than_memory_stream_by() {
    let _guard = MEMORY.lock().unwrap_or_else(|e| e.into_inner());
    let fixture = Fixture::new(2);
    let dir = &fixture.dir;
    let batches = fs::read(dir.join("server/train.enc")).unwrap();
    let mut file = fs::File::create(dir.join("large.enc")).unwrap();
    std::io::Write::write_all(&mut file, &batches).unwrap();
    for i in 0..(LIMIT_KIB * 1024).div_ceil(batches.len()) {
        encrypt_again(dir, "away", &format!("zoe{i}"), "part.enc");
        let part = fs::read(dir.join("part.enc")).unwrap();
        std::io::Write::write_all(&mut file, &part).unwrap();
    }
    let line = format!("{TRAIN} --out limited.enc").replace("server/train.enc", "large.enc");
    // Limits the memory that the process may write to. By default the allocator takes a gigabyte of
    // that at once and uses what it needs; so it only keeps the addresses.
    let limited = format!("ulimit -d {LIMIT_KIB}; exec \"$0\" --json --quiet {line}");
    let output = Command::new("sh")
        .current_dir(dir)
        .args(["-c", &limited])
        .arg(assert_cmd::cargo::cargo_bin!("tapetum"))
        .env("RAYON_NUM_THREADS", "2")
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    // The iterations read the first mini-batches, which are those of the small file.
    assert!(
        fs::read(dir.join("limited.enc")).unwrap() == fs::read(dir.join("through.enc")).unwrap()
    );
    fs::remove_file(dir.join("large.enc")).unwrap();
}

/// Keys and tables take most of it.
#[cfg(target_os = "linux")]
const LIMIT_KIB: usize = 1_000_000;
