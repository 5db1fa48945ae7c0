//! The addresses that all kinds of stored objects have in common.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tapetum_client::{Object, Receipt, Scope};

use super::json::{Path, Query, ok};
use super::objects::{self, Page};
use super::openapi::{Op, Routes};
use crate::api::auth::Caller;
use crate::error::Result;
use crate::id::Kind;
use crate::state::App;

/// Every scope: what a tenant's data belong to is for all who work with them.
pub const EVERYONE: &[Scope] = &Scope::ALL;
/// What only the owner may do.
pub const OWNER: &[Scope] = &[Scope::Owner];

/// A kind of object, and who may do what with it. The owner deletes, and who has made it, where others than the owner may.
#[derive(Debug)]
pub struct Resource {
    /// The kind.
    pub kind: Kind,
    /// Its address below `/v1/`.
    pub path: &'static str,
    /// Who may list and read it.
    pub readers: &'static [Scope],
    /// Who may delete it, but for the owner only what they have made.
    pub deleters: &'static [Scope],
    /// Its file, if it is to be had.
    pub file: Option<Download>,
}

/// A file of an object.
#[derive(Debug)]
pub struct Download {
    /// The last part of its address.
    pub path: &'static str,
    /// Its role.
    pub role: &'static str,
    /// Who may have it.
    pub readers: &'static [Scope],
}

impl Resource {
    /// A kind of object without a file.
    pub const fn new(kind: Kind, path: &'static str, readers: &'static [Scope]) -> Self {
        Self {
            kind,
            path,
            readers,
            deleters: OWNER,
            file: None,
        }
    }

    /// That these may delete, but for the owner only what they have made.
    pub const fn deleted_by(mut self, deleters: &'static [Scope]) -> Self {
        self.deleters = deleters;
        self
    }

    /// With a file that these may have.
    pub const fn with_file(
        mut self,
        path: &'static str,
        role: &'static str,
        readers: &'static [Scope],
    ) -> Self {
        self.file = Some(Download {
            path,
            role,
            readers,
        });
        self
    }
}

/// `GET` of all and of one, `DELETE` of one, and `GET` of its file.
pub fn routes(of: &'static Resource) -> Routes {
    let all = format!("/v1/{}", of.path);
    let one = format!("{all}/{{id}}");
    let list = move |State(app): State<App>, caller: Caller, Query(page): Query<Page>| async move {
        caller.need(of.readers)?;
        objects::list(&app, &caller, of.kind, "", None, &page).await
    };
    let read = move |State(app): State<App>, caller: Caller, Path(id): Path<String>| async move {
        caller.need(of.readers)?;
        ok(&objects::find(&app, &caller, of.kind, &id).await?)
    };
    let delete = move |State(app): State<App>, caller: Caller, Path(id): Path<String>| async move {
        caller.need(of.deleters)?;
        objects::delete(&app, &caller, of.kind, &id).await
    };
    let op = |verb: &str, summary: &str| {
        let summary = format!("{summary} {}", of.kind.name());
        Op::of(of.kind, verb, &summary)
    };
    let ok = StatusCode::OK;
    let listed = op("list", "Every").scopes(of.readers).pages();
    let found = op("read", "One").scopes(of.readers).id("id", of.kind);
    let deleted = op("delete", "Delete a")
        .scopes(of.deleters)
        .id("id", of.kind);
    let routes = Routes::default()
        .get(&all, list, listed.lists::<Object>())
        .get(&one, read, found.answers::<Object>(ok, &[]))
        .delete(
            &one,
            delete,
            deleted.answers::<Receipt>(ok, &[]).problems(&[409]),
        );
    let Some(file) = &of.file else {
        return routes;
    };
    let send =
        move |state, caller, path, headers| download(of.kind, file, state, caller, path, headers);
    let sent = op("download", "The file of a").scopes(file.readers);
    routes.get(
        &format!("{one}/{}", file.path),
        send,
        sent.id("id", of.kind).file(),
    )
}

async fn download(
    kind: Kind,
    file: &Download,
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.need(file.readers)?;
    objects::find(&app, &caller, kind, &id).await?;
    objects::send(&app, &id, file.role, &headers).await
}
