//! Uploads by the tus protocol, also where they are interrupted or wrong.

use crate::common::Place;
use crate::common::raw::{Raw, connect, get, send};
use base64::Engine;
use tokio::io::AsyncWriteExt;

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const BYTES: (&str, &str) = ("content-type", "application/offset+octet-stream");

fn metadata(content: &[u8]) -> String {
    let checksum = blake3::hash(content).to_hex().to_string();
    format!(
        "blake3 {}",
        base64::engine::general_purpose::STANDARD.encode(checksum)
    )
}

async fn create(place: &Place, token: &str, content: &[u8]) -> Raw {
    let (length, metadata) = (content.len().to_string(), metadata(content));
    let headers = [
        TUS,
        ("upload-length", length.as_str()),
        ("upload-metadata", metadata.as_str()),
    ];
    send(place, token, "POST", "/v1/uploads", &headers, "").await
}

async fn patch(place: &Place, token: &str, path: &str, offset: usize, part: &[u8]) -> Raw {
    let offset = offset.to_string();
    let headers = [TUS, BYTES, ("upload-offset", offset.as_str())];
    send(place, token, "PATCH", path, &headers, part.to_vec()).await
}

async fn head(place: &Place, token: &str, path: &str) -> Raw {
    send(place, token, "HEAD", path, &[TUS], "").await
}

