//! Jobs that requests wait for.
//!
//! One task reads all of them in one statement, at regular intervals because jobs may run in other processes, and at
//! once those that change in this one. A request that waits asks the database nothing: it is woken when its own job has
//! changed, and gets the job along with it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::{AnyPool, AssertSqlSafe};
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::error::Result;
use crate::job::Job;

/// How often jobs are looked at that may run in another process.
const LOOK: Duration = Duration::from_millis(250);
/// Jobs that are read in one statement.
const AT_ONCE: usize = 256;

/// What is known of a job that somebody waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Seen {
    /// It has not been looked at since somebody waits.
    #[default]
    NotYet,
    /// It has been deleted.
    Gone,
    /// It was like this.
    Job(Arc<Job>),
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Watched {
    jobs: Mutex<HashMap<String, watch::Sender<Seen>>>,
    /// Of these jobs, those that have changed since they were read.
    changed: Mutex<HashSet<String>>,
    bell: Notify,
}

impl Watched {
    /// Waits for the changes of a job from now on.
    pub fn watch(self: &Arc<Self>, id: &str) -> Watch {
        let mut jobs = self.jobs();
        let sender = jobs.entry(id.to_owned()).or_default();
        Watch {
            id: id.to_owned(),
            seen: sender.subscribe(),
            watched: self.clone(),
        }
    }

    /// A job has changed, and is read at once if anybody waits for it.
    pub fn changed(&self, id: &str) {
        if self.jobs().contains_key(id) {
            self.lock_changed().insert(id.to_owned());
            self.bell.notify_one();
        }
    }

    /// Reads jobs and wakes those who wait for them, for ever.
    pub async fn follow(&self, pool: &AnyPool) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let ids: Vec<String> = tokio::select! {
                _ = self.bell.notified() => self.lock_changed().drain().collect(),
                _ = look.tick() => {
                    self.lock_changed().clear();
                    self.jobs().keys().cloned().collect()
                }
            };
            for ids in ids.chunks(AT_ONCE) {
                // What failed is in the log, and is read again at the next look.
                if let Ok(found) = read(pool, ids).await {
                    self.publish(ids, found);
                }
            }
        }
    }

    fn publish(&self, ids: &[String], found: Vec<Job>) {
        let mut found: HashMap<_, _> = found.into_iter().map(|job| (job.id.clone(), job)).collect();
        let jobs = self.jobs();
        for id in ids {
            let now = found
                .remove(id)
                .map_or(Seen::Gone, |job| Seen::Job(Arc::new(job)));
            if let Some(sender) = jobs.get(id) {
                sender.send_if_modified(|seen| {
                    let is_new = *seen != now;
                    *seen = now;
                    is_new
                });
            }
        }
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Seen>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_changed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(pool: &AnyPool, ids: &[String]) -> Result<Vec<Job>> {
    let places: Vec<_> = (1..=ids.len()).map(|place| format!("${place}")).collect();
    let statement = format!("SELECT * FROM jobs WHERE id IN ({})", places.join(", "));
    // Made of numbers alone.
    let query = sqlx::query(AssertSqlSafe(statement));
    let query = ids.iter().fold(query, |query, id| query.bind(id));
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(Job::of).collect()
}

/// The changes of a job, for one who waits.
#[derive(Debug)]
pub struct Watch {
    id: String,
    seen: watch::Receiver<Seen>,
    watched: Arc<Watched>,
}

impl Watch {
    /// What the job has become, as soon as it has changed.
    pub async fn changed(&mut self) -> Seen {
        // Its sender is there as long as this is.
        if self.seen.changed().await.is_err() {
            return Seen::Gone;
        }
        self.seen.borrow_and_update().clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut jobs = self.watched.jobs();
        // This one is still counted.
        if jobs
            .get(&self.id)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            jobs.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::db::{Database, temporary};

    async fn insert(database: &Database, id: &str) {
        sqlx::query(
            "INSERT INTO jobs (id, tenant, kind, name, token, request, state, result, problem, done, \
             total, what, attempts, lease, lease_until, cancel, created_at, started_at, finished_at) \
             VALUES ($1, 't', 'job', '', 'k', '{}', 'queued', '', '', 0, 0, '', 0, '', 0, 0, 1, 0, 0)",
        )
        .bind(id)
        .execute(database.pool())
        .await
        .unwrap();
    }

    fn job(seen: &Seen) -> &Job {
        match seen {
            Seen::Job(job) => job,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_that_job_and_by_no_other() {
        let (_folder, database) = temporary().await;
        let watched = Arc::new(Watched::default());
        let mut watches = Vec::new();
        for id in ["first", "second"] {
            insert(&database, id).await;
            watches.push(watched.watch(id));
        }
        let (following, pool) = (watched.clone(), database.pool().clone());
        let follower = tokio::spawn(async move { following.follow(&pool).await });
        for watch in &mut watches {
            assert_eq!(job(&watch.changed().await).progress.done, 0);
        }
        let advance = "UPDATE jobs SET done = done + 1 WHERE id = 'first'";
        for done in 1..=3 {
            sqlx::query(advance).execute(database.pool()).await.unwrap();
            watched.changed("first");
            assert_eq!(job(&watches[0].changed().await).progress.done, done);
        }
        // Its row was read with that of the first meanwhile, and nothing of it has changed.
        tokio::time::sleep(2 * LOOK).await;
        assert!(!watches[1].seen.has_changed().unwrap());
        // Nobody says that this one changes, as if another process had done it.
        let gone = "DELETE FROM jobs WHERE id = 'second'";
        sqlx::query(gone).execute(database.pool()).await.unwrap();
        assert_eq!(watches[1].changed().await, Seen::Gone);
        drop(watches);
        assert!(watched.jobs().is_empty());
        watched.changed("first");
        assert!(watched.lock_changed().is_empty());
        follower.abort();
    }

    #[tokio::test]
    async fn as_many_as_wait_are_read_and_one_of_two_may_leave() {
        let (_folder, database) = temporary().await;
        let watched = Arc::new(Watched::default());
        let ids: Vec<_> = (0..AT_ONCE + 1).map(|number| number.to_string()).collect();
        for id in &ids {
            insert(&database, id).await;
        }
        let mut watches: Vec<_> = ids.iter().map(|id| watched.watch(id)).collect();
        drop(watched.watch("0"));
        let follow = watched.follow(database.pool());
        let seen = async {
            for (id, watch) in ids.iter().zip(&mut watches) {
                assert_eq!(job(&watch.changed().await).id, *id);
            }
        };
        tokio::select! {
            () = follow => unreachable!(),
            () = seen => {}
        }
    }
}
