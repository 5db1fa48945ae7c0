//! `tapetum audit`: whether the log of a server is whole.

use clap::{Args, Subcommand};
use serde_json::json;
use tapetum::remote::block_on;
use tapetum::{Error, Result};
use tapetum_service::Operator;

use crate::console::Console;
use crate::options::{Place, failed};

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

/// Verifies the audit log.
pub fn run(args: &Audit, console: &Console) -> Result<()> {
    let AuditAction::Verify { known, place } = &args.action;
    let known = known.as_deref().map(parse_known).transpose()?;
    block_on(async {
        let operator = Operator::open(place.existing()?).await.map_err(failed)?;
        let found = operator.verify_audit(known).await.map_err(failed)?;
        if let Some((number, why)) = &found.broken {
            let message = format!("the audit log is broken at record {number}: {why}");
            return Err(Error::input(message));
        }
        match console.json {
            true => println!("{}", json!({"records": found.records, "head": found.head})),
            false => println!(
                "Audit log verified: {} records. Store this hash elsewhere:\n\n  {}:{}",
                found.records, found.records, found.head
            ),
        }
        Ok(())
    })?
}

fn parse_known(text: &str) -> Result<(i64, &str)> {
    let parsed = text
        .split_once(':')
        .and_then(|(number, hash)| Some((number.parse().ok()?, hash)));
    parsed.ok_or_else(|| Error::input(format!("{text} is not the NUMBER:HASH of a record")))
}
