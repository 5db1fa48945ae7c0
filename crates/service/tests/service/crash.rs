//! A server that is killed again and again: nothing that was accepted is lost, nothing is there twice, no
//! file is half there, and jobs end with the same result.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Data, Owner, assert_close, config, made, make_database, training_order};
use tapetum_ckks::Encryptor;
use tapetum_client::{Client, JobKind, JobView, Object, Trust};
use tapetum_service::Server;

/// Tells the child what it is.
const FOLDER: &str = "TAPETUM_TEST_FOLDER";
const ADDRESS: &str = "TAPETUM_TEST_ADDRESS";
/// The child says so when it listens.
const LISTENS: &str = "listens";

/// Not a test: what is killed. It runs in a process of its own, which the test starts.
#[test]
#[ignore = "the server that the other test kills"]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let address: SocketAddr = std::env::var(ADDRESS).unwrap().parse().unwrap();
    let mut config = config(Path::new(&folder));
    config.listen = address;
    config.work.lease = Duration::from_millis(1500);
    config.work.attempts = 100;
    config.limits.open_uploads = 1000;
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let server = Server::start(config).await.unwrap();
        let token = if server.operator().tenants().await.unwrap().is_empty() {
            server
                .operator()
                .add_tenant("first", None)
                .await
                .unwrap()
                .token
        } else {
            String::new()
        };
        println!(
            "\n{LISTENS} {} {} {token}",
            server.address(),
            server.fingerprint()
        );
        std::future::pending::<()>().await;
    });
}

/// A server in a process of its own.
struct Victim {
    process: Child,
    /// What it has said: address, fingerprint and, the first time, the token.
    words: Vec<String>,
}

impl Victim {
    fn start(folder: &Path, address: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "crash::child", "--nocapture"])
            .env(FOLDER, folder)
            .env(ADDRESS, address)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines
            .find_map(|line| line.unwrap().strip_prefix(LISTENS).map(str::to_owned))
            .expect("the server starts");
        Self {
            process,
            words: line.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // SIGKILL on Unix: there is no time for anything.
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Kills the server after pauses of these milliseconds and starts it again, until told otherwise.
fn torment(
    victim: Arc<Mutex<Option<Victim>>>,
    folder: std::path::PathBuf,
    address: String,
    pauses: Vec<u64>,
    kills: Arc<AtomicUsize>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for pause in pauses {
            std::thread::sleep(Duration::from_millis(pause));
            let mut victim = victim.lock().unwrap();
            *victim = None;
            *victim = Some(Victim::start(&folder, &address));
            kills.fetch_add(1, Ordering::Relaxed);
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_keeps_what_it_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    make_database(&config(&path)).await;
    let first = Victim::start(&path, "127.0.0.1:0");
    let (address, fingerprint, token) = (
        first.words[0].clone(),
        first.words[1].clone(),
        first.words[2].clone(),
    );
    let client = Client::new(
        &format!("https://{address}"),
        &Trust::Fingerprint(fingerprint),
        &token,
    );
    let client = client.unwrap();
    let owner = made(|| Owner::mini_batches(50)).await;
    let (_, keys, set) = owner.settle(&client).await;
    let victim = Arc::new(Mutex::new(Some(first)));
    let kills = Arc::new(AtomicUsize::new(0));

    // Uploads.
    let data = Data::new(400, 5);
    let encryptor = Encryptor::with_secret_key(&owner.secret);
    let mut parts: Vec<_> = (0..8)
        .map(|i| data.part(50 * i..50 * (i + 1)))
        .map(|data| (owner.part(&encryptor, &data), data))
        .collect();
    parts.sort_by_key(|(part, _)| training_order(part));
    let data = Data::concat(parts.iter().map(|(_, data)| data));
    let pauses = (0..10).map(|i| 20 + (i * 7919) % 300).collect();
    let tormentor = torment(
        victim.clone(),
        path.clone(),
        address.clone(),
        pauses,
        kills.clone(),
    );
    let mut accepted = Vec::new();
    let file = path.join("part");
    while !tormentor.is_finished() || accepted.len() < parts.len() {
        let (part, _) = &parts[accepted.len() % parts.len()];
        std::fs::write(&file, part).unwrap();
        let upload = client.upload(&file, &mut |_, _| ()).await.unwrap();
        accepted.push(client.append(&set, "", &upload).await.unwrap().id);
        if accepted.len() > parts.len() {
            // Only as many as are trained on stay.
            let last = accepted.pop().unwrap();
            let gone = client
                .delete(&format!("data-sets/{set}/parts"), &last)
                .await;
            // A deletion is not repeated by the client: it may have been done, and the answer lost.
            if gone.is_err() {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let _ = client
                    .delete(&format!("data-sets/{set}/parts"), &last)
                    .await;
            }
        }
    }
    tormentor.join().unwrap();
    let there: Vec<Object> = client
        .list(&format!("data-sets/{set}/parts"), None)
        .await
        .unwrap();
    let there: Vec<_> = there.into_iter().map(|part| part.id).collect();
    assert_eq!(there, accepted, "each part once, in order");

    // Training.
    let whole = client.train("", &set, &keys).await.unwrap();
    let whole = finish(&client, &whole.id).await;
    let expected = checksum(&client, &whole).await;
    let pauses = (0..10).map(|i| 300 + (i * 7919) % 1500).collect();
    let tormentor = torment(victim.clone(), path.clone(), address, pauses, kills.clone());
    let mut jobs = Vec::new();
    while !tormentor.is_finished() {
        let job = client.train("", &set, &keys).await.unwrap();
        jobs.push(finish(&client, &job.id).await);
    }
    tormentor.join().unwrap();
    for job in &jobs {
        assert_eq!(checksum(&client, job).await, expected);
    }
    // Begun anew at least once; the attempts themselves count from the last checkpoint.
    let begun_late = |job: &JobView| job.started_at - job.created_at > 1000;
    assert!(jobs.iter().any(begun_late), "{jobs:?}");
    let scores = owner
        .classify(&client, jobs[0].result.as_ref().unwrap(), &data.part(0..30))
        .await;
    assert_close(&scores, &owner.reference(&data, &data.part(0..30)));

    // Every row has its file, and every file is what its row says: otherwise no copy can be made.
    let kills = kills.load(Ordering::Relaxed);
    drop(victim.lock().unwrap().take());
    let server = Server::start(config(&path)).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    let copied = server.operator().backup(&copy.path().join("copy")).await;
    assert!(copied.unwrap().files > accepted.len() as u64);
    let log = server.operator().verify_audit(None).await.unwrap();
    assert_eq!(log.broken, None);
    server.stop().await;
    println!(
        "{kills} kills, {} trainings, {} records",
        jobs.len(),
        log.records
    );
}

/// Waits for a job, through all that happens to the server.
async fn finish(client: &Client, id: &str) -> JobView {
    for _ in 0..20 {
        if let Ok(job) = client.finish(JobKind::Training, id, &mut |_| ()).await {
            return job;
        }
    }
    panic!("{:?}", client.job(JobKind::Training, id, 0.0).await);
}

async fn checksum(client: &Client, job: &JobView) -> String {
    let model = client
        .object("models", job.result.as_ref().unwrap())
        .await
        .unwrap();
    model.files[0].checksum.clone()
}
