//! Whoever wants to keep others out: by connections, by uploads, by tokens of a tenant.

use std::time::Duration;

use crate::common::raw::{connect, get, metrics, send};
use crate::common::{Data, Place};
use base64::Engine;
use serde_json::Value;
use tapetum_client::{JobKind, Scope};
use tapetum_service::PageSource;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

/// Waits until the server closes a connection.
async fn closed(mut stream: impl AsyncRead + Unpin) {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

/// The value of a metric, whose labels are part of its name.
async fn metric(place: &Place, name: &str) -> u64 {
    let text = metrics(place).await;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name}\n{text}"));
    value.trim().parse().unwrap()
}

/// An upload that has been announced, as its path.
async fn announce(place: &Place, token: &str, length: u64) -> (u16, String) {
    let checksum = blake3::hash(b"never sent").to_hex().to_string();
    let metadata = base64::engine::general_purpose::STANDARD.encode(checksum);
    let (length, metadata) = (length.to_string(), format!("blake3 {metadata}"));
    let headers = [
        TUS,
        ("upload-length", length.as_str()),
        ("upload-metadata", metadata.as_str()),
    ];
    let found = send(place, token, "POST", "/v1/uploads", &headers, "").await;
    let path = found
        .headers
        .get("location")
        .map(|path| path.to_str().unwrap().to_owned());
    (found.status, path.unwrap_or_default())
}

