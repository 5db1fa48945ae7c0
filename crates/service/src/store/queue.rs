//! Delivery of jobs to workers, by apalis: a queue for each kind of job, in tables of its own.
//!
//! A task is the id of a job and nothing else: what is true of a job is in its row, and the queue only sees to it
//! that some worker that is alive looks after it. So tasks can be made of the rows at any time, nothing is lost with them, and they are written without waiting for the disk. With SQLite
//! they are in a file of their own, since apalis has a table of the same name as this server.

use std::collections::HashSet;
use std::pin::Pin;
use std::time::Duration;

use apalis_core::backend::TaskSink;
use apalis_core::backend::ext::BackendExt;
use apalis_core::backend::ext::poll_strategy::Strategy;
use apalis_core::error::{BoxDynError, WorkerError};
use apalis_core::task::builder::TaskBuilder;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_postgres::{PostgresStorage, Pubsub};
use apalis_sqlite::SqliteStorage;
use futures_util::{FutureExt, Stream, stream};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Executor};
use tokio::sync::watch;
use tower::limit::ConcurrencyLimitLayer;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::id::{Kind, hex, random};
use crate::store::db::{Database, PATIENCE};

/// How often an idle worker looks for tasks of other processes, of which it may not have been told.
const LOOK: Duration = Duration::from_millis(500);
/// A look that has just begun does not see what is put there meanwhile, so it is repeated after this.
const AGAIN: Duration = Duration::from_millis(20);
/// Connections to PostgreSQL: a listener and a worker for each kind of job, and one for new tasks.
const CONNECTIONS: u32 = 5;
/// Signs of life in the time after which a worker is taken for dead.
const BEATS: usize = 10;

/// A job was not seen to, and somebody else is to be handed it.
#[derive(Debug, thiserror::Error)]
#[error("the job is not finished")]
pub struct Unfinished;

