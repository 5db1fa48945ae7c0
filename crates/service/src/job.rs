//! A job as the database has it, and its document.

use sqlx::Row;
use sqlx::any::AnyRow;
use tapetum_client::{JobView, ProgressView, State};

use crate::error::{Error, Result};
use crate::store::db::stored;

/// A job as the database has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// The id of its tenant.
    pub tenant: String,
    /// The prefix of its kind.
    pub kind: String,
    /// The id of the token that made it.
    pub token: String,
    /// How it is doing.
    pub state: State,
    /// How often it was begun.
    pub attempts: i64,
    /// What it works on, as JSON.
    pub request: String,
    /// A name for people.
    pub name: String,
    result: String,
    problem: String,
    /// How far it is.
    pub progress: ProgressView,
    /// When it was made.
    pub created_at: i64,
    started_at: i64,
    finished_at: i64,
}

impl Job {
    /// The job of this id, whosever it is.
    pub async fn find<'e>(
        executor: impl sqlx::Executor<'e, Database = sqlx::Any>,
        id: &str,
    ) -> Result<Option<Self>> {
        let row = sqlx::query("SELECT * FROM jobs WHERE id = $1")
            .bind(id)
            .fetch_optional(executor)
            .await?;
        row.as_ref().map(Self::of).transpose()
    }

    /// From a row with all columns.
    pub fn of(row: &AnyRow) -> Result<Self> {
        let state: String = row.try_get("state")?;
        let state = State::ALL.into_iter().find(|s| s.name() == state);
        Ok(Self {
            id: row.try_get("id")?,
            tenant: row.try_get("tenant")?,
            kind: row.try_get("kind")?,
            token: row.try_get("token")?,
            state: state.ok_or_else(|| Error::internal("a job", "it has no such state"))?,
            attempts: row.try_get("attempts")?,
            request: row.try_get("request")?,
            name: row.try_get("name")?,
            result: row.try_get("result")?,
            problem: row.try_get("problem")?,
            progress: ProgressView {
                done: row.try_get("done")?,
                total: row.try_get("total")?,
                what: row.try_get("what")?,
            },
            created_at: row.try_get("created_at")?,
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
        })
    }

    /// Its document.
    pub fn view(&self) -> Result<JobView> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(JobView {
            id: self.id.clone(),
            name: self.name.clone(),
            token: self.token.clone(),
            state: self.state,
            progress: self.progress.clone(),
            attempts: self.attempts,
            request: stored(&self.request)?,
            result: some(&self.result),
            problem: some(&self.problem).as_deref().map(stored).transpose()?,
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
        })
    }
}
