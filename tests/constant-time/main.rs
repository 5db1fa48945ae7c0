//! What handles secrets, to be run under valgrind: `.ci/constant-time`.
//!
//! Built with the feature `constant-time`, all generators of secrets start from bytes that valgrind
//! takes for undefined, and so is everything that is drawn from them: keys, errors, what is decrypted.
//! With `leak` as its argument the program branches on a secret, so that the script sees that it
//! would be told.

use tapetum_ckks::*;
use tapetum_ring::memcheck;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("kernel {}", tapetum_ring::Kernel::selected().name());
    let parameters = Parameters::preset(Preset::N12);
    let encoder = Encoder::new(&parameters);
    let message = encoder.encode(&[0.5, -0.25], 1)?;

    let mut rng = SecretRng::from_os()?;
    let samples = [
        rng.ternary(4096),
        rng.gaussian(4096),
        rng.wide_gaussian(4096, 20),
        rng.sparse_ternary(4096, EPHEMERAL_WEIGHT),
    ];
    if std::env::args().nth(1).as_deref() == Some("leak") && samples[1][0] > 0 {
        println!("the first error is positive");
    }

    let secret = SecretKey::generate(&parameters)?;
    let mut generator = KeyGenerator::new(&secret)?;
    let public = generator.public_key()?;
    let plan = KeyPlan::new(&parameters)
        .relinearization()
        .rotations([1])
        .conjugation();
    generator.evaluation_keys(&plan)?;
    // Reading looks for damage; what it reads here was written by this program.
    let mut written = secret.to_bytes();
    memcheck::reveal(&mut written);
    // Parameters, the id of the key set, two bits a coefficient.
    assert_eq!(written.len(), 1136);

    let decryptor = Decryptor::new(&secret);
    for encryptor in [
        Encryptor::with_secret_key(&secret),
        Encryptor::with_public_key(&public),
    ] {
        let ciphertext = encryptor.encrypt(&message)?;
        decryptor.decrypt(&ciphertext)?;
        let flooding = NoiseFlooding {
            error: 1.0,
            bits: 4,
            decryptions: 2,
        };
        decryptor.decrypt_flooded(&ciphertext, flooding)?;
    }
    println!("done");
    Ok(())
}
