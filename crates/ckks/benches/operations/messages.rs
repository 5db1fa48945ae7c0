//! From numbers to ciphertexts and back, and keys.

use criterion::Criterion;
use tapetum_ckks::{Decryptor, Encoder, Encryptor, KeyGenerator};

use crate::setting::Setting;

pub fn bench(criterion: &mut Criterion, setting: &Setting) {
    let mut group = criterion.benchmark_group(setting.name);
    let level = setting.parameters.max_level();
    let encoder = Encoder::new(&setting.parameters);
    group.bench_function("encode", |b| {
        b.iter(|| encoder.encode(&setting.values, level))
    });
    group.bench_function("decode", |b| b.iter(|| encoder.decode(&setting.plain)));
    for (name, encryptor) in [
        (
            "encrypt with the secret key",
            Encryptor::with_secret_key(&setting.secret),
        ),
        (
            "encrypt with the public key",
            Encryptor::with_public_key(&setting.public),
        ),
    ] {
        group.bench_function(name, |b| b.iter(|| encryptor.encrypt(&setting.plain)));
    }
    let decryptor = Decryptor::new(&setting.secret);
    group.bench_function("decrypt", |b| {
        b.iter(|| decryptor.decrypt(&setting.pair[0]))
    });
    let mut generator = KeyGenerator::new(&setting.secret).expect("the system gives randomness");
    group.bench_function("relinearization key", |b| {
        b.iter(|| generator.relinearization_key());
    });
    group.finish();
}
