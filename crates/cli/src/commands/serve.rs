//! `tapetum serve`: a server over HTTPS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tapetum::Result;
use tapetum::remote::block_on;
use tapetum::remote::client::NewToken;
use tapetum_service::{PageSource, Server};

use crate::console::Console;
use crate::options::{LogFormat, Place, Power, end_wanted, failed};

/// Where servers listen unless told otherwise.
const ADDRESS: &str = "127.0.0.1:8750";
/// The tenant that the first start makes.
const FIRST_TENANT: &str = "first";

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum serve
  tapetum serve --data /srv/tapetum --listen 0.0.0.0:8750 --name tapetum.example.org
  tapetum serve --database postgres://tapetum@db/tapetum --store 's3://bucket/tapetum?region=eu-central-1'

The first start makes the folder, a certificate, a tenant and its token, and prints what a client needs.
The token is shown once, not stored: write it down. docs/service.md has the rest.")]
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
    /// Connections at a time; what is beyond takes the place of a connection without a valid token.
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub connections: usize,
    /// Connections without a valid token of an address; raise it behind a proxy.
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub connections_per_address: usize,
    /// Serve Prometheus metrics at this address, without TLS and token.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Serve the browser's page from this folder, in place of the page that was built in.
    #[arg(long, value_name = "DIR")]
    pub page: Option<PathBuf>,
    /// Serve no page to browsers.
    #[arg(long, conflicts_with = "page")]
    pub no_page: bool,
    /// How the log on standard error is written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,
}

/// Serves until it is told to end.
pub fn run(args: &Serve, console: &Console) -> Result<()> {
    args.log.install();
    let mut config = args.power.at(&args.place)?;
    config.listen = args.listen;
    config.metrics = args.metrics;
    config.page = match &args.page {
        Some(folder) => PageSource::Folder(folder.clone()),
        None if args.no_page => PageSource::Nowhere,
        None => PageSource::BuiltIn,
    };
    config.names.clone_from(&args.names);
    config.certificate = args.certificate.clone().zip(args.private_key.clone());
    let days = u64::from(args.retention);
    config.limits.job_life = (days > 0).then(|| Duration::from_secs(days * 24 * 3600));
    config.limits.connections = args.connections;
    config.limits.connections_of_address = args.connections_per_address;
    if let Some(quota) = args.quota {
        config.limits.storage_bytes = quota;
    }
    block_on(async {
        let server = Server::start(config).await.map_err(failed)?;
        let operator = server.operator();
        let first = match operator.tenants().await.map_err(failed)?.is_empty() {
            true => Some(
                operator
                    .add_tenant(FIRST_TENANT, None)
                    .await
                    .map_err(failed)?,
            ),
            false => None,
        };
        announce(&server, first.as_ref(), args.no_page, console.json);
        end_wanted().await?;
        eprintln!("Shutting down: open requests may finish, jobs resume at the next start.");
        server.stop().await;
        Ok(())
    })?
}

/// Tells what a client needs. It is printed, not logged: logs are kept.
fn announce(server: &Server, first: Option<&NewToken>, no_page_wanted: bool, json: bool) {
    let url = format!("https://{}", server.address());
    let fingerprint = server.fingerprint();
    let token = first.map(|token| token.token.as_str());
    let page = server.has_page().then(|| format!("{url}/page/"));
    if json {
        println!(
            "{}",
            json!({"url": url, "fingerprint": fingerprint, "token": token, "page": page})
        );
        return;
    }
    println!("Listening at {url}\nCertificate  {fingerprint}");
    match page {
        Some(page) => println!("Page         {page}"),
        None if no_page_wanted => {}
        None => println!("Page         none is built in; --page DIR serves one"),
    }
    if let Some(token) = token {
        println!(
            "\nThis is the first start. The token of the tenant `{FIRST_TENANT}`, shown once, not stored:\n\n  \
             {token}\n\nTo try it, in another terminal:\n\n  TAPETUM_TOKEN={token} \\\n  tapetum remote demo \
             --server {url} \\\n  --fingerprint {fingerprint}\n"
        );
    }
}
