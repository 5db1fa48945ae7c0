//! What trainings and classifications have in common: they wait, run, report progress and can be cancelled.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use sqlx::Row;
use tapetum_client::{JobView, List, Problem, State};
use tokio::time::sleep;
use utoipa::openapi::schema::Type;

use super::create::{CreateBody, IdempotencyKey};
use super::json::{Path, Query, ok};
use super::objects::Page;
use super::openapi::{Op, Routes, number};
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::job::Job;
use crate::state::App;
use crate::store::audit;
use crate::store::db::{Tx, now, to_store};
use crate::store::rows::{remove_files, unlink};
use crate::watched::Seen;

/// How long a request may wait for a job.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// `?wait=SECONDS`: answer when the job is finished, or after so long.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    wait: Option<f64>,
}

/// `GET` of all, of one and of its events, and `POST` to cancel it.
pub fn routes(kind: Kind, path: &str) -> Routes {
    let all = format!("/v1/{path}");
    let one = format!("{all}/{{id}}");
    type Id = Path<String>;
    let list = move |Shared(app): Shared<App>, caller: Caller, Query(page): Query<Page>| async move {
        list(&app, &caller, kind, &page).await
    };
    let read = move |Shared(app): Shared<App>,
                     caller: Caller,
                     Path(id): Id,
                     Query(wait): Query<Wait>| async move {
        read(&app, &caller, kind, &id, &wait).await
    };
    let events = move |Shared(app): Shared<App>, caller: Caller, Path(id): Id| async move {
        events(&app, &caller, kind, &id).await
    };
    let cancel = move |Shared(app): Shared<App>, caller: Caller, Path(id): Id| async move {
        cancel(&app, &caller, kind, &id).await
    };
    let op = |verb: &str, summary: &str| {
        let summary = format!("{summary} {}", kind.name());
        Op::of(kind, verb, &summary)
    };
    let seconds = number(Type::Number, 0, MAX_WAIT.as_secs() as u32);
    let listed = op("list", "Every").pages().lists::<JobView>();
    let found = op("read", "One")
        .id("id", kind)
        .query(
            "wait",
            "Answer when it is finished, or after this many seconds.",
            seconds,
        )
        .answers::<JobView>(StatusCode::OK, &[]);
    let about = "Events, named after the state; the data are a Job.";
    let followed = op("follow", "The progress of a").id("id", kind);
    let followed = followed.sends(StatusCode::OK, about, "text/event-stream", &[]);
    let cancelled = op("cancel", "Cancel a").id("id", kind);
    Routes::default()
        .get(&all, list, listed)
        .get(&one, read, found)
        .get(&format!("{one}/events"), events, followed)
        .post(
            &format!("{one}/cancel"),
            cancel,
            cancelled.answers::<JobView>(StatusCode::ACCEPTED, &[]),
        )
}

/// What the document says of creating a job.
pub fn creation<T: CreateBody>(kind: Kind) -> Op {
    Op::of(kind, "create", &format!("A new {}", kind.name()))
        .scopes(T::CREATORS)
        .creates::<T>()
        .answers::<JobView>(StatusCode::ACCEPTED, &["Location"])
        .problems(&[404, 409])
}

/// A job of the caller: of their tenant for owners, their own otherwise.
pub async fn find(app: &App, caller: &Caller, kind: Kind, id: &str) -> Result<Job> {
    kind.check(id)?;
    Job::find(app.database.pool(), id)
        .await?
        .filter(|job| job.tenant == caller.tenant && job.kind == kind.prefix())
        .filter(|job| caller.is_owner() || job.token == caller.token)
        .ok_or_else(|| Error::not_found(kind.name()))
}

/// `GET`: one, at once or when it is finished.
async fn read(app: &App, caller: &Caller, kind: Kind, id: &str, wait: &Wait) -> Result<Response> {
    let seconds = wait.wait.unwrap_or(0.0);
    if !(0.0..=MAX_WAIT.as_secs_f64()).contains(&seconds) {
        let message = format!("wait at most {} seconds", MAX_WAIT.as_secs());
        return Err(Error::request(message));
    }
    if seconds == 0.0 {
        return ok(&find(app, caller, kind, id).await?.view()?);
    }
    // Begun before the look, so that nothing is missed in between.
    let mut watch = app.watched.watch(id);
    let job = find(app, caller, kind, id).await?;
    if job.state.is_final() {
        return ok(&job.view()?);
    }
    caller.wait(app)?;
    let finished = async {
        loop {
            match watch.changed().await {
                Seen::Job(job) if job.state.is_final() => return Ok(job),
                Seen::Gone => return Err(Error::not_found(kind.name())),
                Seen::Job(_) | Seen::NotYet => {}
            }
        }
    };
    tokio::select! {
        job = finished => ok(&job?.view()?),
        problem = caller.end(app) => Err(problem),
        () = sleep(Duration::from_secs_f64(seconds)) => {
            ok(&find(app, caller, kind, id).await?.view()?)
        }
    }
}

/// `GET`: all of the caller's.
async fn list(app: &App, caller: &Caller, kind: Kind, page: &Page) -> Result<Response> {
    let rows = sqlx::query(
        "SELECT * FROM jobs j WHERE tenant = $1 AND kind = $2 AND ($3 = '' OR token = $3) AND ($4 = '' OR \
         (created_at, id) > (SELECT p.created_at, p.id FROM jobs p \
         WHERE p.id = $4 AND p.tenant = $1)) ORDER BY created_at, id LIMIT $5",
    )
    .bind(&caller.tenant)
    .bind(kind.prefix())
    .bind(caller.sees().unwrap_or(""))
    .bind(page.after())
    .bind(page.limit())
    .fetch_all(app.database.pool())
    .await?;
    let view = |row| Job::of(row)?.view();
    let items = rows.iter().map(view).collect::<Result<Vec<JobView>>>()?;
    ok(&List { items })
}

