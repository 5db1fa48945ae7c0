//! What operators do on the machine of the server.

use anyhow::Result;
use serde_json::json;
use tapetum_service::{Manifest, Operator};

use super::args::{AuditAction, TenantAction};
use super::serve::{config_of, existing};
use super::{Audit, Backup, Restore, Tenant, block_on};
use crate::failure::Failure;

/// Makes and lists tenants.
pub fn tenant(args: &Tenant, json: bool) -> Result<()> {
    match &args.action {
        TenantAction::Add { name, quota, place } => block_on(async {
            let operator = Operator::open(existing(place)?).await?;
            let token = operator.add_tenant(name, *quota).await?;
            match json {
                true => println!("{}", json!({"tenant": name, "token": token.token})),
                false => println!(
                    "The token of {name}, which is not kept here:\n\n  {}",
                    token.token
                ),
            }
            Ok(())
        })?,
        TenantAction::List { place } => block_on(async {
            let tenants = Operator::open(existing(place)?).await?.tenants().await?;
            match json {
                true => println!("{}", json!({"tenants": tenants})),
                false => tenants.iter().for_each(|name| println!("{name}")),
            }
            Ok(())
        })?,
    }
}

/// Verifies the audit log.
pub fn audit(args: &Audit, json: bool) -> Result<()> {
    let AuditAction::Verify { known, place } = &args.action;
    let known = known.as_deref().map(parse_known).transpose()?;
    block_on(async {
        let operator = Operator::open(existing(place)?).await?;
        let found = operator.verify_audit(known).await?;
        if let Some((number, why)) = &found.broken {
            let message = format!("the audit log is broken at record {number}: {why}");
            return Err(Failure::Input(message).into());
        }
        match json {
            true => println!("{}", json!({"records": found.records, "head": found.head})),
            false => println!(
                "{} records follow from each other. Keep the newest elsewhere:\n\n  {}:{}",
                found.records, found.records, found.head
            ),
        }
        Ok(())
    })?
}

/// Copies a server.
pub fn backup(args: &Backup, json: bool) -> Result<()> {
    let made = block_on(async {
        let operator = Operator::open(existing(&args.place)?).await?;
        Ok(operator.backup(&args.folder).await?)
    })?;
    tell(made, "copied", json)
}

/// Makes a server of a copy.
pub fn restore(args: &Restore, json: bool) -> Result<()> {
    let config = config_of(&args.place)?;
    let made = block_on(async { Ok(Operator::restore(config, &args.folder).await?) })?;
    tell(made, "restored", json)
}

fn tell(made: Result<Manifest>, done: &str, json: bool) -> Result<()> {
    let made = made?;
    match json {
        true => println!("{}", json!({"manifest": made})),
        false => println!(
            "{} files of {} bytes {done}, and the audit log up to\n\n  {}:{}",
            made.files, made.bytes, made.audit_seq, made.audit_hash
        ),
    }
    Ok(())
}

fn parse_known(text: &str) -> Result<(i64, &str)> {
    let parsed = text
        .split_once(':')
        .and_then(|(number, hash)| Some((number.parse().ok()?, hash)));
    parsed.ok_or_else(|| Failure::Input(format!("{text} is no NUMBER:HASH of a record")).into())
}
