//! What reads strangers' bytes, as functions: for the fuzz targets, and for nobody else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use tapetum_ckks::Parameters;
use tapetum_learn::TrainingSpec;
use tokio::runtime::{Builder, Runtime};
use tower_service::Service as _;

use crate::backup::BackupError;
use crate::config::Config;
use crate::error::Result;
use crate::error::StartError;
use crate::server::Operator;
use crate::state::Service;
use crate::store::audit::Record;
use crate::store::content::{self, Caps};
use crate::tls::Tls;

/// What the service takes here: so little that no input takes long.
const CAPS: Caps = Caps {
    log_n: 13,
    bundle_bytes: 4 << 20,
    expanded_bytes: 64 << 20,
};
/// Answers that take longer have no end, as events have none.
const PATIENCE: Duration = Duration::from_millis(500);

/// Whether the service takes a file for parameters.
pub fn parameters(path: &Path) -> bool {
    is_accepted(content::parameters(path, CAPS))
}

/// Whether the service takes a file for a public key.
pub fn public_key(path: &Path, parameters: &Parameters) -> bool {
    is_accepted(content::public_key(path, parameters))
}

/// Whether the service takes a file for evaluation keys.
pub fn evaluation_keys(path: &Path, parameters: &Parameters) -> bool {
    is_accepted(content::evaluation_keys(path, parameters))
}

/// Whether the service takes a file for a part of a data set.
pub fn part(path: &Path, parameters: &Parameters, recipe: &TrainingSpec) -> bool {
    is_accepted(content::part(path, parameters, recipe, CAPS))
}

/// Whether the service takes a file for samples to be classified.
pub fn samples(path: &Path, parameters: &Parameters) -> bool {
    is_accepted(content::sample_shape(path, parameters, CAPS))
}

/// Whether a server takes these files for its certificate and the key of it.
pub fn certificate(certificate: &Path, key: &Path) -> bool {
    let mut config = settings(certificate.parent().unwrap_or(certificate));
    config.certificate = Some((certificate.to_owned(), key.to_owned()));
    shown(Tls::open(&config))
}

/// The hash that makes this record follow one with the hash `previous`.
pub fn chained(record: &Record, previous: &str) -> String {
    record.chained(previous)
}

/// Whether a server is made of a copy, in an empty folder. It has a whole audit log then, and can be copied.
pub fn restore(copy: &Path, folder: &Path, again: &Path) -> bool {
    let config = settings(folder);
    run(async {
        if !shown(Operator::restore(config.clone(), copy).await) {
            return false;
        }
        let operator = Operator::open(config).await.expect("a server");
        let log = operator.verify_audit(None).await.expect("an audit log");
        assert_eq!(log.broken, None);
        operator.backup(again).await.expect("a copy");
        true
    })
}

/// The output of a future, after which nothing is left running.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

fn settings(folder: &Path) -> Config {
    let mut config = Config::new(folder, SocketAddr::from(([127, 0, 0, 1], 0)));
    config.limits.log_n = CAPS.log_n;
    config.limits.bundle_bytes = CAPS.bundle_bytes;
    config.limits.requests_per_second = 1e9;
    config.limits.burst = 1e9;
    config
}

/// Whether it went well; if not, the error can be shown.
fn shown<T, E: std::error::Error>(found: Result<T, E>) -> bool {
    found.map_err(|error| error.to_string()).is_ok()
}

/// Nothing that is sent makes the service fail.
fn is_accepted<T>(answer: Result<T>) -> bool {
    match answer {
        Ok(_) => true,
        Err(problem) => {
            assert!(problem.status() < 500, "{problem}");
            false
        }
    }
}

/// A service without a socket and without workers, with one tenant.
pub struct Place {
    runtime: Runtime,
    router: Router,
    operator: Operator,
    token: String,
}

impl Place {
    /// In an empty folder.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(folder: &Path) -> Result<Self, StartError> {
        let config = settings(folder);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (router, operator, token) = runtime.block_on(async {
            let app = Service::open(config.clone()).await?;
            let operator = Operator::open(config).await?;
            let token = operator.add_tenant("fuzz", None).await?.token;
            Ok::<_, StartError>((crate::api::router(app, None)?, operator, token))
        })?;
        Ok(Self {
            runtime,
            router,
            operator,
            token,
        })
    }

    /// Copies all that there is to a new folder.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn backup(&self, folder: &Path) -> Result<(), BackupError> {
        let copied = self.operator.backup(folder);
        self.runtime.block_on(copied).map(drop)
    }

    /// The token of the tenant.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The answer to a request, unless it has no end.
    pub fn send(&self, request: Request<Vec<u8>>) -> Option<Response<Bytes>> {
        let answer = async {
            let request = request.map(Body::from);
            let answered: Result<_, Infallible> = self.router.clone().call(request).await;
            let (head, body) = answered.unwrap_or_else(|never| match never {}).into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Response::from_parts(head, body))
        };
        let waited = async { tokio::time::timeout(PATIENCE, answer).await };
        self.runtime.block_on(waited).ok().flatten()
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}
