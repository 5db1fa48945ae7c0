//! All roles on the embedded images, with a server in between.

use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;
use tapetum_service::client::JobKind;
use tapetum_vision::embedded;

use super::args::RemoteDemo;
use super::connect;
use super::roles::{finish, recipe, send};
use crate::args::{DEFAULT_FEATURES, Kind, LabelsAre};
use crate::data::Samples;
use crate::encrypt::encrypt;
use crate::plan::Plan;
use crate::progress::Steps;
use crate::roles::sender::Sender;
use crate::roles::{EVALUATION_KEYS, PUBLIC_KEY};
use crate::twin::{Twin, truths};
use crate::{decrypt, files, keygen};

/// What is to be told apart from the rest.
const POSITIVE: &str = "cat";
/// Pixels along each side of an image.
const SIDE: usize = 28;
/// The part of the images that is held out, as in the demo without a server.
const HELD_OUT: (usize, usize) = (448, 1984);

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
    let images = args.images as usize;
    let test = images * HELD_OUT.0 / HELD_OUT.1;
    let (animals, _) = embedded::animal_shapes()?.without_repeats();
    let split = animals
        .one_vs_rest(POSITIVE, true, args.seed)?
        .split_counts(images - test, test, args.seed)?;

    // The owner makes keys, and sends those that are not secret.
    let kind = Kind {
        learner: args.learner,
        classes: 2,
        features: None,
        side: SIDE,
        steps: None,
        batch: None,
        iterations: None,
    };
    let plan = Plan::for_kind(&kind, DEFAULT_FEATURES, None, split.train.len())?;
    let (owner_dir, contributor_dir) = (dir.join("owner"), dir.join("contributor"));
    let outbox = dir.join("outbox");
    keygen::make(
        &plan,
        &owner_dir,
        Some(&contributor_dir),
        Some(&outbox),
        steps,
    )?;
    let mut sent = 0;
    let parameters = plan.parameters()?;
    let upload = client.upload_bytes(parameters.to_bytes()).await?;
    let parameter_set = client.create_parameter_set("demo", &upload).await?.id;
    let evaluation_keys = send(&client, &outbox.join(EVALUATION_KEYS), steps, &mut sent).await?;
    let public_key = send(&client, &owner_dir.join(PUBLIC_KEY), steps, &mut sent).await?;
    let key_set = client
        .create_key_set("demo", &parameter_set, &evaluation_keys, Some(&public_key))
        .await?
        .id;

    // The owner's images, with encrypted labels.
    let owner = Sender::owner(&owner_dir)?;
    let (train_file, test_file) = (outbox.join("train.enc"), outbox.join("test.enc"));
    let samples = Samples::Labelled(split.train.clone());
    encrypt(
        &owner,
        &samples,
        LabelsAre::Encrypted,
        false,
        &train_file,
        steps,
    )?;
    let data_set = client
        .create_data_set("demo", &parameter_set, &recipe(&plan)?)
        .await?
        .id;
    let upload = send(&client, &train_file, steps, &mut sent).await?;
    client.append(&data_set, "owner", &upload).await?;
    let job = client.train("demo", &data_set, &key_set).await?;
    let step = steps.begin(&format!(
        "the server trains on {} encrypted images",
        split.train.len()
    ));
    let trained = finish(&client, JobKind::Training, &job.id, &step).await?;
    step.finish();
    let model = trained
        .result
        .context("a training that has succeeded has a model")?;

    // A contributor's images, without labels.
    let pipeline = owner.pipeline()?.context("the pipeline was just fitted")?;
    let contributor = Sender::contributor(&contributor_dir)?;
    contributor.write_pipeline(&pipeline)?.commit()?;
    let samples = Samples::Labelled(split.test.clone());
    encrypt(
        &contributor,
        &samples,
        LabelsAre::Withheld,
        false,
        &test_file,
        steps,
    )?;
    let upload = send(&client, &test_file, steps, &mut sent).await?;
    let job = client.classify("demo", &model, &upload).await?;
    let step = steps.begin(&format!("the server classifies {test} encrypted images"));
    finish(&client, JobKind::Classification, &job.id, &step).await?;
    step.finish();
    let scores_file = owner_dir.join("scores.enc");
    client.scores(&job.id, &scores_file).await?;

    // The owner decrypts, and compares with the same in the clear.
    let scores = decrypt::answer(&owner_dir, &scores_file)?.scores()?;
    let step = steps.begin("the same in the clear, to compare");
    let twin = Twin::run(&plan, &pipeline, &split.train, &split.test)?;
    twin.ranges.check()?;
    step.finish();
    let truth = truths(&split.test);
    let share = |holds: &dyn Fn(usize) -> bool| {
        (0..truth.len()).filter(|&i| holds(i)).count() as f64 / truth.len() as f64
    };
    let differences = scores.iter().zip(&twin.scores).map(|(a, b)| (a - b).abs());
    let outcome = Outcome {
        accuracy_encrypted: share(&|i| (scores[i] > 0.0) == truth[i]),
        accuracy_clear: share(&|i| (twin.scores[i] > 0.0) == truth[i]),
        agreement: share(&|i| (scores[i] > 0.0) == (twin.scores[i] > 0.0)),
        largest_score_difference: differences.fold(0.0, f64::max),
        train_images: split.train.len(),
        test_images: split.test.len(),
        sent_bytes: sent,
        seconds: started.elapsed().as_secs_f64(),
        model: model.clone(),
    };
    if !args.keep {
        client.delete("classifications", &job.id).await?;
        for (collection, id) in [
            ("models", &model),
            ("data-sets", &data_set),
            ("key-sets", &key_set),
            ("parameter-sets", &parameter_set),
        ] {
            client.delete(collection, id).await?;
        }
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
         Right verdicts: {:.2} % by the encrypted model, {:.2} % by the same in the clear.\n\
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
