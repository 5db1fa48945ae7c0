//! `tapetum serve` and `tapetum worker`.

use std::io::stderr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tapetum_client::NewToken;
use tapetum_service::{Config, Server, Work, WorkerProcess};

use super::args::{LogFormat, Place, Power};
use super::{Serve, Worker, block_on};
use crate::failure::Failure;
use crate::files;
use crate::server::refuse_secret_keys;

/// The tenant that the first start makes.
const FIRST_TENANT: &str = "first";

/// Serves until it is told to end.
pub fn serve(args: &Serve, json: bool) -> Result<()> {
    log_to_stderr(args.log);
    let mut config = config(&args.place, &args.power)?;
    config.listen = args.listen;
    config.metrics = args.metrics;
    config.page.clone_from(&args.page);
    config.names.clone_from(&args.names);
    config.certificate = args.certificate.clone().zip(args.private_key.clone());
    let days = u64::from(args.retention);
    config.limits.job_life = (days > 0).then(|| Duration::from_secs(days * 24 * 3600));
    config.limits.connections = args.connections;
    if let Some(quota) = args.quota {
        config.limits.storage_bytes = quota;
    }
    block_on(async {
        let server = Server::start(config).await?;
        let operator = server.operator();
        let first = match operator.tenants().await?.is_empty() {
            true => Some(operator.add_tenant(FIRST_TENANT, None).await?),
            false => None,
        };
        announce(&server, first.as_ref(), args.page.is_some(), json);
        end_wanted().await?;
        eprintln!("Ending: requests that are under way get some time, jobs go on later.");
        server.stop().await;
        Ok(())
    })?
}

/// Works until it is told to end.
pub fn worker(args: &Worker) -> Result<()> {
    log_to_stderr(args.log);
    // Without a database elsewhere there is one in the folder, or there is nothing to work for.
    match args.place.database {
        Some(_) => files::create_dir(&args.place.data)?,
        None => drop(existing(&args.place)?),
    }
    let config = config(&args.place, &args.power)?;
    block_on(async {
        let workers = WorkerProcess::start(config).await?;
        end_wanted().await?;
        workers.stop().await;
        Ok(())
    })?
}

/// What a server and its workers need to know.
fn config(place: &Place, power: &Power) -> Result<Config> {
    let mut config = config_of(place)?;
    config.work = Work {
        jobs: power.jobs,
        key_memory: power.key_memory << 20,
        cache: power.cache << 20,
        lease: Duration::from_secs(power.lease),
        ..Work::default()
    };
    Ok(config)
}

/// What commands need to know that look at a server's folder.
pub fn existing(place: &Place) -> Result<Config> {
    match place.data.is_dir() {
        true => config_of(place),
        false => {
            let message = format!(
                "{} is no folder of a server: name it with --data",
                place.data.display()
            );
            Err(Failure::Input(message).into())
        }
    }
}

/// Where all of it is.
pub fn config_of(place: &Place) -> Result<Config> {
    // Keys of clients have no business here.
    if place.data.exists() {
        refuse_secret_keys(&place.data)?;
    }
    let mut config = Config::new(&place.data, ([127, 0, 0, 1], 0).into());
    config.database.clone_from(&place.database);
    config.store.clone_from(&place.store);
    Ok(config)
}

/// Tells what a client needs. It is printed, not logged: logs are kept.
fn announce(server: &Server, first: Option<&NewToken>, has_page: bool, json: bool) {
    let url = format!("https://{}", server.address());
    let fingerprint = server.fingerprint();
    let token = first.map(|token| token.token.as_str());
    if json {
        println!(
            "{}",
            json!({"url": url, "fingerprint": fingerprint, "token": token})
        );
        return;
    }
    println!("Listening at {url}\nCertificate  {fingerprint}");
    if has_page {
        println!("Page         {url}/page/");
    }
    if let Some(token) = token {
        println!(
            "\nThis is the first start. The token of the tenant `{FIRST_TENANT}`, which is not kept here:\n\n  \
             {token}\n\nTo try it, in another terminal:\n\n  TAPETUM_TOKEN={token} \\\n  tapetum remote demo \
             --server {url} \\\n  --fingerprint {fingerprint}\n"
        );
    }
}

/// Waits until the process is asked to end.
async fn end_wanted() -> Result<()> {
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

fn log_to_stderr(format: LogFormat) {
    use tracing_subscriber::filter::LevelFilter;
    let level = match format {
        LogFormat::Quiet => LevelFilter::WARN,
        _ => LevelFilter::INFO,
    };
    let builder = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_max_level(level)
        .with_ansi(false);
    match format {
        LogFormat::Json => builder.json().init(),
        _ => builder.init(),
    }
}