/// `GET .../events`: the progress of the job until it is finished.
async fn events(app: &App, caller: &Caller, kind: Kind, id: &str) -> Result<Response> {
    let watch = app.watched.watch(id);
    let job = find(app, caller, kind, id).await?;
    caller.wait(app)?;
    let seen = Seen::Job(Arc::new(job));
    let start = (app.clone(), caller.clone(), watch, seen, String::new());
    let stream = futures_util::stream::unfold(start, |state| async move {
        let (app, caller, mut watch, mut seen, last) = state;
        loop {
            match seen {
                Seen::Job(job) => {
                    let text = serde_json::to_string(&job.view().ok()?).ok()?;
                    if text != last {
                        let event = Event::default().event(job.state.name()).data(&text);
                        // A job that is finished has no more to tell than one that was deleted.
                        let next = if job.state.is_final() {
                            Seen::Gone
                        } else {
                            Seen::NotYet
                        };
                        let state = (app, caller, watch, next, text);
                        return Some((Ok::<_, Infallible>(event), state));
                    }
                }
                Seen::Gone => return None,
                Seen::NotYet => {}
            }
            seen = tokio::select! {
                seen = watch.changed() => seen,
                _ = caller.end(&app) => return None,
            };
        }
    });
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::default())
        .into_response())
}

/// `POST .../cancel`: at once if it waits, soon if it runs.
async fn cancel(app: &App, caller: &Caller, kind: Kind, id: &str) -> Result<Response> {
    find(app, caller, kind, id).await?;
    let mut tx = app.database.begin().await?;
    let problem = to_store(&Problem::from(&Error::cancelled()))?;
    let waited = sqlx::query(
        "UPDATE jobs SET state = 'cancelled', cancel = 1, finished_at = $2, problem = $3 \
         WHERE id = $1 AND state = 'queued'",
    )
    .bind(id)
    .bind(now())
    .bind(&problem)
    .execute(&mut *tx)
    .await?;
    let runs = sqlx::query("UPDATE jobs SET cancel = 1 WHERE id = $1 AND state = 'running'")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    let mut removed = Vec::new();
    if waited.rows_affected() == 1 {
        removed = remove_files(&mut tx, id, None).await?;
    }
    if waited.rows_affected() + runs.rows_affected() > 0 {
        audit::record(&mut tx, caller.actor(), "cancel", id, &json!({})).await?;
    }
    tx.commit().await?;
    unlink(&app.blobs, removed).await?;
    app.watched.changed(id);
    let job = find(app, caller, kind, id).await?;
    Ok((StatusCode::ACCEPTED, ok(&job.view()?)?).into_response())
}

/// Refuses if there are too many jobs already.
pub async fn check_room(tx: &mut Tx, app: &App, tenant: &str) -> Result<()> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'queued') AS waiting, \
         (SELECT COUNT(*) FROM jobs WHERE tenant = $1 AND state IN ('queued', 'running')) AS own",
    )
    .bind(tenant)
    .fetch_one(&mut **tx)
    .await?;
    let (waiting, own): (i64, i64) = (row.try_get("waiting")?, row.try_get("own")?);
    let limits = &app.config.limits;
    if own >= limits.jobs_of_tenant {
        return Err(Error::too_many(
            format!("you already have {own} unfinished jobs"),
            5,
        ));
    }
    if waiting >= limits.waiting_jobs {
        return Err(Error::busy("too many jobs are queued", 10));
    }
    Ok(())
}

/// A new job, and what it needs.
pub async fn insert(
    tx: &mut Tx,
    caller: &Caller,
    (kind, id): (Kind, &str),
    name: &str,
    request: &impl serde::Serialize,
    inputs: &[&str],
) -> Result<Job> {
    sqlx::query(
        "INSERT INTO jobs (id, tenant, kind, name, token, request, state, result, problem, done, \
         total, what, attempts, lease, lease_until, cancel, created_at, started_at, finished_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 'queued', '', '', 0, 0, '', 0, '', 0, 0, $7, 0, 0)",
    )
    .bind(id)
    .bind(&caller.tenant)
    .bind(kind.prefix())
    .bind(name)
    .bind(&caller.token)
    .bind(to_store(request)?)
    .bind(now())
    .execute(&mut **tx)
    .await?;
    for input in inputs {
        let there: Option<String> =
            sqlx::query_scalar("SELECT id FROM objects WHERE id = $1 AND tenant = $2")
                .bind(*input)
                .bind(&caller.tenant)
                .fetch_optional(&mut **tx)
                .await?;
        if there.is_none() {
            return Err(Error::conflict(format!("{input} has been deleted")));
        }
        sqlx::query("INSERT INTO job_inputs (job, object) VALUES ($1, $2)")
            .bind(id)
            .bind(*input)
            .execute(&mut **tx)
            .await?;
    }
    let job = Job::find(&mut **tx, id).await?;
    let job = job.ok_or_else(|| Error::internal("a job", "it is not there"))?;
    debug_assert_eq!(job.state, State::Queued);
    Ok(job)
}

/// Commits a new job and hands it to the workers. Returns the answer to the request.
pub async fn submit(app: &App, mut tx: Tx, key: &IdempotencyKey, job: &Job) -> Result<Response> {
    let answer = key
        .remember(&mut tx, StatusCode::ACCEPTED, &job.view()?, &job.id)
        .await?;
    tx.commit().await?;
    crate::jobs::deliver(app, job).await;
    Ok(answer)
}