#[tokio::test]
async fn an_upload_goes_on_where_it_ended() {
    let place = Place::new(|_| ()).await;
    let token = place.tokens[0].as_str();
    let content: Vec<u8> = (0..100_000u32).map(|i| (i * 7 % 251) as u8).collect();
    let created = create(&place, token, &content).await;
    assert_eq!(
        (created.status, created.header("upload-offset")),
        (201, "0")
    );
    let path = created.header("location").to_owned();

    // A connection that breaks in the middle: what has arrived stays.
    let mut stream = connect(&place).await;
    let request = format!(
        "PATCH {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         tus-resumable: 1.0.0\r\ncontent-type: application/offset+octet-stream\r\n\
         upload-offset: 0\r\ncontent-length: {}\r\n\r\n",
        content.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(&content[..40_000]).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    let mut reached = 0;
    for _ in 0..200 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let found = head(&place, token, &path).await;
        reached = found.header("upload-offset").parse().unwrap();
        // Until the server has noticed and let go of it.
        if reached > 0 && patch(&place, token, &path, reached, b"").await.status == 204 {
            break;
        }
    }
    assert!((1..=40_000).contains(&reached), "{reached}");

    // Another offset is refused, and nothing is written.
    assert_eq!(
        patch(&place, token, &path, reached + 1, &content[reached + 1..])
            .await
            .status,
        409
    );
    let done = patch(&place, token, &path, reached, &content[reached..]).await;
    assert_eq!((done.status, done.header("upload-offset")), (204, "100000"));
    // More than was announced is refused.
    assert_eq!(
        patch(&place, token, &path, content.len(), b"x")
            .await
            .status,
        413
    );
    let id = path.rsplit('/').next().unwrap();
    let kept = std::fs::read(place.folder.path().join("staging").join(id)).unwrap();
    assert!(kept == content);

    // Nobody else knows of it.
    let other = place.tokens[1].as_str();
    assert_eq!(head(&place, other, &path).await.status, 404);
    assert_eq!(
        send(&place, other, "DELETE", &path, &[TUS], "")
            .await
            .status,
        404
    );
    assert_eq!(
        send(&place, token, "DELETE", &path, &[TUS], "")
            .await
            .status,
        204
    );
    assert_eq!(head(&place, token, &path).await.status, 404);
    place.server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_leaves_nothing() {
    let place = Place::new(|config| {
        config.limits.upload_bytes = 10_000;
        config.limits.storage_bytes = 15_000;
        config.limits.open_uploads = 3;
    })
    .await;
    let token = place.tokens[0].as_str();
    let content = vec![5; 8_000];

    // The checksum is that of something else.
    let (length, other) = (content.len().to_string(), metadata(b"something else"));
    let headers = [
        TUS,
        ("upload-length", length.as_str()),
        ("upload-metadata", other.as_str()),
    ];
    let created = send(&place, token, "POST", "/v1/uploads", &headers, "").await;
    let path = created.header("location").to_owned();
    let refused = patch(&place, token, &path, 0, &content).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(refused.json()["type"], "urn:tapetum:problem:unacceptable");
    assert_eq!(head(&place, token, &path).await.status, 404);

    // Headers that are missing or nonsense.
    let good = metadata(&content);
    for (headers, status) in [
        (
            vec![("upload-length", "8"), ("upload-metadata", good.as_str())],
            412,
        ),
        (vec![TUS, ("upload-metadata", good.as_str())], 400),
        (vec![TUS, ("upload-length", "8")], 400),
        (
            vec![
                TUS,
                ("upload-length", "-8"),
                ("upload-metadata", good.as_str()),
            ],
            400,
        ),
        (
            vec![
                TUS,
                ("upload-length", "0"),
                ("upload-metadata", good.as_str()),
            ],
            400,
        ),
        (
            vec![
                TUS,
                ("upload-length", "10001"),
                ("upload-metadata", good.as_str()),
            ],
            413,
        ),
        (
            vec![
                TUS,
                ("upload-length", "8"),
                ("upload-metadata", "blake3 ????"),
            ],
            400,
        ),
    ] {
        let found = send(&place, token, "POST", "/v1/uploads", &headers, "").await;
        assert_eq!(found.status, status, "{headers:?}");
        assert_eq!(found.header("tus-resumable"), "1.0.0");
        assert_eq!(found.headers.contains_key("tus-version"), status == 412);
    }

    // Quotas: bytes that are announced count.
    assert_eq!(create(&place, token, &content).await.status, 201);
    let full = create(&place, token, &content).await;
    assert_eq!(
        (full.status, full.json()["status"].as_u64()),
        (507, Some(507))
    );
    for _ in 0..2 {
        assert_eq!(create(&place, token, &[1, 2, 3]).await.status, 201);
    }
    let many = create(&place, token, &[1, 2, 3]).await;
    assert_eq!(many.status, 429);
    assert!(many.header("retry-after").parse::<u64>().unwrap() > 0);
    // Another tenant is not touched by that.
    assert_eq!(create(&place, &place.tokens[1], &content).await.status, 201);

    let options = send(&place, "", "OPTIONS", "/v1/uploads", &[], "").await;
    assert_eq!(
        (options.status, options.header("tus-max-size")),
        (204, "10000")
    );
    place.server.stop().await;
}

#[tokio::test]
async fn parts_of_files_are_to_be_had() {
    let place = Place::new(|_| ()).await;
    let client = place.owner();
    let content = tapetum_ckks::Parameters::preset(tapetum_ckks::Preset::N12).to_bytes();
    let upload = client.upload_bytes(content.clone()).await.unwrap();
    let set = client.create_parameter_set("", &upload).await.unwrap().id;
    let path = format!("/v1/parameter-sets/{set}/content");
    let token = place.tokens[0].as_str();
    let whole = get(&place, token, &path).await;
    assert_eq!((whole.status, &whole.body[..]), (200, &content[..]));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let etag = whole.header("etag").to_owned();

    let part = [("range", "bytes=10-29"), ("if-range", etag.as_str())];
    let part = send(&place, token, "GET", &path, &part, "").await;
    assert_eq!((part.status, &part.body[..]), (206, &content[10..30]));
    let range = format!("bytes 10-29/{}", content.len());
    assert_eq!(part.header("content-range"), range);
    let end = send(&place, token, "GET", &path, &[("range", "bytes=-7")], "").await;
    assert_eq!(
        (end.status, &end.body[..]),
        (206, &content[content.len() - 7..])
    );
    let beyond = send(
        &place,
        token,
        "GET",
        &path,
        &[("range", "bytes=100000-")],
        "",
    )
    .await;
    assert_eq!(beyond.status, 416);
    place.server.stop().await;
}
