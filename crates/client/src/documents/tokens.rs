//! Tokens and their tenants.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everything that belongs to the tenant.
    Owner,
    /// Adding parts to data sets.
    Contributor,
    /// Classifying.
    Classify,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Contributor, Self::Classify];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Contributor => "contributor",
            Self::Classify => "classify",
        }
    }

    /// The scope of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A token that has just been issued.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = IssuedToken))]
pub struct NewToken {
    /// Its id.
    pub id: String,
    /// The token itself: shown once, not stored.
    pub token: String,
    /// A name for people.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it expires, in milliseconds since 1970; 0 means never.
    pub expires_at: i64,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// A token in a list, without the token itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = Token))]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was issued, in milliseconds since 1970.
    pub created_at: i64,
    /// When it expires; 0 means never.
    pub expires_at: i64,
    /// When it was revoked; 0 if it was not.
    pub revoked_at: i64,
}

/// The storage of a tenant.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Bytes of accepted files and of announced uploads.
    pub used: u64,
    /// The limit, in bytes.
    pub quota: u64,
}

/// The caller, as the server knows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WhoAmI {
    /// The name of the tenant.
    pub tenant: String,
    /// The id of the token.
    pub token: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// The storage of the tenant, for owners only.
    pub storage: Option<Usage>,
    /// The version of the server.
    pub version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_in_what_is_logged() {
        let token = NewToken {
            id: "tok_1".to_owned(),
            token: "tpt_secret".to_owned(),
            name: "a clinic".to_owned(),
            scopes: vec![Scope::Classify],
            expires_at: 0,
        };
        let told = format!("{token:?}");
        assert!(told.contains("tok_1") && !told.contains("secret"), "{told}");
    }
}
