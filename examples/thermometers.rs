//! Who is warmer, without anyone seeing the readings.
//!
//! Two people measure temperatures for a week. A judge makes the keys. Each person encrypts with the judge's
//! public key, which locks and cannot unlock, and gives the result to a server. The server compares, and the
//! judge decrypts what the server answers: on which days who was warmer, and nothing else.
//!
//! (The judge's key opens everything that was encrypted for it, so the readings go to the server, and to the
//! judge goes the answer alone.)
//!
//! ```sh
//! cargo run --release -p tapetum-examples --example thermometers
//! ```

use std::error::Error;

use tapetum::ckks::scheme::{Contributor, EncryptedVector, Owner, Server, Settings};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const ANNE: [f64; 7] = [12.5, 14.0, 9.5, 3.0, -2.0, 1.5, 4.0];
const BERT: [f64; 7] = [11.0, 15.5, 13.0, 2.0, -7.5, 2.5, 3.0];

fn main() -> Result<(), Box<dyn Error>> {
    // All agree on this: seven numbers, none beyond 50 degrees.
    let settings = Settings::new(DAYS.len()).bound(50.0);

    // The judge keeps the secret key and hands out the others.
    let judge = Owner::new(&settings)?;
    let contributor = Contributor::new(&settings, &judge.public_key()?)?;
    let server = Server::new(&settings, judge.evaluation_keys()?)?;

    let answer = compare(
        &server,
        &contributor.encrypt(&ANNE)?,
        &contributor.encrypt(&BERT)?,
    )?;

    for (day, warmer) in DAYS.iter().zip(judge.decrypt(&answer)?) {
        println!("{day}: {}", verdict(warmer));
    }
    let decided = settings.smallest_difference();
    println!("(differences below {decided} degrees may be undecided)");
    Ok(())
}

/// What the server does: it sees ciphertexts only.
fn compare(
    server: &Server,
    anne: &EncryptedVector,
    bert: &EncryptedVector,
) -> Result<EncryptedVector, Box<dyn Error>> {
    let (anne, bert) = (server.load(anne), server.load(bert));
    Ok(anne.greater_than(bert).finish()?)
}

fn verdict(warmer: f64) -> &'static str {
    match warmer {
        w if w > 0.9 => "Anne",
        w if w < 0.1 => "Bert",
        _ => "about the same",
    }
}

#[test]
fn every_day_has_its_verdict() {
    let settings = Settings::new(DAYS.len()).bound(50.0);
    let judge = Owner::new(&settings).unwrap();
    let (contributor, server) = (judge.contributor().unwrap(), judge.server().unwrap());
    let [anne, bert] = [ANNE, BERT].map(|readings| contributor.encrypt(&readings).unwrap());
    let answer = compare(&server, &anne, &bert).unwrap();
    let found = judge.decrypt(&answer).unwrap().into_iter().map(verdict);
    let expected = ANNE
        .iter()
        .zip(BERT)
        .map(|(&anne, bert)| match anne > bert {
            true => "Anne",
            false => "Bert",
        });
    assert!(found.eq(expected));
}
