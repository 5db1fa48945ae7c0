//! What an operator can configure.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The configuration of a server.
#[derive(Clone)]
pub struct Config {
    /// The folder with everything that is kept.
    pub data: PathBuf,
    /// The URL of a database; without one it is a file in the folder.
    pub database: Option<String>,
    /// The URL of a bucket for accepted files, `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`; without one they are
    /// in the folder. Credentials are taken from the environment.
    pub store: Option<String>,
    /// The address to listen at; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Names of the server, beside `localhost`, in the certificate that is made on the first start.
    pub names: Vec<String>,
    /// A certificate chain and its key as PEM files, instead of that.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Where metrics are to be had, without TLS and token: an address that only the operator reaches.
    pub metrics: Option<SocketAddr>,
    /// Where the browser's page comes from.
    pub page: PageSource,
    /// What callers may ask for.
    pub limits: Limits,
    /// Settings of the workers in this process.
    pub work: Work,
}

// URLs have passwords in them.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("data", &self.data)
            .field("listen", &self.listen)
            .field("limits", &self.limits)
            .field("work", &self.work)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// The usual settings for a folder and an address.
    pub fn new(data: impl Into<PathBuf>, listen: SocketAddr) -> Self {
        Self {
            data: data.into(),
            database: None,
            store: None,
            listen,
            names: Vec::new(),
            certificate: None,
            metrics: None,
            page: PageSource::default(),
            limits: Limits::default(),
            work: Work::default(),
        }
    }

    /// The URL of the database.
    pub fn database_url(&self) -> String {
        match &self.database {
            Some(url) => url.clone(),
            None => format!("sqlite:{}?mode=rwc", self.data.join("service.db").display()),
        }
    }
}

/// Where the browser's page comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PageSource {
    /// From the program itself: the page that was built in, if one was.
    #[default]
    BuiltIn,
    /// From a folder, read at the start.
    Folder(PathBuf),
    /// There is to be none.
    Nowhere,
}

/// What callers may ask for.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one upload.
    pub upload_bytes: u64,
    /// Bytes of one bundle of ciphertexts, which is in memory as a whole: a mini-batch, or samples.
    pub bundle_bytes: u64,
    /// Bytes that a tenant may store, unless something else was said when it was made.
    pub storage_bytes: u64,
    /// Uploads of a token that are not finished or not used yet.
    pub open_uploads: i64,
    /// How long an upload is kept that is complete.
    pub upload_life: Duration,
    /// How long an upload is kept after its last byte while more are announced.
    pub unfinished_life: Duration,
    /// How long a connection may take from its acceptance to the first complete head of a request, TLS included, and
    /// to each further head.
    pub head: Duration,
    /// Bytes a second of an upload, and of an answer that is not taken at once, over each [`window`](Self::window).
    pub rate: u64,
    /// Over how long the rate is taken. A JSON document must have arrived in that time.
    pub window: Duration,
    /// Requests a second of a token, in the long run.
    pub requests_per_second: f64,
    /// Requests at once of a token.
    pub burst: f64,
    /// Connections at a time.
    pub connections: usize,
    /// Connections of an address whose last request had no valid token.
    pub connections_of_address: usize,
    /// How long jobs that are finished are kept, and the scores of classifications with them.
    pub job_life: Option<Duration>,
    /// Requests that are served at a time.
    pub concurrent_requests: usize,
    /// Concurrent requests of one tenant.
    pub requests_of_tenant: usize,
    /// Requests that wait for a job at a time, besides those; streams of events are among them.
    pub waiting_requests: usize,
    /// Waiting requests of one tenant.
    pub waiting_of_tenant: usize,
    /// Objects of a tenant: sets, parts and models.
    pub objects_of_tenant: i64,
    /// Uploads whose content is checked at a time, each of them in memory.
    pub concurrent_checks: usize,
    /// Jobs of a tenant that wait or run.
    pub jobs_of_tenant: i64,
    /// Jobs of all tenants that wait.
    pub waiting_jobs: i64,
    /// log2 of the largest ring degree.
    pub log_n: u32,
    /// How long the answer to a request with an idempotency key is remembered.
    pub idempotency_life: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes: 8 << 30,
            bundle_bytes: 1 << 30,
            storage_bytes: 64 << 30,
            open_uploads: 64,
            upload_life: Duration::from_secs(24 * 3600),
            unfinished_life: Duration::from_secs(3600),
            head: Duration::from_secs(15),
            rate: 8 << 10,
            window: Duration::from_secs(30),
            requests_per_second: 200.0,
            burst: 400.0,
            connections: 512,
            connections_of_address: 128,
            job_life: Some(Duration::from_secs(90 * 24 * 3600)),
            concurrent_requests: 256,
            requests_of_tenant: 128,
            waiting_requests: 512,
            waiting_of_tenant: 256,
            objects_of_tenant: 10_000,
            concurrent_checks: 2,
            jobs_of_tenant: 64,
            waiting_jobs: 1024,
            log_n: 16,
            idempotency_life: Duration::from_secs(24 * 3600),
        }
    }
}

/// How workers work.
#[derive(Clone, Debug)]
pub struct Work {
    /// Jobs that run at a time; 0 leaves all work to other processes.
    pub jobs: usize,
    /// Bytes of memory for all that is computed, keys included.
    pub memory: u64,
    /// Bytes of expanded evaluation keys in memory, of all jobs together; at most half of the memory.
    pub key_memory: u64,
    /// Bytes of files of a bucket that are kept here.
    pub cache: u64,
    /// A job goes to another worker when its own has not reported for this long.
    pub lease: Duration,
    /// How long a worker may compute on a job, counted from where it starts or resumes.
    pub longest: Duration,
    /// How often a job is started before it is given up; a checkpoint resets the count.
    pub attempts: i64,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            jobs: 1,
            memory: 8 << 30,
            key_memory: 4 << 30,
            cache: 8 << 30,
            lease: Duration::from_secs(20),
            longest: Duration::from_secs(24 * 3600),
            attempts: 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_in_what_is_logged() {
        let mut config = Config::new("folder", ([127, 0, 0, 1], 0).into());
        config.database = Some("postgres://tapetum:secret@db/tapetum".to_owned());
        assert!(!format!("{config:?}").contains("secret"));
    }
}
