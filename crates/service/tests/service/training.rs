//! From keys to verdicts, over HTTPS.

use crate::common::{Data, Owner, Place, assert_close, finish, made};
use tapetum_ckks::Encryptor;
use tapetum_client::JobKind;
use tapetum_client::{Object, Scope, State};
use tapetum_learn::{
    EstimatorConfig, LearningRate, LeastSquaresConfig, LogisticRegressionConfig, MiniBatches,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_and_a_contributor_train_and_somebody_classifies() {
    let place = Place::new(|_| ()).await;
    let client = place.owner();
    let owner = made(Owner::linear_means).await;
    let (_, keys, set) = owner.settle(&client).await;

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
        owner.append(&client, &set, &train.part(0..100)).await;
        owner.append(&client, &set, &train.part(100..200)).await;
        let job = client.train(&what, &set, &keys).await.unwrap();
        let trained = finish(&client, JobKind::Training, &job.id).await;
        let scores = owner
            .classify(&client, &trained.result.unwrap(), &test)
            .await;
        assert_eq!(scores.len(), 30 * 10, "{what}");
        assert_close(&scores, &owner.reference(&train, &test));

        // Samples of other classes are none of this set's.
        let data = Data::of_classes(3, 30, 5);
        let part = owner.part(&Encryptor::with_secret_key(&owner.secret), &data);
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
