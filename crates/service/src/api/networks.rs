//! Networks: a provider's, with which others have their pictures classified under keys of their own.

use axum::extract::State;
use axum::response::Response;
use tapetum_client::{CreateNetwork, KeysDetails, NetworkDetails};
use tapetum_nets::NetworkPlanFile;

use super::create::CreateRequest;
use super::objects::{self, Draft};
use super::openapi::Routes;
use super::parameter_sets::{checked, parameters};
use super::resource::{self, EVERYONE, Resource};
use super::uploads;
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::{Kind, hex};
use crate::state::App;
use crate::store::blocking::run_blocking;
use crate::store::db::Tx;
use crate::store::networks;
use crate::store::rows::{self, role};

const KIND: Kind = Kind::Network;

/// Everyone who uses a network needs its plan; its weights stay with the server.
pub const RESOURCE: Resource =
    Resource::new(KIND, "networks", EVERYONE).with_file("plan", role::PLAN, EVERYONE);

/// The addresses of networks.
pub fn routes() -> Routes {
    let created = objects::creation::<CreateNetwork>(KIND, "A network");
    resource::routes(&RESOURCE).post("/v1/networks", create, created)
}

/// `POST`: a network and its plan from uploads.
pub async fn create(
    State(app): State<App>,
    CreateRequest { caller, key, body }: CreateRequest<CreateNetwork>,
) -> Result<Response> {
    let parameters = parameters(&app, &caller.tenant, &body.parameter_set).await?;
    let plan = uploads::complete(&app, &caller, &body.plan).await?;
    let network = uploads::complete(&app, &caller, &body.network).await?;
    let check = move |path: &_, app: &App| {
        let file = networks::plan(path, app.caps())?;
        if file.plan().parameters()? != parameters {
            return Err(Error::unacceptable(
                "the plan has other parameters than the parameter set",
            ));
        }
        let memory = file.plan().classification_bytes()?;
        let advice = "plan a smaller network";
        let part = &app.memory.classifications;
        part.check("a classification by this network", memory, advice)?;
        Ok((file, memory))
    };
    let (file, memory) = checked(&app, &caller, &plan, check).await?;
    let details = NetworkDetails {
        parameter_set: body.parameter_set,
        plan: hex(&file.plan().digest()),
        classes: file.classes().to_vec(),
        queries_per_token: body.queries_per_token,
        memory,
    };
    let check = move |path: &_, app: &App| {
        let network = networks::network(path, app.caps())?;
        Ok(network.check_plan(file.plan())?)
    };
    checked(&app, &caller, &network, check).await?;
    let draft = Draft {
        kind: KIND,
        name: body.name,
        parent: None,
        details,
        files: vec![(network, role::NETWORK), (plan, role::PLAN)],
    };
    objects::make(&app, &caller, &key, draft).await
}

/// The plan of a network that is stored.
pub async fn plan(app: &App, network: &str) -> Result<NetworkPlanFile> {
    let file = rows::file(app.database.pool(), network, role::PLAN).await?;
    let (id, file) = file.ok_or_else(|| Error::not_found("file"))?;
    let app = app.clone();
    let read = move || {
        let local = app.blobs.local(&id, &file);
        let local = local.map_err(|e| Error::internal("fetching a file", e))?;
        networks::plan(&local, app.caps())
    };
    run_blocking(read).await?
}

/// A network, and keys with which it may be used.
pub async fn with_keys(
    app: &App,
    caller: &Caller,
    network: &str,
    key_set: &str,
) -> Result<NetworkDetails> {
    let details: NetworkDetails = objects::details(app, &caller.tenant, KIND, network).await?;
    let keys: KeysDetails = objects::details(app, &caller.tenant, Kind::KeySet, key_set).await?;
    match keys.parameter_set == details.parameter_set {
        true => Ok(details),
        false => Err(Error::unacceptable(format!(
            "{key_set} is for {}, and the network for {}: make keys for the plan of the network",
            keys.parameter_set, details.parameter_set
        ))),
    }
}

/// Counts a classification by a network, unless this token has had as many as it may: scores of many pictures of its
/// choice tell a client about the weights.
pub async fn count_query(
    tx: &mut Tx,
    caller: &Caller,
    network: &str,
    allowed: Option<u32>,
) -> Result<()> {
    let asked: i64 = sqlx::query_scalar(
        "INSERT INTO network_queries (network, token, queries) VALUES ($1, $2, 1) \
         ON CONFLICT (network, token) DO UPDATE SET queries = network_queries.queries + 1 RETURNING queries",
    )
    .bind(network)
    .bind(&caller.token)
    .fetch_one(&mut **tx)
    .await?;
    match allowed {
        Some(allowed) if asked > i64::from(allowed) => Err(Error::conflict(format!(
            "this token has had {allowed} classifications by this network, which is all that its provider allows: ask \
             the provider"
        ))),
        _ => Ok(()),
    }
}