/// Sends an upload a byte at a time, until the server answers. Returns the answer.
async fn drip(place: &Place, token: &str, path: &str) -> String {
    let stream = connect(place).await;
    let (mut read, mut write) = tokio::io::split(stream);
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         tus-resumable: 1.0.0\r\ncontent-type: application/offset+octet-stream\r\n\
         upload-offset: 0\r\ncontent-length: 1000000\r\n\r\n"
    );
    write.write_all(head.as_bytes()).await.unwrap();
    let dripping = async {
        while write.write_all(b"x").await.is_ok() && write.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let mut answer = vec![0; 4096];
    let answered = async { read.read(&mut answer).await.unwrap_or(0) };
    let bytes = tokio::select! {
        bytes = answered => bytes,
        () = dripping => 0,
    };
    String::from_utf8_lossy(&answer[..bytes]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_keep_nobody_out_and_are_closed() {
    let place = Place::new(|config| {
        config.limits.connections = 24;
        config.limits.connections_of_address = 16;
        config.limits.head = Duration::from_secs(2);
    })
    .await;
    let working = place.owner();
    working.whoami().await.unwrap();
    let (mut encrypted, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        for _ in 0..10 {
            encrypted.push(connect(&place).await);
            plain.push(TcpStream::connect(place.server.address()).await.unwrap());
        }
        // On the connection that it has, and on a new one.
        working.whoami().await.unwrap();
        place.owner().whoami().await.unwrap();
        let health = get(&place, "", "/health/ready").await;
        assert_eq!(health.status, 204);
    }
    // Some have begun a request, and do not end it.
    for stream in &mut encrypted {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n").await;
        let _ = stream.flush().await;
    }
    for stream in encrypted {
        closed(stream).await;
    }
    for stream in plain {
        closed(stream).await;
    }
    let gave_way = metric(
        &place,
        "tapetum_connections_closed_total{reason=\"gave-way\"}",
    )
    .await;
    let silent = metric(
        &place,
        "tapetum_connections_closed_total{reason=\"silent\"}",
    )
    .await;
    assert!(
        gave_way >= 40 && silent > 0 && gave_way + silent >= 60,
        "{gave_way} {silent}"
    );
    working.whoami().await.unwrap();
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_taken_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<!doctype html>").unwrap();
    std::fs::write(folder.path().join("large.js"), vec![b' '; 24 << 20]).unwrap();
    let place = Place::new(|config| {
        config.limits.window = Duration::from_secs(1);
        config.limits.rate = 1 << 20;
        config.page = PageSource::Folder(folder.path().to_owned());
    })
    .await;
    let mut stream = connect(&place).await;
    let request = b"GET /page/large.js HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let name = "tapetum_connections_closed_total{reason=\"slow\"}";
    while metric(&place, name).await == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    closed(stream).await;
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dripping_uploads_keep_nobody_out_and_are_ended() {
    let place = Place::new(|config| {
        config.limits.concurrent_requests = 8;
        config.limits.requests_of_tenant = 4;
        config.limits.rate = 1000;
        config.limits.window = Duration::from_secs(3);
    })
    .await;
    let third = place
        .server
        .operator()
        .add_tenant("third", None)
        .await
        .unwrap();
    let third = place.client(&third.token);
    let mut paths = Vec::new();
    for token in &place.tokens {
        for _ in 0..4 {
            let (status, path) = announce(&place, token, 1_000_000).await;
            assert_eq!(status, 201);
            paths.push((token.as_str(), path));
        }
    }
    let drips = paths.iter().map(|(token, path)| drip(&place, token, path));
    let mut drips = Box::pin(futures_util::future::join_all(drips));
    let mut served = 0;
    let answers = loop {
        tokio::select! {
            answers = &mut drips => break answers,
            found = third.whoami() => {
                found.unwrap();
                let health = get(&place, "", "/health/live").await;
                assert_eq!(health.status, 204);
                served += 1;
            }
        }
    };
    drop(drips);
    assert!(served > 3, "{served}");
    let count = |status: &str| answers.iter().filter(|a| a.starts_with(status)).count();
    // Together they never have more than the share of two.
    let (ended, refused) = (count("HTTP/1.1 400"), count("HTTP/1.1 429"));
    assert!(
        ended + refused == 8 && (1..=6).contains(&ended),
        "{answers:?}"
    );
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_announces_is_its_own_affair() {
    let place = Place::new(|config| config.limits.storage_bytes = 1_000_000).await;
    let owner = place.owner();
    let issued = owner
        .create_token("", &[Scope::Contributor], None)
        .await
        .unwrap();
    let token = issued.token.as_str();
    assert_eq!(announce(&place, token, 300_000).await.0, 201);
    assert_eq!(announce(&place, token, 200_000).await.0, 201);
    assert_eq!(announce(&place, token, 1).await.0, 507);
    // Another has half of the rest, the owner all of it.
    let other = owner
        .create_token("", &[Scope::Contributor], None)
        .await
        .unwrap();
    assert_eq!(announce(&place, &other.token, 250_001).await.0, 507);
    assert_eq!(announce(&place, &place.tokens[0], 500_000).await.0, 201);

    // Everyone sees their own, the owner all; of other tenants nobody sees any.
    let of_token = place.client(token).uploads().await.unwrap();
    let all = owner.uploads().await.unwrap();
    assert_eq!((of_token.len(), all.len()), (2, 3));
    assert!(all.iter().all(|upload| !upload.complete));
    assert!(
        place
            .client(&place.tokens[1])
            .uploads()
            .await
            .unwrap()
            .is_empty()
    );
    let foreign = place.client(&other.token).discard_upload(&all[0].id).await;
    assert_eq!(foreign.unwrap_err().problem().unwrap().status, 404);
    owner.discard_upload(&of_token[0].id).await.unwrap();
    assert_eq!(place.client(token).uploads().await.unwrap().len(), 1);
    let emptied = send(
        &place,
        &place.tokens[0],
        "DELETE",
        "/v1/uploads",
        &[TUS],
        "",
    )
    .await;
    assert_eq!(
        (emptied.status, owner.uploads().await.unwrap().len()),
        (204, 0)
    );
    let staged = std::fs::read_dir(place.folder.path().join("staging")).unwrap();
    assert_eq!(staged.count(), 0);
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_leaves_no_upload_and_no_stream() {
    let (place, client, owner, keys, set) = Place::settled(|config| config.work.jobs = 0).await;
    owner.append(&client, &set, &Data::new(20, 5)).await;
    let job = client.train("", &set, &keys).await.unwrap();
    let issued = client
        .create_token("", &[Scope::Owner], None)
        .await
        .unwrap();
    let token = issued.token.as_str();
    let mut events = place
        .client(token)
        .events(JobKind::Training, &job.id)
        .await
        .unwrap();
    assert!(events.next().await.unwrap().is_some());
    let (status, path) = announce(&place, token, 1_000_000).await;
    assert_eq!(status, 201);
    let waits = format!("/v1/training-jobs/{}?wait=30", job.id);
    let (answer, waited, (revoked, refused)) = tokio::join!(
        drip(&place, token, &path),
        get(&place, token, &waits),
        async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(get(&place, token, "/v1/whoami").await.status, 200);
            let revoked = client.revoke_token(&issued.id).await;
            // It was valid a moment ago, and the server remembers those.
            (revoked, get(&place, token, "/v1/whoami").await)
        }
    );
    revoked.unwrap();
    assert_eq!((waited.status, refused.status), (401, 401));
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    // The job waits for ever, and the stream ends.
    assert!(events.next().await.unwrap().is_none());
    assert!(client.uploads().await.unwrap().is_empty());
    let used: Value = client.whoami().await.unwrap();
    let announced = used["storage"]["used"].as_u64().unwrap();
    assert!(announced > 0);
    let blobs: i64 = sqlx::query_scalar("SELECT CAST(SUM(bytes) AS BIGINT) FROM blobs")
        .fetch_one(&place.database().await)
        .await
        .unwrap();
    assert_eq!(announced, blobs as u64);
    place.server.stop().await;
}
