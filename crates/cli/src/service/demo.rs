//! All roles on the embedded images, with a server in between.

use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;
use tapetum_client::JobKind;

use super::args::RemoteDemo;
use super::connect;
use super::rehearsal::{Rehearsal, Script};
use super::roles::{finish, send};
use crate::args::LabelsAre;
use crate::data::Samples;
use crate::encrypt::encrypt;
use crate::progress::Steps;
use crate::reference::{Reference, truths};
use crate::{decrypt, files};

/// What `remote demo --json` prints.
#[derive(Debug, Serialize)]
struct Outcome {
    accuracy_encrypted: f64,
    accuracy_clear: f64,
    agreement: f64,
    largest_score_difference: f64,
    train_images: usize,
    test_images: usize,
    sent_bytes: u64,
    seconds: f64,
    model: String,
}

/// Runs it.
pub async fn run(args: &RemoteDemo, steps: Steps, json: bool) -> Result<()> {
    let started = Instant::now();
    let client = connect(&args.connection)?;
    // Before minutes of work.
    client.whoami().await?;
    let temporary;
    let dir = match &args.dir {
        Some(dir) => {
            files::create_dir(dir)?;
            dir.as_path()
        }
        None => {
            temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
            temporary.path()
        }
    };
    let script = Script {
        learner: args.learner,
        images: args.images as usize,
        seed: args.seed,
    };
    let rehearsal = Rehearsal::run(&client, dir, &script, steps).await?;
    let (plan, split) = (&rehearsal.plan, &rehearsal.split);
    let (owner_dir, model) = (&rehearsal.owner_dir, &rehearsal.model);
    let (mut sent, test) = (rehearsal.sent, split.test.len());

    // A contributor's images, without labels.
    let test_file = rehearsal.outbox.join("test.enc");
    let samples = Samples::Labelled(split.test.clone());
    encrypt(
        &rehearsal.contributor,
        &samples,
        LabelsAre::Withheld,
        false,
        &test_file,
        steps,
    )?;
    let upload = send(&client, &test_file, steps, &mut sent).await?;
    let job = client.classify("demo", model, &upload).await?;
    let step = steps.begin(&format!("the server classifies {test} encrypted images"));
    finish(&client, JobKind::Classification, &job.id, &step).await?;
    step.finish();
    let scores_file = owner_dir.join("scores.enc");
    client.scores(&job.id, &scores_file).await?;

    // The owner decrypts, and compares with the same in the clear.
    let scores = decrypt::answer(owner_dir, &scores_file)?.scores()?;
    let step = steps.begin("the same in the clear, to compare");
    let reference = Reference::run(plan, &rehearsal.pipeline, &split.train, &split.test)?;
    reference.ranges.check()?;
    step.finish();
    let truth = truths(&split.test);
    let share = |holds: &dyn Fn(usize) -> bool| {
        (0..truth.len()).filter(|&i| holds(i)).count() as f64 / truth.len() as f64
    };
    let differences = scores
        .iter()
        .zip(&reference.scores)
        .map(|(a, b)| (a - b).abs());
    let outcome = Outcome {
        accuracy_encrypted: share(&|i| (scores[i] > 0.0) == truth[i]),
        accuracy_clear: share(&|i| (reference.scores[i] > 0.0) == truth[i]),
        agreement: share(&|i| (scores[i] > 0.0) == (reference.scores[i] > 0.0)),
        largest_score_difference: differences.fold(0.0, f64::max),
        train_images: split.train.len(),
        test_images: split.test.len(),
        sent_bytes: sent,
        seconds: started.elapsed().as_secs_f64(),
        model: model.clone(),
    };
    if !args.keep {
        client.delete("classifications", &job.id).await?;
        rehearsal.clear_away(&client).await?;
    }
    print(&outcome, json)
}

fn print(outcome: &Outcome, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(outcome)?);
        return Ok(());
    }
    println!(
        "\nThe server trained on {} images and classified {} others, and saw none of them.\n\
         Right predictions: {:.2} % by the encrypted model, {:.2} % by the same in the clear.\n\
         They agree on {:.2} %; scores differ by {:.1e} at most.\n\
         {:.1} MB were sent; {:.1} s in all.",
        outcome.train_images,
        outcome.test_images,
        100.0 * outcome.accuracy_encrypted,
        100.0 * outcome.accuracy_clear,
        100.0 * outcome.agreement,
        outcome.largest_score_difference,
        outcome.sent_bytes as f64 / 1e6,
        outcome.seconds,
    );
    Ok(())
}
