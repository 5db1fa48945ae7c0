//! `tapetum tenant`: who may use a server.

use clap::{Args, Subcommand};
use serde_json::json;
use tapetum::Result;
use tapetum::remote::block_on;
use tapetum_service::Operator;

use crate::console::Console;
use crate::options::{Place, failed};

/// Arguments of `tenant`.
#[derive(Debug, Args)]
pub struct Tenant {
    #[command(subcommand)]
    pub action: TenantAction,
}

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub enum TenantAction {
    /// Add a tenant, and print its first token.
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

/// Makes and lists tenants.
pub fn run(args: &Tenant, console: &Console) -> Result<()> {
    match &args.action {
        TenantAction::Add { name, quota, place } => block_on(async {
            let operator = Operator::open(place.existing()?).await.map_err(failed)?;
            let token = operator.add_tenant(name, *quota).await.map_err(failed)?;
            match console.json {
                true => println!("{}", json!({"tenant": name, "token": token.token})),
                false => println!(
                    "The token of {name}, shown once, not stored:\n\n  {}",
                    token.token
                ),
            }
            Ok(())
        })?,
        TenantAction::List { place } => block_on(async {
            let tenants = Operator::open(place.existing()?)
                .await
                .map_err(failed)?
                .tenants()
                .await
                .map_err(failed)?;
            match console.json {
                true => println!("{}", json!({"tenants": tenants})),
                false => tenants.iter().for_each(|name| println!("{name}")),
            }
            Ok(())
        })?,
    }
}
