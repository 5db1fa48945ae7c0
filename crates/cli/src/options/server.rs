//! Where a server keeps what it has, and how much it computes.

use std::io::stderr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tapetum::remote::kind_of_status;
use tapetum::server::refuse_secret_keys;
use tapetum::{Context, Error, ErrorKind, Result};
use tapetum_service::{BackupError, Config, StartError, Work};

/// The data folder unless told otherwise.
const FOLDER: &str = "tapetum-server";

/// Where a server keeps what it has.
#[derive(Debug, Args)]
pub struct Place {
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    pub data: PathBuf,
    /// The URL of a database, instead of a file in the folder: postgres://USER:PASSWORD@HOST/NAME. Command
    /// lines are visible to others: leave the password out, and set PGPASSWORD or PGPASSFILE.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// The URL of a bucket for files, instead of the folder: s3://BUCKET/PREFIX?endpoint=URL&region=NAME.
    /// Credentials are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
}

impl Place {
    /// What commands need to know that look at a server's folder.
    pub fn existing(&self) -> Result<Config> {
        if self.data.is_dir() {
            return self.config();
        }
        Err(Error::input(format!(
            "{} is not a server's folder: name it with --data",
            self.data.display()
        )))
    }

    /// Where all of it is.
    pub fn config(&self) -> Result<Config> {
        // Keys of clients have no business here.
        if self.data.exists() {
            refuse_secret_keys(&self.data)?;
        }
        let mut config = Config::new(&self.data, ([127, 0, 0, 1], 0).into());
        config.database.clone_from(&self.database);
        config.store.clone_from(&self.store);
        Ok(config)
    }
}

/// How much is computed at a time.
#[derive(Debug, Args)]
pub struct Power {
    /// Jobs that run at a time; 0 leaves them to `tapetum worker`.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub jobs: usize,
    /// Memory for all that is computed, in MiB; by default three quarters of the machine's.
    #[arg(long, value_name = "MIB", default_value_t = machine_memory() / 4 * 3)]
    pub memory: u64,
    /// Memory for evaluation keys, in MiB; at most half of all.
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    pub key_memory: u64,
    /// Disk space for files of a bucket while they are in use, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 8192)]
    pub cache: u64,
    /// Seconds without a sign of life after which a worker counts as dead.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, hide = true)]
    pub lease: u64,
}

impl Power {
    /// What a server and its workers need to know.
    pub fn at(&self, place: &Place) -> Result<Config> {
        let mut config = place.config()?;
        config.work = Work {
            jobs: self.jobs,
            memory: self.memory << 20,
            key_memory: self.key_memory << 20,
            cache: self.cache << 20,
            lease: Duration::from_secs(self.lease),
            ..Work::default()
        };
        Ok(config)
    }
}

/// The memory of this machine, or of what this process may use of it, in MiB; 8 GiB where the system tells it in no file.
fn machine_memory() -> u64 {
    let number = |text: &str| {
        text.split_whitespace()
            .find_map(|word| word.parse::<u64>().ok())
    };
    let of_file = |path| std::fs::read_to_string(path).ok();
    let all = of_file("/proc/meminfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"));
        line.and_then(number).map(|kibibytes| kibibytes >> 10)
    });
    let allowed = of_file("/sys/fs/cgroup/memory.max").and_then(|text| number(&text));
    let allowed = allowed.map(|bytes| bytes >> 20);
    all.into_iter().chain(allowed).min().unwrap_or(8 << 10)
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// Warnings only.
    Quiet,
}

impl LogFormat {
    /// Writes the log of this process to standard error.
    pub fn install(self) {
        use tracing_subscriber::filter::LevelFilter;
        let level = match self {
            Self::Quiet => LevelFilter::WARN,
            _ => LevelFilter::INFO,
        };
        let builder = tracing_subscriber::fmt()
            .with_writer(stderr)
            .with_max_level(level)
            .with_ansi(false);
        match self {
            Self::Json => builder.json().init(),
            _ => builder.init(),
        }
    }
}

/// Waits until the process is asked to end.
pub async fn end_wanted() -> Result<()> {
    let unusable = "cannot wait for signals";
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context(unusable)?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted.context(unusable),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.context(unusable)
}

/// An error of the server.
pub trait ServiceError: std::error::Error + Send + Sync + Sized + 'static {
    /// Of which kind it is.
    fn kind(&self) -> ErrorKind;
}

/// The same as an error of a command.
pub fn failed(error: impl ServiceError) -> Error {
    Error::caused(error.kind(), error)
}

impl ServiceError for StartError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Unexpected
    }
}

impl ServiceError for tapetum_service::Error {
    fn kind(&self) -> ErrorKind {
        kind_of_status(self.status())
    }
}

impl ServiceError for BackupError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Occupied(_) | Self::Damaged(_) => ErrorKind::Input,
            Self::File { .. } => ErrorKind::Files,
            _ => ErrorKind::Unexpected,
        }
    }
}
