//! From keys to verdicts, over HTTPS.

use crate::common::{Data, Owner, Place, assert_close, finish, made};
use tapetum_ckks::Encryptor;
use tapetum_client::{CreateTraining, JobKind, JobView, Object, Scope, State};
use tapetum_learn::{
    EstimatorConfig, LearningRate, LeastSquaresConfig, LogisticRegressionConfig, MiniBatches,
    PlainModel, PlainModelFile,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_and_a_contributor_train_and_somebody_classifies() {
    let (place, client, owner, keys, set) = Place::settled(|_| ()).await;

    // Blocks have 512 rows: the first part leaves some of its own empty, which must not count.
    let (train, test) = (Data::new(600, 5), Data::new(40, 5).part(17..40));
    let contributor = client
        .create_token("a clinic", &[Scope::Contributor], Some(3600))
        .await
        .unwrap();
    let contributor = place.client(&contributor.token);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("public.key");
    contributor.public_key(&keys, &path).await.unwrap();
    let public = tapetum_ckks::PublicKey::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
    assert!(public == owner.public);

    let part = owner.part(&Encryptor::with_public_key(&public), &train.part(0..300));
    let path = folder.path().join("part.enc");
    std::fs::write(&path, &part).unwrap();
    let mut told = Vec::new();
    let upload = contributor
        .upload(&path, &mut |done, total| told.push((done, total)))
        .await
        .unwrap();
    assert_eq!(
        told.last().unwrap(),
        &(part.len() as u64, part.len() as u64)
    );
    let part = contributor
        .append(&set, "from the clinic", &upload)
        .await
        .unwrap();
    assert_eq!(part.details["samples"], 300);
    owner.append(&client, &set, &train.part(300..600)).await;

    let job = client.train("first try", &set, &keys).await.unwrap();
    let mut events = client.events(JobKind::Training, &job.id).await.unwrap();
    let mut last = None;
    while let Some(event) = events.next().await.unwrap() {
        last = Some(event);
    }
    let trained = finish(&client, JobKind::Training, &job.id).await;
    assert_eq!(last.unwrap().state, State::Succeeded);
    assert_eq!((trained.attempts, trained.problem), (1, None));
    let model = trained.result.unwrap();
    let told = client.object("models", &model).await.unwrap();
    assert_eq!(
        (&told.details["samples"], &told.details["labels"]),
        (&600.into(), &"encrypted".into())
    );

    let asker = client
        .create_token("a doctor", &[Scope::Classify], None)
        .await
        .unwrap();
    let scores = owner
        .classify(&place.client(&asker.token), &model, &test)
        .await;
    assert_close(&scores, &owner.reference(&train, &test));

    // Nothing that is not needed stays: neither the samples of the classification nor uploads.
    let staging = place.folder.path().join("staging");
    assert_eq!(std::fs::read_dir(staging).unwrap().count(), 0);
    let parts: Vec<Object> = client
        .list(&format!("data-sets/{set}/parts"), None)
        .await
        .unwrap();
    let after: Vec<Object> = client
        .list(&format!("data-sets/{set}/parts"), Some(&part.id))
        .await
        .unwrap();
    assert_eq!((parts.len(), after.len()), (2, 1));

    // Each of them sees no more than they need.
    let own: Vec<Object> = contributor
        .list(&format!("data-sets/{set}/parts"), None)
        .await
        .unwrap();
    assert_eq!((own.len(), &own[0].id), (1, &part.id));
    assert_eq!(
        status(contributor.list::<Object>("models", None).await),
        403
    );
    assert_eq!(status(contributor.train("", &set, &keys).await), 403);
    assert_eq!(
        status(contributor.job(JobKind::Training, &job.id, 0.0).await),
        404
    );

    // Deletion tells what was removed, and the log tells it too.
    let receipt = client.delete("data-sets", &set).await.unwrap();
    assert_eq!(receipt.files.len(), 2);
    assert_eq!(status(client.object("data-sets", &set).await), 404);
    let operator = place.server.operator();
    let known = Some((receipt.audit_seq, receipt.audit_hash.as_str()));
    let log = operator.verify_audit(known).await.unwrap();
    assert_eq!((log.broken, log.records), (None, receipt.audit_seq));
    place.server.stop().await;
}

/// A contributor leaves; the model is as if it had never been there.
#[tokio::test(flavor = "multi_thread")]
async fn contributors_are_left_out() {
    let (place, client, owner, keys, set) = Place::settled(|_| ()).await;
    let encryptor = Encryptor::with_public_key(&owner.public);
    let data = Data::new(90, 5);
    let parts = [("anne", 0..30), ("bert", 30..60), ("carl", 60..90)]
        .map(|(name, rows)| owner.part_of(name, &encryptor, &data.part(rows)));
    let mut added = Vec::new();
    for part in parts {
        let upload = client.upload_bytes(part).await.unwrap();
        added.push(client.append(&set, "", &upload).await.unwrap());
    }
    assert_eq!(
        added[1].details["contributors"],
        serde_json::json!(["bert"])
    );
    let train = async |without: &[&str]| {
        let request = CreateTraining {
            without: without.iter().map(|&name| name.to_owned()).collect(),
            ..CreateTraining::new("", &set, &keys)
        };
        client.create_training(&request).await
    };
    let model = async |job: JobView| {
        let model = finish(&client, JobKind::Training, &job.id)
            .await
            .result
            .unwrap();
        let found = client.object("models", &model).await.unwrap();
        (
            found.files[0].checksum.clone(),
            found.details["samples"].clone(),
        )
    };
    let without = model(train(&["bert"]).await.unwrap()).await;
    assert_eq!(without.1, 60);
    assert_eq!(status(train(&["dora"]).await), 422);
    // Nobody is left.
    let job = train(&["anne", "bert", "carl"]).await.unwrap();
    assert!(
        client
            .finish(JobKind::Training, &job.id, &mut |_| ())
            .await
            .is_err()
    );
    let path = format!("data-sets/{set}/parts");
    client.delete(&path, &added[1].id).await.unwrap();
    let never = model(train(&[]).await.unwrap()).await;
    assert_eq!(without, never);
    // Iterations are of mini-batches.
    let request = CreateTraining {
        until: Some(1),
        ..CreateTraining::new("", &set, &keys)
    };
    assert_eq!(status(client.create_training(&request).await), 422);
    place.server.stop().await;
}

/// Whoever has a model in the clear classifies what it cannot see.
#[tokio::test(flavor = "multi_thread")]
async fn a_plain_model_classifies() {
    let (place, client, owner, keys, _) = Place::settled(|_| ()).await;
    let test = Data::new(12, 5);
    let plain = PlainModel {
        weights: vec![0.5, -1.0, 0.25, 0.0, 2.0],
        intercepts: vec![-0.5],
    };
    let classes = ["no", "yes"].map(str::to_owned);
    let text = serde_json::to_string(&PlainModelFile::new(&plain, &classes)).unwrap();
    let create = async |text: String| {
        let upload = client.upload_bytes(text).await.unwrap();
        client.create_model("a provider's", &keys, &upload).await
    };
    let model = create(text.clone()).await.unwrap();
    assert_eq!(
        model.details["plain"],
        serde_json::json!({"columns": 5, "classes": 2})
    );
    let scores = owner.classify(&client, &model.id, &test).await;
    assert_close(&scores, &plain.decision_function(&test.features()).unwrap());
    for (from, to) in [
        ("2.0", "1e999"),
        ("\"features\":5", "\"features\":4"),
        ("}", ""),
    ] {
        assert!(text.contains(from), "{from}");
        assert_eq!(
            status(create(text.replacen(from, to, 1)).await),
            422,
            "{to}"
        );
    }
    place.server.stop().await;
}

/// From keys to verdicts with models of ten classes, which have a score for each.
#[tokio::test(flavor = "multi_thread")]
async fn many_classes_are_told_apart() {
    let place = Place::new(|_| ()).await;
    let client = place.owner();
    let in_batches = LogisticRegressionConfig {
        iterations: 2,
        learning_rate: LearningRate::Constant(4.0),
        batches: Some(MiniBatches {
            rows: 100,
            ..MiniBatches::default()
        }),
        ..LogisticRegressionConfig::default()
    };
    let squares = LeastSquaresConfig {
        iterations: 2,
        largest_eigenvalue: 4.0,
        ..LeastSquaresConfig::default()
    };
    for learner in [
        EstimatorConfig::OneVsRest(in_batches),
        EstimatorConfig::Ridge(squares),
    ] {
        let what = learner.describe();
        let owner = made(move || Owner::of_classes(learner, 10)).await;
        let (_, keys, set) = owner.settle(&client).await;
        let (train, test) = (Data::of_classes(10, 200, 5), Data::of_classes(10, 30, 5));
        // By name: which mini-batch comes first makes a difference to the reference.
        let encryptor = Encryptor::with_secret_key(&owner.secret);
        for (name, rows) in [("anne", 0..100), ("bert", 100..200)] {
            let part = owner.part_of(name, &encryptor, &train.part(rows));
            let upload = client.upload_bytes(part).await.unwrap();
            client.append(&set, "", &upload).await.unwrap();
        }
        let job = client.train(&what, &set, &keys).await.unwrap();
        let trained = finish(&client, JobKind::Training, &job.id).await;
        let scores = owner
            .classify(&client, &trained.result.unwrap(), &test)
            .await;
        assert_eq!(scores.len(), 30 * 10, "{what}");
        assert_close(&scores, &owner.reference(&train, &test));

        // Samples of other classes are none of this set's.
        let data = Data::of_classes(3, 30, 5);
        let part = owner.part(&encryptor, &data);
        let upload = client.upload_bytes(part).await.unwrap();
        assert_eq!(
            status(client.append(&set, "", &upload).await),
            422,
            "{what}"
        );
    }
    place.server.stop().await;
}

fn status<T: std::fmt::Debug>(found: Result<T, tapetum_client::ClientError>) -> u16 {
    found.unwrap_err().problem().unwrap().status
}
