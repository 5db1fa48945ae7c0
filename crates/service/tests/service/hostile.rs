//! Whoever sends nonsense, or asks for what is not theirs.

use crate::common::raw::{bytes, get, post, send};
use crate::common::{Data, Owner, Place, made};
use serde_json::{Value, json};
use sqlx::Row;
use tapetum_ckks::Encryptor;
use tapetum_client::{Client, ClientError, Object, Scope, Trust};

fn status<T: std::fmt::Debug>(found: Result<T, ClientError>) -> u16 {
    let error = found.unwrap_err();
    error.problem().unwrap_or_else(|| panic!("{error}")).status
}

async fn upload(client: &Client, content: impl Into<Vec<u8>>) -> String {
    client.upload_bytes(content.into()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_is_accepted_unchecked() {
    let place = Place::new(|config| {
        config.limits.log_n = 13;
        config.limits.open_uploads = 1000;
    })
    .await;
    let client = place.owner();
    let (owner, stranger) = made(|| (Owner::linear_means(), Owner::linear_means())).await;
    let (parameters, keys, set) = owner.settle(&client).await;
    let encryptor = Encryptor::with_secret_key(&owner.secret);
    let data = Data::new(20, 5);
    let part = owner.part(&encryptor, &data);

    // A secret key is refused as soon as it is one, and deleted.
    let sent = client
        .upload_bytes(owner.secret.to_bytes().to_vec())
        .await
        .unwrap_err();
    assert_eq!(
        sent.problem().unwrap().kind,
        "urn:tapetum:problem:secret-key"
    );
    // Also where it follows something else.
    let mut hidden = part.clone();
    hidden.extend(owner.secret.to_bytes().iter());
    let hidden = upload(&client, hidden).await;
    assert_eq!(status(client.append(&set, "", &hidden).await), 422);

    // Parameters beyond what this server takes.
    let large = tapetum_ckks::Parameters::preset(tapetum_ckks::Preset::N14);
    let large = upload(&client, large.to_bytes()).await;
    assert_eq!(status(client.create_parameter_set("", &large).await), 422);

    // Every kind of thing in every other's place, empty and cut and damaged ones.
    let mut bad = vec![
        b"x".to_vec(),
        b"TAPETUM\0".to_vec(),
        owner.parameters.to_bytes(),
        owner.public.to_bytes(),
        part[..part.len() - 1].to_vec(),
        [part.as_slice(), b"more"].concat(),
        // A matrix and no labels.
        owner.samples(&encryptor, &data),
        // With four features.
        owner.part(&encryptor, &Data::new(20, 4)),
    ];
    for at in [9, 13, 50, 200, part.len() / 2, part.len() - 5] {
        let mut damaged = part.clone();
        damaged[at] ^= 0x55;
        bad.push(damaged);
    }
    for content in bad {
        let id = upload(&client, content.clone()).await;
        let begin = &content[..content.len().min(20)];
        assert_eq!(
            status(client.append(&set, "", &id).await),
            422,
            "{begin:?} {}",
            content.len()
        );
        // What was refused is gone, so that nobody has it read again and again.
        assert_eq!(status(client.append(&set, "", &id).await), 404);
        if content != owner.parameters.to_bytes() {
            let id = upload(&client, content.clone()).await;
            assert_eq!(
                status(client.create_parameter_set("", &id).await),
                422,
                "{begin:?}"
            );
        }
        let id = upload(&client, content.clone()).await;
        assert_eq!(
            status(client.create_key_set("", &parameters, &id, None).await),
            422
        );
    }
    let mut damaged = owner.evaluation_keys.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let damaged = upload(&client, damaged).await;
    assert_eq!(
        status(client.create_key_set("", &parameters, &damaged, None).await),
        422
    );
    let parts: Vec<Object> = client
        .list(&format!("data-sets/{set}/parts"), None)
        .await
        .unwrap();
    assert!(parts.is_empty());
    assert_eq!(status(client.train("", &set, &keys).await), 422);

    // Recipes that cannot be carried out with these parameters.
    let recipe = serde_json::to_value(&owner.recipe).unwrap();
    for (field, value) in [
        ("levels", json!(99)),
        ("levels", json!(1)),
        ("columns", json!(0)),
        ("columns", json!(1u64 << 40)),
        ("block_cols", json!(7)),
        ("block_cols", json!(1 << 20)),
    ] {
        let mut recipe = recipe.clone();
        recipe[field] = value.clone();
        let body = json!({"parameter_set": parameters, "recipe": recipe});
        let found = post(&place, &place.tokens[0], "/v1/data-sets", &body).await;
        assert_eq!(found.status, 422, "{field} {value}: {:?}", found.body);
    }

    // What is encrypted under another key of the same parameters cannot be told apart: it is accepted, and gives
    // nonsense. What is of other parameters can.
    assert_eq!(owner.parameters.digest(), stranger.parameters.digest());

    // An upload is used once, and an idempotency key makes one thing.
    let id = upload(&client, part.clone()).await;
    let path = format!("/v1/data-sets/{set}/parts");
    let body = json!({"upload": id}).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "once"),
    ];
    let mut made = Vec::new();
    for _ in 0..3 {
        let found = send(
            &place,
            &place.tokens[0],
            "POST",
            &path,
            &headers,
            body.clone(),
        )
        .await;
        assert_eq!(found.status, 201);
        made.push((
            found.json()["id"].clone(),
            found.header("location").to_owned(),
        ));
    }
    assert!(made.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(status(client.append(&set, "", &id).await), 404);
    let other = json!({"upload": id, "name": "other"}).to_string();
    assert_eq!(
        send(&place, &place.tokens[0], "POST", &path, &headers, other)
            .await
            .status,
        422
    );
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_problems() {
    let place = Place::new(|_| ()).await;
    let token = place.tokens[0].as_str();
    let json = ("content-type", "application/json");
    type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, String, u16);
    let cases: Vec<Case<'_>> = vec![
        ("GET", "/nowhere", vec![], String::new(), 404),
        ("GET", "/v1/../../etc/passwd", vec![], String::new(), 404),
        ("GET", "/v1/models/%00", vec![], String::new(), 404),
        ("GET", "/v1/models/mod_%2e%2e", vec![], String::new(), 404),
        ("GET", "/v1/models?limit=x", vec![], String::new(), 400),
        ("GET", "/v1/models?limit=0", vec![], String::new(), 400),
        ("GET", "/v1/models?limit=101", vec![], String::new(), 400),
        ("GET", "/v1/models?limit=100", vec![], String::new(), 200),
        ("GET", "/v1/models?unknown=1", vec![], String::new(), 400),
        (
            "GET",
            "/v1/models?after=';DROP TABLE x",
            vec![],
            String::new(),
            400,
        ),
        (
            "GET",
            "/v1/models?after=%27%3B+DROP+TABLE+tokens",
            vec![],
            String::new(),
            200,
        ),
        ("GET", "/v1/models?after=%00", vec![], String::new(), 200),
        ("PUT", "/v1/models", vec![], String::new(), 405),
        ("POST", "/v1/data-sets", vec![], "{}".into(), 415),
        ("POST", "/v1/data-sets", vec![json], "{".into(), 400),
        ("POST", "/v1/data-sets", vec![json], "{}".into(), 400),
        ("POST", "/v1/data-sets", vec![json], "[".repeat(60_000), 400),
        (
            "POST",
            "/v1/data-sets",
            vec![json],
            "x".repeat(100_000),
            413,
        ),
        (
            "POST",
            "/v1/training-jobs",
            vec![json],
            r#"{"data_set": "x", "key_set": "y"}"#.into(),
            404,
        ),
        (
            "POST",
            "/v1/tokens",
            vec![json],
            r#"{"scopes": []}"#.into(),
            422,
        ),
        (
            "POST",
            "/v1/tokens",
            vec![json],
            r#"{"scopes": ["root"]}"#.into(),
            400,
        ),
        (
            "POST",
            "/v1/tokens",
            vec![json],
            r#"{"scopes": ["owner"], "name": "\n"}"#.into(),
            422,
        ),
        (
            "POST",
            "/v1/tokens",
            vec![json],
            r#"{"scopes": ["owner"], "expires_in": 60.5}"#.into(),
            400,
        ),
        (
            "POST",
            "/v1/tokens",
            vec![json],
            r#"{"scopes": ["owner"], "expires_in": 60.0}"#.into(),
            201,
        ),
    ];
    for (method, path, headers, body, status) in cases {
        if path.contains(' ') {
            continue;
        }
        let found = send(&place, token, method, path, &headers, body).await;
        assert_eq!(found.status, status, "{method} {path}: {:?}", found.body);
        if status >= 400 {
            assert_eq!(
                found.header("content-type"),
                "application/problem+json",
                "{method} {path}"
            );
            assert_eq!(found.json()["status"], status);
        }
    }
    for nonsense in [
        b"\0\0\0\0\r\n\r\n".as_slice(),
        b"GET / HTTP/9.9\r\n\r\n",
        &[b'A'; 100_000],
    ] {
        let answer = bytes(&place, nonsense).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || text.starts_with("HTTP/1.1 4"),
            "{text}"
        );
    }
    // The server is as it was.
    assert_eq!(get(&place, "", "/health/ready").await.status, 204);
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_what_is_not_theirs() {
    let place = Place::new(|_| ()).await;
    let (client, other) = (place.owner(), place.client(&place.tokens[1]));
    let owner = made(Owner::linear_means).await;
    let (parameters, keys, set) = owner.settle(&client).await;

    for (collection, id) in [
        ("parameter-sets", &parameters),
        ("key-sets", &keys),
        ("data-sets", &set),
    ] {
        // As if it were not there: the same answer as for an id that nobody has.
        let theirs = get(&place, &place.tokens[1], &format!("/v1/{collection}/{id}")).await;
        let nobodys = format!("/v1/{collection}/{}{}", &id[..4], "0".repeat(32));
        let nobodys = get(&place, &place.tokens[1], &nobodys).await;
        assert_eq!((theirs.status, nobodys.status), (404, 404));
        assert_eq!(theirs.body, nobodys.body);
        assert!(
            other
                .list::<Object>(collection, None)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            other
                .list::<Object>(collection, Some(id))
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(status(other.delete(collection, id).await), 404);
    }
    let upload_of_other = upload(&other, owner.parameters.to_bytes()).await;
    assert_eq!(
        status(client.create_parameter_set("", &upload_of_other).await),
        404
    );
    let own = other
        .create_parameter_set("", &upload_of_other)
        .await
        .unwrap()
        .id;
    let body = json!({"parameter_set": parameters, "recipe": owner.recipe});
    assert_eq!(
        post(&place, &place.tokens[1], "/v1/data-sets", &body)
            .await
            .status,
        404
    );
    let body = json!({"parameter_set": own, "recipe": owner.recipe});
    let own_set = post(&place, &place.tokens[1], "/v1/data-sets", &body)
        .await
        .json();
    let own_set = own_set["id"].as_str().unwrap();
    assert_eq!(status(other.train("", own_set, &keys).await), 404);
    let used: Value = client.whoami().await.unwrap();
    assert_eq!(used["tenant"], "first");

    // Tokens: none, nonsense, revoked, expired, and somebody else's to revoke.
    for token in ["", "tpt_", "x", &"tpt_0".repeat(50)] {
        let found = get(&place, token, "/v1/whoami").await;
        assert_eq!(
            (found.status, found.header("www-authenticate")),
            (401, "Bearer")
        );
    }
    let brief = client
        .create_token("", &[Scope::Owner], Some(0))
        .await
        .unwrap();
    assert_eq!(status(place.client(&brief.token).whoami().await), 401);
    let lasting = client
        .create_token("", &[Scope::Classify], None)
        .await
        .unwrap();
    assert!(place.client(&lasting.token).whoami().await.unwrap()["storage"].is_null());
    assert_eq!(status(other.revoke_token(&lasting.id).await), 404);
    client.revoke_token(&lasting.id).await.unwrap();
    assert_eq!(status(place.client(&lasting.token).whoami().await), 401);

    // No token is in the database as it is.
    let rows = sqlx::query("SELECT id, hash, name, scopes FROM tokens")
        .fetch_all(&place.database().await)
        .await
        .unwrap();
    assert!(rows.len() >= 4);
    for row in &rows {
        for column in 0..4 {
            let told: String = row.get(column);
            assert!(place.tokens.iter().all(|token| !told.contains(&token[4..])));
        }
    }
    let database = std::fs::read(place.folder.path().join("service.db")).unwrap_or_default();
    let log = std::fs::read(place.folder.path().join("service.db-wal")).unwrap_or_default();
    for token in place.tokens.iter().chain([&brief.token, &lasting.token]) {
        let secret = token.as_bytes();
        let is_in = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!is_in(&database) && !is_in(&log));
    }

    // Another certificate is not accepted.
    let trust = Trust::Fingerprint(format!("sha256:{}", "0".repeat(64)));
    let url = format!("https://{}", place.server.address());
    let stranger = Client::new(&url, &trust, &place.tokens[0]).unwrap();
    assert!(matches!(
        stranger.whoami().await,
        Err(ClientError::Certificate(_))
    ));
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_waits() {
    let place = Place::new(|config| {
        config.limits.requests_per_second = 1.0;
        config.limits.burst = 5.0;
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let found = get(&place, &place.tokens[0], "/v1/whoami").await;
        if found.status == 429 {
            assert!(found.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
        statuses.push(found.status);
    }
    assert!(
        statuses[..5].iter().all(|&s| s == 200) && statuses.contains(&429),
        "{statuses:?}"
    );
    // Others do not.
    assert_eq!(
        get(&place, &place.tokens[1], "/v1/whoami").await.status,
        200
    );
    // And the client waits by itself, with what it downloads as well.
    let client = place.owner();
    client.whoami().await.unwrap();
    let nowhere = place.folder.path().join("nothing");
    let none = "mdl_00000000000000000000000000000000";
    for error in [
        client.model(none, &nowhere).await,
        client.model(none, &nowhere).await,
    ] {
        let told = error.unwrap_err();
        assert!(
            matches!(&told, ClientError::Problem(p) if p.status == 404),
            "{told}"
        );
    }
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_cannot_take_all_there_is() {
    let (place, client, owner, keys, set) = Place::settled(|config| {
        config.work.jobs = 0;
        config.limits.requests_of_tenant = 2;
        config.limits.waiting_of_tenant = 2;
        config.limits.objects_of_tenant = 5;
    })
    .await;
    let token = place.tokens[0].as_str();
    let details = client.object("data-sets", &set).await.unwrap().details;
    let parameters = details["parameter_set"].as_str().unwrap();
    owner.append(&client, &set, &Data::new(20, 5)).await;
    let job = client.train("", &set, &keys).await.unwrap();
    let body = json!({"parameter_set": parameters, "recipe": owner.recipe});
    let fifth = post(&place, token, "/v1/data-sets", &body).await;
    let sixth = post(&place, token, "/v1/data-sets", &body).await;
    assert_eq!((fifth.status, sixth.status), (201, 507));

    // Whoever adds samples sees data sets, whoever classifies does not.
    let asker = client
        .create_token("", &[Scope::Classify], None)
        .await
        .unwrap();
    let asker = place.client(&asker.token);
    assert_eq!(status(asker.object("data-sets", &set).await), 403);
    asker.object("parameter-sets", parameters).await.unwrap();

    // Requests that wait for a job on which nobody works.
    let path = format!("/v1/training-jobs/{}?wait=4", job.id);
    let wait = || get(&place, token, &path);
    let late = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let refused = get(&place, token, &path).await;
        let own = get(&place, token, "/v1/whoami").await;
        let others = get(&place, &place.tokens[1], "/v1/whoami").await;
        (refused, [own.status, others.status])
    };
    let (first, second, (refused, served)) = tokio::join!(wait(), wait(), late);
    assert_eq!((first.status, second.status), (200, 200));
    // Those that wait take no place from those that do not.
    assert_eq!(served, [200, 200]);
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    client.whoami().await.unwrap();
    place.server.stop().await;
}
