//! Copies of a server, and servers made of them.

use std::path::Path;

use crate::common::raw::get;
use crate::common::{Data, Place, assert_close, config, finish, make_database};
use tapetum_client::{Client, JobKind, Object, Scope, Trust};
use tapetum_service::{BackupError, Operator, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_running_server_becomes_another() {
    let (place, client, owner, keys, set) = Place::settled(|_| ()).await;
    let (train, test) = (Data::new(100, 5), Data::new(20, 5));
    owner.append(&client, &set, &train).await;
    let job = client.train("", &set, &keys).await.unwrap();
    let model = finish(&client, JobKind::Training, &job.id)
        .await
        .result
        .unwrap();
    let asker = client
        .create_token("", &[Scope::Classify], None)
        .await
        .unwrap();

    // While others write and delete.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let operator = place.server.operator();
    let restless = async {
        for _ in 0..4 {
            let part = owner.append(&client, &set, &Data::new(10, 5)).await;
            client
                .delete(&format!("data-sets/{set}/parts"), &part.id)
                .await
                .unwrap();
        }
    };
    let (copied, ()) = tokio::join!(operator.backup(&copy), restless);
    let copied = copied.unwrap();
    assert!(copied.files >= 5, "{copied:?}");
    let again = operator.backup(&copy).await;
    assert!(matches!(again, Err(BackupError::Occupied(_))));
    let fingerprint = place.server.fingerprint().to_owned();

    // Nothing that is there is replaced.
    place.server.stop().await;
    let occupied = Operator::restore(config(place.folder.path()), &copy).await;
    assert!(
        matches!(occupied, Err(BackupError::Occupied(_))),
        "{occupied:?}"
    );

    let other = tempfile::tempdir().unwrap();
    let settings = config(other.path());
    make_database(&settings).await;
    let restored = Operator::restore(settings.clone(), &copy).await.unwrap();
    assert_eq!(restored, copied);
    let server = Server::start(settings).await.unwrap();
    assert_eq!(server.fingerprint(), fingerprint);
    let known = Some((copied.audit_seq, copied.audit_hash.as_str()));
    let log = server.operator().verify_audit(known).await.unwrap();
    assert_eq!(log.broken, None);
    // Clients find what they had, under the same names and with the same tokens.
    let url = format!("https://{}", server.address());
    let client = Client::new(&url, &Trust::Fingerprint(fingerprint), &asker.token).unwrap();
    let scores = owner.classify(&client, &model, &test).await;
    assert_close(&scores, &owner.reference(&train, &test));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_copy_is_refused() {
    let place = Place::new(|_| ()).await;
    let client = place.owner();
    let content = tapetum_ckks::Parameters::preset(tapetum_ckks::Preset::N12).to_bytes();
    let upload = client.upload_bytes(content).await.unwrap();
    client.create_parameter_set("", &upload).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    place.server.operator().backup(&copy).await.unwrap();
    place.server.stop().await;

    let blobs = std::fs::read_dir(copy.join("blobs")).unwrap();
    let blob = blobs.map(|entry| entry.unwrap().path()).next().unwrap();
    let files = ["manifest.json", "tables/tokens.jsonl", "tables/audit.jsonl"];
    let files = files.iter().map(|name| copy.join(name)).chain([blob]);
    for path in files {
        let whole = std::fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        for content in [damaged, whole[..whole.len() - 1].to_vec()] {
            std::fs::write(&path, content).unwrap();
            let refused = attempt(&copy).await;
            assert!(
                matches!(refused, Err(BackupError::Damaged(_))),
                "{path:?} {refused:?}"
            );
        }
        std::fs::write(&path, whole).unwrap();
    }
    attempt(&copy).await.unwrap();

    // Checksums that are right do not help where the audit log could not go on.
    let head = "{\"hash\":\"00\",\"id\":1,\"seq\":1}\n";
    std::fs::write(copy.join("tables/audit_head.jsonl"), head).unwrap();
    let manifest = std::fs::read_to_string(copy.join("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    for table in manifest["tables"].as_array_mut().unwrap() {
        if table["name"] == "audit_head" {
            table["checksum"] = blake3::hash(head.as_bytes()).to_hex().as_str().into();
        }
    }
    let manifest = manifest.to_string();
    let checksum = blake3::hash(manifest.as_bytes()).to_hex();
    std::fs::write(copy.join("manifest.json"), manifest).unwrap();
    std::fs::write(copy.join("manifest.blake3"), checksum.as_bytes()).unwrap();
    let refused = attempt(&copy).await;
    assert!(
        matches!(refused, Err(BackupError::Damaged(_))),
        "{refused:?}"
    );
}

async fn attempt(copy: &Path) -> Result<tapetum_service::Manifest, BackupError> {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new");
    let settings = config(&data);
    make_database(&settings).await;
    let restored = Operator::restore(settings, copy).await;
    // All of it, or nothing.
    assert_eq!(data.exists(), restored.is_ok());
    restored
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_finished_long_ago_goes() {
    let (place, client, owner, keys, set) = Place::settled(|_| ()).await;
    let data = Data::new(20, 5);
    owner.append(&client, &set, &data).await;
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let job = client.train("", &set, &keys).await.unwrap();
        jobs.push(finish(&client, JobKind::Training, &job.id).await);
    }
    let model = jobs[0].result.clone().unwrap();
    owner.classify(&client, &model, &data).await;
    let age = "UPDATE jobs SET finished_at = finished_at - $2 WHERE id <> $1";
    sqlx::query(age)
        .bind(&jobs[1].id)
        .bind(100i64 * 24 * 3600 * 1000)
        .execute(&place.database().await)
        .await
        .unwrap();
    let Place {
        folder,
        server,
        tokens,
    } = place;
    server.stop().await;

    let server = Server::start(config(folder.path())).await.unwrap();
    let place = Place {
        folder,
        server,
        tokens,
    };
    let client = place.owner();
    assert!(
        client
            .job(JobKind::Training, &jobs[0].id, 0.0)
            .await
            .is_err()
    );
    client
        .job(JobKind::Training, &jobs[1].id, 0.0)
        .await
        .unwrap();
    let left: Vec<tapetum_client::JobView> = client.list("classifications", None).await.unwrap();
    assert!(left.is_empty());
    // What was made stays, with the files of nothing else.
    let models: Vec<Object> = client.list("models", None).await.unwrap();
    assert_eq!(models.len(), 2);
    let files: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM blobs WHERE role = 'scores'")
        .fetch_one(&place.database().await)
        .await
        .unwrap();
    assert_eq!(files, 0);
    let token = place.tokens[0].as_str();
    let scores = get(&place, token, "/v1/classifications").await;
    assert_eq!(scores.status, 200);
    place.server.stop().await;
}
