//! Jobs wait, run, are cancelled, and outlive their workers.

use std::time::Duration;

use crate::common::raw::post;
use crate::common::{Data, Owner, Place, assert_close, config, finish, made};
use serde_json::json;
use sqlx::AnyPool;
use tapetum_client::{Client, JobKind};
use tapetum_client::{JobView, State};
use tapetum_service::{Server, WorkerProcess};

/// Returns how many rows it changed.
async fn execute(database: &AnyPool, statement: &'static str, id: &str) -> u64 {
    let done = sqlx::query(statement).bind(id).execute(database).await;
    done.unwrap().rows_affected()
}

async fn count(database: &AnyPool, statement: &'static str, id: &str) -> i64 {
    let count = sqlx::query_scalar(statement).bind(id);
    count.fetch_one(database).await.unwrap()
}

/// A worker beside the server, which has none.
async fn worker(place: &Place) -> WorkerProcess {
    WorkerProcess::start(config(place.folder.path()))
        .await
        .unwrap()
}

/// Waits until this holds, or the job has come to its end before it was seen.
async fn until(client: &Client, id: &str, holds: impl Fn(&JobView) -> bool) -> JobView {
    for _ in 0..3000 {
        let job = client.job(JobKind::Training, id, 0.0).await.unwrap();
        if holds(&job) || job.state.is_final() {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", client.job(JobKind::Training, id, 0.0).await);
}

/// Begins jobs until one is caught in the middle: `interfere` says whether it came before the end.
async fn caught(begin: impl AsyncFn() -> JobView, interfere: impl AsyncFn(&str) -> bool) -> String {
    for _ in 0..20 {
        let job = begin().await;
        if interfere(&job.id).await {
            return job.id;
        }
    }
    panic!("every job ended before anything could happen to it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_keeps_its_word() {
    let (place, client, owner, keys, set) = Place::settled(|config| {
        config.work.jobs = 0;
        config.limits.jobs_of_tenant = 3;
    })
    .await;
    let data = Data::new(60, 5);
    owner.append(&client, &set, &data).await;
    let database = place.database().await;

    let body = json!({"data_set": set, "key_set": keys});
    let mut ids = Vec::new();
    for _ in 0..3 {
        let job = client.train("", &set, &keys).await.unwrap();
        assert_eq!((job.state, job.attempts), (State::Queued, 0));
        ids.push(job.id);
    }
    let refused = post(&place, &place.tokens[0], "/v1/training-jobs", &body).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "5"));
    // What waits needs what it was given.
    let needed = client.delete("data-sets", &set).await.unwrap_err();
    assert_eq!(needed.problem().unwrap().status, 409);

    // One is cancelled while it waits. The others were begun by workers that are dead: one of them once, the
    // other as often as it may be.
    let cancelled = client.cancel(JobKind::Training, &ids[0]).await.unwrap();
    assert_eq!(cancelled.state, State::Cancelled);
    execute(
        &database,
        "UPDATE jobs SET state = 'running', lease = 'x', attempts = 1 WHERE id = $1",
        &ids[1],
    )
    .await;
    execute(
        &database,
        "UPDATE jobs SET state = 'running', lease = 'x', attempts = 5 WHERE id = $1",
        &ids[2],
    )
    .await;
    let workers = worker(&place).await;
    let job = finish(&client, JobKind::Training, &ids[1]).await;
    assert_eq!(job.attempts, 2);
    let job = until(&client, &ids[2], |job| job.state.is_final()).await;
    assert_eq!(job.state, State::Failed);
    assert_eq!(job.problem.unwrap().kind, "urn:tapetum:problem:abandoned");
    assert_eq!(
        client
            .job(JobKind::Training, &ids[0], 0.0)
            .await
            .unwrap()
            .state,
        State::Cancelled
    );

    // Keys that lack something: the job fails, and says why.
    let none = tapetum_ckks::EvaluationKeys::none(&owner.parameters).to_bytes();
    let none = client.upload_bytes(none).await.unwrap();
    let parameters =
        client.object("key-sets", &keys).await.unwrap().details["parameter_set"].clone();
    let none = client
        .create_key_set("", parameters.as_str().unwrap(), &none, None)
        .await
        .unwrap()
        .id;
    let job = client.train("", &set, &none).await.unwrap();
    let job = until(&client, &job.id, |job| job.state.is_final()).await;
    assert_eq!(job.state, State::Failed);
    assert!(job.problem.unwrap().detail.contains("evaluation keys lack"));
    workers.stop().await;
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_outlives_its_workers() {
    let place = Place::new(|config| config.work.jobs = 0).await;
    let client = place.owner();
    // Enough that an iteration takes longer than it mostly takes to look and to interfere.
    let owner = made(|| Owner::mini_batches(3000)).await;
    let (_, keys, set) = owner.settle(&client).await;
    let data = Data::new(6000, 5);
    for rows in [0..3000, 3000..6000] {
        owner.append(&client, &set, &data.part(rows)).await;
    }
    let database = place.database().await;
    let checksum = async |job: &JobView| {
        let model = client
            .object("models", job.result.as_ref().unwrap())
            .await
            .unwrap();
        model.files[0].checksum.clone()
    };

    // Without an interruption.
    let workers = worker(&place).await;
    let begin = async || client.train("", &set, &keys).await.unwrap();
    let whole = finish(&client, JobKind::Training, &begin().await.id).await;
    let expected = checksum(&whole).await;
    let scores = owner
        .classify(&client, whole.result.as_ref().unwrap(), &data.part(0..30))
        .await;
    assert_close(&scores, &owner.reference(&data, &data.part(0..30)));
    workers.stop().await;

    // Its worker ends after the first iteration, and another goes on from there.
    let job = caught(begin, async |id| {
        let workers = worker(&place).await;
        until(&client, id, |job| job.progress.done >= 1000).await;
        workers.stop().await;
        let job = client.job(JobKind::Training, id, 0.0).await.unwrap();
        job.state == State::Queued && job.progress.done < 2000
    })
    .await;
    let files = "SELECT COUNT(*) FROM blobs WHERE object = $1 AND role = 'checkpoint'";
    assert_eq!(count(&database, files, &job).await, 1);
    let workers = worker(&place).await;
    let done = finish(&client, JobKind::Training, &job).await;
    assert_eq!(checksum(&done).await, expected);
    assert_eq!(count(&database, files, &job).await, 0);

    // A worker that has lost its lease writes nothing; when the other one dies, the job is done after all.
    let job = caught(begin, async |id| {
        until(&client, id, |job| job.progress.done > 0).await;
        let steal = "UPDATE jobs SET lease = 'thief', lease_until = lease_until + 100000 \
                     WHERE id = $1 AND state = 'running'";
        execute(&database, steal, id).await == 1
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stolen = client.job(JobKind::Training, &job, 0.0).await.unwrap();
    assert_eq!((stolen.state, stolen.result), (State::Running, None));
    let die = "UPDATE jobs SET lease_until = 0 WHERE id = $1";
    execute(&database, die, &job).await;
    let done = finish(&client, JobKind::Training, &job).await;
    assert_eq!(checksum(&done).await, expected);

    // One that runs is cancelled, and nothing of it is left.
    let job = caught(begin, async |id| {
        until(&client, id, |job| job.progress.done > 0).await;
        let job = client.cancel(JobKind::Training, id).await.unwrap();
        job.state != State::Succeeded
    })
    .await;
    let ended = until(&client, &job, |job| job.state.is_final()).await;
    assert_eq!(ended.state, State::Cancelled);
    let files = "SELECT COUNT(*) FROM blobs WHERE object = $1";
    assert_eq!(count(&database, files, &job).await, 0);

    // A second server in the same folder is refused; after the first has ended it finds all that was there.
    let again = Server::start(config(place.folder.path())).await;
    assert!(matches!(again, Err(tapetum_service::StartError::InUse)));
    workers.stop().await;
    place.server.stop().await;
    let server = Server::start(config(place.folder.path())).await.unwrap();
    let log = server.operator().verify_audit(None).await.unwrap();
    assert!(log.broken.is_none() && log.records > 15, "{log:?}");
    server.stop().await;
}

/// Workers of several processes take each job once, and the audit log stays one.
#[tokio::test(flavor = "multi_thread")]
async fn each_job_has_one_worker() {
    let (place, client, owner, keys, set) = Place::settled(|config| config.work.jobs = 0).await;
    owner.append(&client, &set, &Data::new(60, 5)).await;
    let mut config = config(place.folder.path());
    config.work.jobs = 3;
    // Long enough for a machine that has much else to do.
    config.work.lease = Duration::from_secs(60);
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(WorkerProcess::start(config.clone()).await.unwrap());
    }
    let mut jobs = Vec::new();
    for _ in 0..12 {
        jobs.push(client.train("", &set, &keys).await.unwrap().id);
    }
    for job in &jobs {
        let done = finish(&client, JobKind::Training, job).await;
        assert_eq!(done.attempts, 1);
    }
    let models: Vec<tapetum_client::Object> = client.list("models", None).await.unwrap();
    assert_eq!(models.len(), jobs.len());
    for workers in workers {
        workers.stop().await;
    }
    let log = place.server.operator().verify_audit(None).await.unwrap();
    assert_eq!(log.broken, None);
    place.server.stop().await;
}

/// What is true of a job is in its row: its task may be lost, and comes back once.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_outlives_its_task() {
    let (mut place, client, owner, keys, set) = Place::settled(|config| config.work.jobs = 0).await;
    owner.append(&client, &set, &Data::new(60, 5)).await;
    let job = client.train("", &set, &keys).await.unwrap().id;

    let mut config = config(place.folder.path());
    config.work.jobs = 0;
    let (url, count, delete) = match &config.database {
        Some(url) => (
            url.clone(),
            "SELECT COUNT(*) FROM apalis.jobs WHERE idempotency_key = $1",
            "DELETE FROM apalis.jobs WHERE idempotency_key = $1",
        ),
        None => (
            format!("sqlite:{}", place.folder.path().join("queue.db").display()),
            "SELECT COUNT(*) FROM Jobs WHERE idempotency_key = $1",
            "DELETE FROM Jobs WHERE idempotency_key = $1",
        ),
    };
    let queue = AnyPool::connect(&url).await.unwrap();
    let tasks = async || {
        let count = sqlx::query_scalar::<_, i64>(count).bind(&job);
        count.fetch_one(&queue).await.unwrap()
    };
    assert_eq!(tasks().await, 1);
    execute(&queue, delete, &job).await;
    assert_eq!(tasks().await, 0);
    // The first start makes up for the task, and the second leaves it as it is.
    for _ in 0..2 {
        place.server.stop().await;
        place.server = Server::start(config.clone()).await.unwrap();
        assert_eq!(tasks().await, 1);
    }
    let workers = worker(&place).await;
    let done = finish(&place.owner(), JobKind::Training, &job).await;
    assert_eq!(done.attempts, 1);
    workers.stop().await;
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trainings_go_round_the_tenants() {
    let place = Place::new(|config| config.work.jobs = 0).await;
    let owner = made(Owner::linear_means).await;
    let clients = [0, 1].map(|tenant| place.client(&place.tokens[tenant]));
    let mut jobs = Vec::new();
    for (client, count) in clients.iter().zip([3, 2]) {
        let (_, keys, set) = owner.settle(client).await;
        owner.append(client, &set, &Data::new(20, 5)).await;
        for _ in 0..count {
            jobs.push((client, client.train("", &set, &keys).await.unwrap().id));
        }
    }
    let worker = worker(&place).await;
    let mut begun = Vec::new();
    for (number, (client, id)) in jobs.iter().enumerate() {
        let job = finish(client, JobKind::Training, id).await;
        begun.push((job.started_at, number));
    }
    begun.sort();
    let order: Vec<_> = begun.iter().map(|(_, number)| *number).collect();
    // The first of the first, the first of the second, and so on.
    assert_eq!(order, [0, 3, 1, 4, 2]);
    worker.stop().await;
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_fits_into_memory_is_refused() {
    let (place, client, owner, keys, set) =
        Place::settled(|config| config.work.memory = 256 << 20).await;
    let part = owner.append(&client, &set, &Data::new(20, 5)).await;
    // A block of samples and one of labels, each of two polynomials of six residues at 8192 places.
    let expanded = 2 * 2 * 6 * 8 * 8192;
    assert_eq!(part.details["expanded_bytes"], expanded);
    let refused = client.train("", &set, &keys).await.unwrap_err();
    let problem = refused.problem().unwrap();
    assert_eq!(problem.status, 422);
    assert!(
        problem.detail.contains("train in mini-batches"),
        "{problem}"
    );
    place.server.stop().await;
}
