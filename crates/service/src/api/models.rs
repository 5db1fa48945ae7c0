//! Encrypted models that jobs have trained.

use tapetum_client::Scope;

use super::resource::{Download, OWNER, Resource};
use crate::id::Kind;
use crate::store::rows::role;

/// The model itself is opened by the owner's secret key only, so nobody else needs it.
pub const RESOURCE: Resource = Resource {
    kind: Kind::Model,
    path: "models",
    readers: &[Scope::Classify],
    file: Some(Download {
        path: "content",
        role: role::MODEL,
        readers: OWNER,
    }),
};