/// Tasks for workers.
#[derive(Debug)]
pub struct Tasks {
    pool: Pool,
    /// Rung when a task has been put there by this process.
    bell: watch::Sender<()>,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Does the same on both databases.
macro_rules! with {
    ($pool:expr, $bound:ident => $body:expr) => {
        match $pool {
            Pool::Sqlite($bound) => $body,
            Pool::Postgres($bound) => $body,
        }
    };
}

impl Tasks {
    /// Opens the queue beside a database, and brings its schema up to date.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn open(config: &Config, database: &Database) -> Result<Self, sqlx::Error> {
        let url = config.database_url();
        let pool = if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::new()
                .filename(config.data.join("queue.db"))
                .create_if_missing(true)
                .busy_timeout(PATIENCE)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal);
            // One connection: to wait in line for it is faster than to try again and again.
            let one = SqlitePoolOptions::new().max_connections(1);
            Pool::Sqlite(one.connect_with(options).await?)
        } else {
            let options = PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(PATIENCE)
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        let settings = "SET synchronous_commit = off; SET lock_timeout = '20s'";
                        connection.execute(settings).await.map(drop)
                    })
                });
            Pool::Postgres(options.connect(&url).await?)
        };
        // Two processes that start at once would make the tables twice: here one waits for the other.
        let turn = database.begin().await?;
        match &pool {
            Pool::Sqlite(pool) => SqliteStorage::migrations().run(pool).await?,
            Pool::Postgres(pool) => PostgresStorage::migrations().run(pool).await?,
        }
        turn.rollback().await?;
        Ok(Self {
            pool,
            bell: watch::Sender::new(()),
        })
    }

    /// Adds a task for a job, unless there is one. `created_at` is in milliseconds since 1970.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn push(&self, kind: &str, job: &str, created_at: i64) -> Result<()> {
        let task = TaskBuilder::new(job.to_owned())
            .idempotency_key(job)
            // How often a job is begun is counted in its row.
            .max_attempts(i32::MAX as usize)
            .run_at_timestamp(u64::try_from(created_at).unwrap_or(0) / 1000)
            .build();
        let pushed: Result<(), BoxDynError> = match &self.pool {
            Pool::Sqlite(pool) => {
                let config = apalis_sqlite::Config::default().queue(kind);
                let mut storage = SqliteStorage::<String>::new(pool).with_config(config);
                storage.push_task(task).await.map_err(Into::into)
            }
            Pool::Postgres(pool) => {
                let config = apalis_postgres::Config::default().queue(kind);
                let mut storage = PostgresStorage::<String>::new(pool).with_config(config);
                storage.push_task(task).await.map_err(Into::into)
            }
        };
        match pushed {
            Err(error) if !is_there_already(&*error) => {
                return Err(Error::internal("a task for the workers", error));
            }
            _ => self.bell.send_replace(()),
        }
        Ok(())
    }

    /// The jobs that have a task.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn known(&self) -> Result<HashSet<String>> {
        let known = format!(
            "SELECT idempotency_key FROM {} WHERE status <> 'Done' AND idempotency_key IS NOT NULL",
            self.tables().0
        );
        let known: Vec<String> = with!(&self.pool, pool => {
            sqlx::query_scalar(AssertSqlSafe(known)).fetch_all(pool).await?
        });
        Ok(known.into_iter().collect())
    }

    /// Removes tasks that are done, and workers that have long been gone.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sweep(&self) -> Result<()> {
        let (tasks, workers, yesterday) = self.tables();
        let statements = [
            format!("DELETE FROM {tasks} WHERE status = 'Done'"),
            format!(
                "DELETE FROM {workers} WHERE last_seen < {yesterday} \
                 AND id NOT IN (SELECT lock_by FROM {tasks} WHERE lock_by IS NOT NULL)"
            ),
        ];
        for statement in statements {
            with!(&self.pool, pool => {
                sqlx::query(AssertSqlSafe(statement)).execute(pool).await?;
            });
        }
        Ok(())
    }

    /// The tables of tasks and of workers, and the time of a day ago, as the database calls them.
    fn tables(&self) -> (&'static str, &'static str, &'static str) {
        match self.pool {
            Pool::Sqlite(_) => ("Jobs", "Workers", "unixepoch() - 86400"),
            Pool::Postgres(_) => ("apalis.jobs", "apalis.workers", "now() - interval '1 day'"),
        }
    }

    /// Hands over the ids of jobs of a kind, up to `at_once` at a time, until `stop`. Jobs that were not finished are
    /// handed over again, and so are those of a worker that has not reported for the time of a lease.
    ///
    /// # Errors
    /// Those of the database, with which this ends: it can be called again.
    pub async fn hand_over<H, F>(
        &self,
        (kind, at_once): (Kind, usize),
        lease: Duration,
        handle: H,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), BoxDynError>
    where
        H: Fn(String) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), Unfinished>> + Send + 'static,
    {
        // A name that no worker has had: what another has begun is not this one's.
        let name = format!("{}-{}", kind.prefix(), hex(&random::<8>()?));
        let strategy = Strategy::new()
            .stream(rings(self.bell.subscribe()))
            .interval(LOOK);
        let stop = stop.map(Ok::<(), WorkerError>);
        macro_rules! work {
            ($storage:ty, $config:ty, $pool:expr, $strategy:expr) => {{
                let config = <$config>::default()
                    .queue(kind.prefix())
                    // Not more than it works on: what waits may be somebody else's.
                    .batch_size(1)
                    .heartbeat_interval(lease / BEATS as u32)
                    .missed_heartbeats(BEATS)
                    // A task that is handed over is locked already.
                    .lock_tasks(false);
                let backend = <$storage>::new($pool).with_config(config);
                WorkerBuilder::new(name)
                    .backend(backend.poll_with_strategy($strategy))
                    .layer(ConcurrencyLimitLayer::new(at_once))
                    .build(handle)
                    .run_until(stop)
                    .boxed()
                    .await
            }};
        }
        match &self.pool {
            Pool::Sqlite(pool) => {
                work!(SqliteStorage<String>, apalis_sqlite::Config, pool, strategy)?;
            }
            Pool::Postgres(pool) => {
                let told = Pubsub::new(pool.clone(), kind.prefix().to_owned());
                let strategy = strategy.stream(told);
                work!(
                    PostgresStorage<String>,
                    apalis_postgres::Config,
                    pool,
                    strategy
                )?;
            }
        }
        Ok(())
    }

    /// Ends all connections.
    pub async fn close(&self) {
        with!(&self.pool, pool => pool.close().await);
    }
}

/// Whether the database refused a task because there is one of the same job.
fn is_there_already(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(sqlx::Error::Database(error)) = error.downcast_ref() {
            return error.is_unique_violation();
        }
        cause = error.source();
    }
    false
}

/// Each ring of the bell, twice.
fn rings(bell: watch::Receiver<()>) -> Pin<Box<dyn Stream<Item = ()> + Send + Sync>> {
    Box::pin(stream::unfold(
        (bell, false),
        |(mut bell, again)| async move {
            if again {
                tokio::time::sleep(AGAIN).await;
            } else {
                bell.changed().await.ok()?;
            }
            Some(((), (bell, !again)))
        },
    ))
}
