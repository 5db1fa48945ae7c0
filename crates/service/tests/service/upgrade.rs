//! Data folders of the version before.

use std::fs;
use std::path::Path;

use crate::common::raw::get;
use crate::common::{Data, Place, assert_close, config, finish};
use serde_json::Value;
use sqlx::AnyPool;
use tapetum_client::JobKind;
use tapetum_service::{Server, StartError};

/// The fields that documents of that version did not have.
const ADDED: [&str; 3] = ["expanded_bytes", "largest_batch_bytes", "memory"];

/// Makes a database what the version before would have made of it.
async fn go_back(database: &AnyPool) {
    for statement in [
        "DROP TABLE programs",
        "DROP TABLE network_queries",
        "DELETE FROM _sqlx_migrations WHERE version >= 3",
    ] {
        sqlx::query(statement).execute(database).await.unwrap();
    }
    for (select, update) in [
        (
            "SELECT id, details FROM objects",
            "UPDATE objects SET details = $1 WHERE id = $2",
        ),
        (
            "SELECT id, request FROM jobs",
            "UPDATE jobs SET request = $1 WHERE id = $2",
        ),
    ] {
        let rows: Vec<(String, String)> = sqlx::query_as(select).fetch_all(database).await.unwrap();
        for (id, text) in rows {
            let mut document: Value = serde_json::from_str(&text).unwrap();
            let fields = document.as_object_mut().unwrap();
            fields.retain(|name, _| !ADDED.contains(&name.as_str()));
            let update = sqlx::query(update).bind(document.to_string()).bind(id);
            update.execute(database).await.unwrap();
        }
    }
}

/// The tests name it, and it is new for each: there is no folder of a version before then.
fn is_elsewhere(folder: &Path) -> bool {
    config(folder).database.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_the_version_before_is_copied_and_goes_on() {
    let (place, client, owner, keys, set) = Place::settled(|config| config.work.jobs = 0).await;
    let (folder, tokens) = (place.folder.path(), place.tokens.clone());
    if is_elsewhere(folder) {
        return;
    }
    let (train, test) = (Data::new(600, 5), Data::new(40, 5));
    owner.append(&client, &set, &train).await;
    let job = client.train("", &set, &keys).await.unwrap();
    go_back(&place.database().await).await;
    let Place { folder, server, .. } = place;
    server.stop().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for (name, mode) in [
            ("", 0o755),
            ("service.db", 0o644),
            ("queue.db", 0o644),
            ("tls", 0o755),
        ] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.path().join(name), mode).unwrap();
        }
    }

    let server = Server::start(config(folder.path())).await.unwrap();
    let place = Place {
        folder,
        server,
        tokens,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for name in [
            "service.db",
            "service.db-wal",
            "queue.db",
            "tls",
            "tls/key.pem",
            "upgrades",
        ] {
            let mode = fs::metadata(place.folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0, "{name} {mode:o}");
        }
    }
    // The copy is what it was.
    let copy = place.folder.path().join("upgrades/service-before-4.db");
    let copy = AnyPool::connect(&format!("sqlite:{}", copy.display()))
        .await
        .unwrap();
    let (state, request): (String, String) = sqlx::query_as("SELECT state, request FROM jobs")
        .fetch_one(&copy)
        .await
        .unwrap();
    assert!(state == "queued" && !request.contains("memory"));
    // The job of the version before is done, and so is one of this.
    let client = place.owner();
    for id in [job.id, client.train("", &set, &keys).await.unwrap().id] {
        let trained = finish(&client, JobKind::Training, &id).await;
        let scores = owner
            .classify(&client, &trained.result.unwrap(), &test)
            .await;
        assert_close(&scores, &owner.reference(&train, &test));
    }
    assert_eq!(get(&place, "", "/health/ready").await.status, 204);
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_a_later_version_is_refused() {
    let place = Place::new(|_| ()).await;
    if is_elsewhere(place.folder.path()) {
        return;
    }
    let database = place.database().await;
    for statement in [
        "INSERT INTO programs VALUES ('9.9.9', 9000000000000)",
        "INSERT INTO _sqlx_migrations SELECT 99, description, installed_on, success, checksum, execution_time \
         FROM _sqlx_migrations WHERE version = 3",
    ] {
        sqlx::query(statement).execute(&database).await.unwrap();
    }
    let Place { folder, server, .. } = place;
    server.stop().await;
    let refused = Server::start(config(folder.path())).await.unwrap_err();
    assert!(matches!(&refused, StartError::Newer(version) if version == "9.9.9"));
    assert!(
        refused.to_string().contains("restore a backup"),
        "{refused}"
    );
}
