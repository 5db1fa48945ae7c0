//! The command line of server, workers and clients, as data.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::args::LearnerName;

/// Where servers listen unless told otherwise.
const ADDRESS: &str = "127.0.0.1:8750";
/// The data folder unless told otherwise.
const FOLDER: &str = "tapetum-server";

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum serve
  tapetum serve --data /srv/tapetum --listen 0.0.0.0:8750 --name tapetum.example.org
  tapetum serve --database postgres://tapetum@db/tapetum --store 's3://bucket/tapetum?region=eu-central-1'

The first start makes the folder, a certificate, a tenant and its token, and prints what a client needs.
The token is not kept: write it down. docs/service.md says what else there is to know.")]
pub struct Serve {
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub power: Power,
    /// The address to listen at; port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = ADDRESS)]
    pub listen: SocketAddr,
    /// A name of the server, for the certificate that the first start makes; may be repeated.
    #[arg(long = "name", value_name = "HOST")]
    pub names: Vec<String>,
    /// A certificate chain (PEM), instead of the one that the first start makes.
    #[arg(long, value_name = "FILE", requires = "private_key")]
    pub certificate: Option<PathBuf>,
    /// The private key of the certificate (PEM).
    #[arg(
        long = "key",
        id = "private_key",
        value_name = "FILE",
        requires = "certificate"
    )]
    pub private_key: Option<PathBuf>,
    /// Bytes that a new tenant may store.
    #[arg(long, value_name = "BYTES")]
    pub quota: Option<u64>,
    /// Days after which jobs that are finished are removed, and the scores of classifications with them; 0 never.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub retention: u32,
    /// Connections at a time; what is beyond is closed at once.
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub connections: usize,
    /// Serve Prometheus metrics at this address, without TLS and token.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Serve the browser's page from this folder, as `cargo run -p xtask --features page -- page` makes it.
    #[arg(long, value_name = "DIR")]
    pub page: Option<PathBuf>,
    /// How the log on standard error is written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,
}

/// Arguments of `worker`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum serve --jobs 0        in one terminal
  tapetum worker --jobs 2       in others

Workers share folder and database with the server. One that dies loses nothing: its job goes to another,
from the last checkpoint of its training.")]
pub struct Worker {
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub power: Power,
    /// How the log on standard error is written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,
}

/// Where a server keeps what it has.
#[derive(Debug, Args)]
pub struct Place {
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    pub data: PathBuf,
    /// The URL of a database, instead of a file in the folder: postgres://USER:PASSWORD@HOST/NAME. Others see
    /// what is on a command line: without a password it is taken from PGPASSWORD or PGPASSFILE.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// The URL of a bucket for files, instead of the folder: s3://BUCKET/PREFIX?endpoint=URL&region=NAME.
    /// Credentials are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
}

/// How much is computed at a time.
#[derive(Debug, Args)]
pub struct Power {
    /// Jobs that run at a time; 0 leaves them to `tapetum worker`.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub jobs: usize,
    /// Memory for evaluation keys, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    pub key_memory: u64,
    /// Room for files of a bucket that are being used, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 8192)]
    pub cache: u64,
    /// Seconds without a sign of life after which a worker counts as dead.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, hide = true)]
    pub lease: u64,
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

/// Arguments of `tenant`.
#[derive(Debug, Args)]
pub struct Tenant {
    #[command(subcommand)]
    pub action: TenantAction,
}

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub enum TenantAction {
    /// Make a tenant, and print its first token.
    Add {
        /// Lower-case letters, digits and hyphens.
        name: String,
        /// Bytes that it may store.
        #[arg(long, value_name = "BYTES")]
        quota: Option<u64>,
        #[command(flatten)]
        place: Place,
    },
    /// List the tenants.
    List {
        #[command(flatten)]
        place: Place,
    },
}

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    #[command(subcommand)]
    pub action: AuditAction,
}

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditAction {
    /// Check that no record was changed, removed or put in.
    Verify {
        /// A record that was noted elsewhere, as a deletion receipt has it: NUMBER:HASH.
        #[arg(long, value_name = "NUMBER:HASH")]
        known: Option<String>,
        #[command(flatten)]
        place: Place,
    },
}

/// Arguments of `backup`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum backup --data /srv/tapetum /backups/2026-11-22

The copy holds database, files, certificate and key, with checksums. Whoever has it can do what the server can.")]
pub struct Backup {
    #[command(flatten)]
    pub place: Place,
    /// The new folder of the copy.
    pub folder: PathBuf,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum restore --data /srv/tapetum /backups/2026-11-22

Everything is compared with its checksum. Folder, database and bucket must be empty: nothing is replaced.")]
pub struct Restore {
    #[command(flatten)]
    pub place: Place,
    /// The folder of the copy.
    pub folder: PathBuf,
}

/// Arguments of `remote`.
#[derive(Debug, Args)]
pub struct Remote {
    #[command(subcommand)]
    pub action: RemoteAction,
}

/// What to do on a server.
#[derive(Debug, Subcommand)]
pub enum RemoteAction {
    /// Play all roles on the embedded images with a server in between.
    Demo(RemoteDemo),
    /// Say whose token this is, and how much is stored.
    Status {
        #[command(flatten)]
        connection: Connection,
    },
    /// Owner: make a token for somebody else.
    Token {
        #[command(flatten)]
        connection: Connection,
        /// What it may be used for: owner, contributor, classify; may be repeated.
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope)]
        scopes: Vec<tapetum_client::Scope>,
        /// Whom it is for.
        #[arg(long, default_value = "")]
        name: String,
        /// Seconds after which it expires.
        #[arg(long, value_name = "SECONDS")]
        expires_in: Option<u32>,
    },
    /// Owner: send parameters and keys, and make a data set for what they are made for.
    Prepare {
        #[command(flatten)]
        connection: Connection,
        /// The directory that `keygen` made for the server.
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        /// The public key, for contributors to fetch.
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
        /// How all of it is called.
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Contributor or owner: add what `encrypt` wrote to a data set.
    Append {
        #[command(flatten)]
        connection: Connection,
        /// The id of the data set.
        #[arg(long, value_name = "ID")]
        data_set: String,
        /// Encrypted samples with their labels.
        file: PathBuf,
    },
    /// Owner: have a model trained, and wait for it.
    Train {
        #[command(flatten)]
        connection: Connection,
        /// The id of the data set.
        #[arg(long, value_name = "ID")]
        data_set: String,
        /// The id of the key set.
        #[arg(long, value_name = "ID")]
        key_set: String,
    },
    /// Have encrypted samples classified, wait for it, and fetch the encrypted scores.
    Classify {
        #[command(flatten)]
        connection: Connection,
        /// The id of the model.
        #[arg(long, value_name = "ID")]
        model: String,
        /// Encrypted samples.
        file: PathBuf,
        /// The encrypted scores to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Delete something, and print the receipt.
    Delete {
        #[command(flatten)]
        connection: Connection,
        /// Its id.
        id: String,
    },
}

/// A scope by its name.
fn scope(name: &str) -> Result<tapetum_client::Scope, String> {
    let found = tapetum_client::Scope::from_name(name);
    found.ok_or_else(|| "a scope is owner, contributor or classify".to_owned())
}

/// Which server, and who asks.
#[derive(Debug, Args)]
pub struct Connection {
    /// The address of the server.
    #[arg(long, value_name = "URL", default_value = "https://127.0.0.1:8750")]
    pub server: String,
    /// The fingerprint of its certificate, as `tapetum serve` prints it.
    #[arg(long, value_name = "SHA256", required_unless_present = "ca")]
    pub fingerprint: Option<String>,
    /// The certificates of authorities to trust (PEM), instead of a fingerprint.
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    pub ca: Option<PathBuf>,
    /// A file with the token; otherwise it is taken from the environment, TAPETUM_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// Arguments of `remote demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  TAPETUM_TOKEN=tpt_... tapetum remote demo --fingerprint sha256:...

Keys are made here, and the secret key stays here. Encrypted images go to the server, which trains and
classifies them; the encrypted scores come back and are compared with those that the same computation
gives in the clear.")]
pub struct RemoteDemo {
    #[command(flatten)]
    pub connection: Connection,
    /// Keep the directories here instead of in a temporary place.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// How many images, for training and test together.
    #[arg(long, value_name = "N", default_value_t = 1984, value_parser = clap::value_parser!(u32).range(40..=1984))]
    pub images: u32,
    /// The training algorithm.
    #[arg(long, value_enum, default_value_t = LearnerName::Logistic)]
    pub learner: LearnerName,
    /// The seed that chooses and splits the images.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Leave on the server what was sent and made there.
    #[arg(long)]
    pub keep: bool,
}
