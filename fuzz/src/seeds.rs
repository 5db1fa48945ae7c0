//! What fuzzing begins with: the known-answer files, the files that must be refused, and small examples of
//! everything else.

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::{DynamicImage, ImageFormat, RgbImage};
use tapetum::networks::{EncryptedScores, NetworkOwner, NetworkPlanFile};
use tapetum_ckks::wire::{Bundle, FileType, inspect};
use tapetum_ckks::{Ciphertext, Encryptor, SecretKey};
use tapetum_learn::{
    ClassLabels, Contribution, EncryptedLabels, EncryptedMatrix, Features, Labels, Layout,
};

use crate::draft::{Draft, parameters};
pub use crate::onnx_files::onnx_files;
use crate::{checkpoint, copies, nets, sums};

/// Bytes of a payload that a seed keeps; the rest are zeros.
const KEPT: usize = 64;

/// What [`part`](crate::part) is checked against.
pub const RECIPE: &str = r#"{"learner":"linear-means","columns":5,"block_cols":8,"levels":1}"#;

fn repository(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// Files of these types, shortened.
fn known(types: &[FileType]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for folder in ["tests/vectors", "tests/corrupted"] {
        let entries = fs::read_dir(repository(folder)).expect("a folder of the repository");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        paths.sort();
        for path in paths
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "bin"))
        {
            let bytes = fs::read(path).expect("a file of the repository");
            let holds = inspect(bytes.as_slice()).map(|summary| summary.file_type);
            if holds.is_ok_and(|holds| types.contains(&holds)) {
                seeds.extend(Draft::of(&bytes).map(|draft| draft.cut(KEPT)));
            }
        }
    }
    seeds
}

pub fn fronts() -> Vec<Vec<u8>> {
    known(&FileType::ALL)
}

pub fn keys() -> Vec<Vec<u8>> {
    known(&[
        FileType::Parameters,
        FileType::SecretKey,
        FileType::PublicKey,
    ])
}

pub fn evaluation_keys() -> Vec<Vec<u8>> {
    known(&[FileType::EvaluationKeys])
}

pub fn objects() -> Vec<Vec<u8>> {
    use FileType::*;
    known(&[Ciphertext, Plaintext, RelinearizationKey, GaloisKey])
}

/// A matrix of 20 samples of five features, its labels in both forms, and a contributor's name.
static SAMPLES: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    let p = parameters();
    let values: Vec<_> = (0..100).map(|i| f64::from(i % 7) / 8.0).collect();
    let features = Features::new(&values, 5).expect("features");
    let labels = ClassLabels::new((0..20).map(|i| i % 3 == 0).collect()).expect("labels");
    let layout = Layout::new(20, 5, p.slots() / 8, 8).expect("a layout");
    let secret = include_bytes!("../../tests/vectors/secret-key.bin");
    let secret = SecretKey::from_bytes(secret).expect("a known-answer file");
    let encryptor = Encryptor::with_secret_key(&secret);
    let matrix =
        EncryptedMatrix::encrypt(&features, layout, 1, &encryptor, &mut |_| ()).expect("a matrix");
    let encrypted =
        EncryptedLabels::encrypt(&labels, layout, 1, &encryptor, &mut |_| ()).expect("labels");
    let contribution = Contribution::new("anne").expect("a name");
    [
        contribution.to_bundle(p).expect("a bundle"),
        matrix.to_bundle().expect("a bundle"),
        encrypted.to_bundle().expect("a bundle"),
        Labels::Clear(labels).to_bundle(p).expect("a bundle"),
    ]
    .map(|bundle| {
        let draft = Draft::of(&bundle.to_bytes()).expect("a file");
        draft.cut(bundle.metadata().len() + KEPT)
    })
});

pub fn bundles() -> Vec<Vec<u8>> {
    let p = parameters();
    let mut seeds = known(&[FileType::Bundle]);
    seeds.extend(SAMPLES.iter().cloned());
    let ciphertext = include_bytes!("../../tests/vectors/ciphertext.bin");
    let ciphertext = Ciphertext::from_bytes(p, ciphertext).expect("a known-answer file");
    // Rows, columns, rows and columns of a block, classes: numbers from 128 on take two bytes.
    let shape = [20, 5, 0x80, 0x02, 8];
    let many = [20, 5, 0x80, 0x02, 8, 3];
    let two = [20, 5, 0x80, 0x02, 8, 2];
    for (kind, metadata, ciphertexts) in [
        (EncryptedMatrix::KIND, &shape[..], 1),
        ("encrypted-scores", &two, 1),
        ("encrypted-scores", &many, 1),
        ("encrypted-verdicts", &two, 1),
        // Features, columns of a block, classes, whether there is an offset.
        ("linear-model", &[5, 8, 2, 1], 2),
        ("linear-model", &[5, 8, 3, 1], 2),
        // Numbers, a description, one site and its id.
        (
            "pooled-sums",
            &[
                3, 1, b'x', 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
            ],
            1,
        ),
    ] {
        let bundle = Bundle::new(p, kind, metadata, vec![ciphertext.clone(); ciphertexts]);
        let draft = Draft::of(&bundle.expect("a bundle").to_bytes()).expect("a file");
        seeds.push(draft.cut(metadata.len() + KEPT));
    }
    seeds
}

pub fn parts() -> Vec<Vec<u8>> {
    let [name, matrix, encrypted, clear] = &*SAMPLES;
    [
        vec![matrix],
        vec![name, matrix, encrypted],
        vec![matrix, clear],
        vec![matrix, encrypted, name, matrix, encrypted],
        vec![name],
    ]
    .map(|parts| parts.into_iter().flatten().copied().collect())
    .into()
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub fn recipes() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"learner":"linear-means","columns":5,"block_cols":8,"levels":5}"#,
        r#"{"learner":{"ridge":{"steps":2,"largest-eigenvalue":1.1}},"columns":5,"block_cols":8,"levels":8}"#,
        // Least squares in blocks that are too narrow, which was found out too late.
        r#"{"learner":{"ridge":{"steps":2,"largest-eigenvalue":1.1}},"columns":59,"block_cols":8,"levels":8}"#,
        r#"{"learner":{"fisher":{"steps":1,"largest-eigenvalue":1.1}},"columns":5,"block_cols":8,"levels":8}"#,
        r#"{"learner":{"logistic":{"iterations":1,"degree":"three","interval":8.0,"steps":{"listed":[12.0]},"batches":null}},"columns":5,"block_cols":8,"levels":8}"#,
        r#"{"learner":{"logistic":{"iterations":1,"degree":"five","interval":16.0,"steps":{"inverse-time":12.0},"batches":{"rows":128,"weight_bound":64.0}}},"columns":5,"block_cols":8,"levels":8}"#,
        r#"{"learner":{"softmax":{"iterations":1,"degree":"five","interval":16.0,"steps":{"inverse-time":12.0},"batches":{"rows":128,"weight_bound":64.0}}},"columns":5,"classes":3,"block_cols":8,"slot_order":"columns","levels":8}"#,
        r#"{"learner":{"multinomial":{"iterations":1,"interval":16.0,"steps":{"constant":2.0},"batches":{"rows":128,"weight_bound":4.0}}},"columns":5,"classes":3,"block_cols":8,"slot_order":"columns","levels":18}"#,
        r#"{"learner":"linear-means","columns":5,"block_cols":8,"verdicts":{"bound":4.0,"precision_bits":5},"levels":8}"#,
    ])
}

pub fn features() -> Vec<Vec<u8>> {
    texts(&[
        "hog:7+dct:14",
        "pixels:14",
        "hog-blocks:7",
        "table",
        "onnx:models/net.onnx:pool?signed+pixels:2",
        r#"{"mean":[0.5,1.0],"std":[2.0,0.0],"clip":4.0,"scale":0.25}"#,
        r#"{"mean":[0.5,1.0],"std":[2.0,0.5],"whitening":{"shrinkage":0.3,"factor":[1.0,0.5,1.0]}}"#,
        r#"{"mean":[0.5,1.0],"std":[2.0,0.5],"projection":{"shrinkage":0.1,"directions":1,"matrix":[0.5,-0.5]}}"#,
        r#"{"version":1,"spec":"table","side":28,"intercept":true,"class_names":["a","b"],"standardizer":{"mean":[0.0],"std":[1.0]}}"#,
        r#"{"version":1,"spec":"dct:1","side":28,"intercept":false,"class_names":["a","b"],"standardizer":{"mean":[0.0],"std":[1.0]}}"#,
    ])
}

#[cfg(feature = "networks")]
pub fn networks() -> Vec<Vec<u8>> {
    let tflite = include_bytes!("../../crates/vision/tests/support/small.tflite");
    let [small, channels_last] = crate::onnx_files::features();
    vec![small, channels_last, tflite.to_vec()]
}

/// The first byte says what it is.
pub fn network_plans() -> Vec<Vec<u8>> {
    let (plan, parameters) = nets::small();
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let file = NetworkPlanFile::new(plan.clone(), classes).expect("two classes");
    let owner = NetworkOwner::generate(&file).expect("a key");
    let image = owner.encrypt_values(&[0.5; 4]).expect("an image");
    let scores = |count: usize| {
        let ciphertexts = vec![image.ciphertexts()[0].clone(); count];
        let digest = plan.digest();
        let bundle = Bundle::new(parameters, EncryptedScores::KIND, &digest[..], ciphertexts);
        bundle.expect("a bundle").to_bytes()
    };
    let bundles = [
        image.to_bundle().expect("a bundle").to_bytes(),
        scores(1),
        scores(2),
        scores(3),
    ];
    let mut seeds = vec![format!("0{}", file.to_json()).into_bytes()];
    seeds.extend(bundles.iter().map(|bytes| {
        let draft = Draft::of(bytes).expect("a file");
        [&b"1"[..], &draft.cut(plan.digest().len() + KEPT)[..]].concat()
    }));
    seeds
}

pub fn images() -> Vec<Vec<u8>> {
    let pixel = |x: u32, y: u32| image::Rgb([x as u8 * 30, y as u8 * 30, 128]);
    let colour = DynamicImage::from(RgbImage::from_fn(8, 6, pixel));
    let mut seeds = Vec::new();
    for picture in [
        colour.clone(),
        colour.to_luma8().into(),
        colour.to_rgba16().into(),
    ] {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let mut bytes = Cursor::new(Vec::new());
            // Not every format has every kind of pixel.
            if picture.write_to(&mut bytes, format).is_ok() {
                seeds.push(bytes.into_inner());
            }
        }
    }
    seeds
}

fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

fn paired(first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut bytes = (first.len() as u16).to_le_bytes().to_vec();
    bytes.extend(first);
    bytes.extend(second);
    bytes
}

pub fn arrays() -> Vec<Vec<u8>> {
    let images = npy("|u1", "False", "(3, 2, 2)", &[7; 12]);
    let table = npy("<f4", "False", "(3, 2)", &[0; 24]);
    let fortran = npy(">i2", "True", "(3, 2)", &[1; 12]);
    let labels = npy(
        "<i8",
        "False",
        "(3, 1)",
        &[1, 0, 0, 0, 0, 0, 0, 0].repeat(3),
    );
    let mut seeds: Vec<_> = [&images, &table, &fortran]
        .map(|samples| paired(samples, &labels))
        .into();
    for prefix in ["", "train_"] {
        for (samples, method) in [
            (&images, zip::CompressionMethod::Stored),
            (&table, zip::CompressionMethod::Deflated),
        ] {
            let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            for (name, array) in [("images", samples), ("labels", &labels)] {
                let started = archive.start_file(format!("{prefix}{name}.npy"), options);
                started.expect("an archive in memory");
                archive.write_all(array).expect("an archive in memory");
            }
            seeds.push(archive.finish().expect("an archive in memory").into_inner());
        }
    }
    seeds
}

pub fn idx() -> Vec<Vec<u8>> {
    let images = [
        &[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2][..],
        &[9; 12],
    ]
    .concat();
    let labels = [0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 0];
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("writing to memory");
        encoder.finish().expect("writing to memory")
    };
    vec![
        paired(&images, &labels),
        paired(&packed(&images), &packed(&labels)),
    ]
}

pub fn tables() -> Vec<Vec<u8>> {
    texts(&[
        "label,a,b\ncat,1.5,2\ndog,-3e4,0.25\n",
        "1,2,3\n4,5,6\n",
        "\"a, b\" , 1 , 2\r\n\r\n c,3,4\r\n",
    ])
}

pub fn checkpoints() -> Vec<Vec<u8>> {
    checkpoint::seeds(KEPT)
}

pub fn shared_sums() -> Vec<Vec<u8>> {
    sums::seeds(KEPT)
}

/// A server that has only its tenant, and one that was asked for something.
pub fn backups() -> Vec<Vec<u8>> {
    let asked = requests().pop().unwrap_or_default();
    [Vec::new(), asked]
        .map(|input| copies::of_server(&input))
        .into()
}

/// A certificate for `localhost` and its key, made for this and used nowhere.
const CERTIFICATE: &str = concat!(
    "MIIBVTCCAQegAwIBAgIUNcFhRPT7+80QZgsN1It2pSaXYwcwBQYDK2VwMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDAgFw0yNjExMjMw",
    "MjIzMDhaGA8yMTI2MTAzMDAyMjMwOFowFDESMBAGA1UEAwwJbG9jYWxob3N0MCowBQYDK2VwAyEAeo9HIAgfcr7LdDOd4ll4EbVc",
    "smNa5SJZmUM9DU5aH/yjaTBnMB0GA1UdDgQWBBQpQI/EXWzjoiCuaZjZtHTwOv9HtjAfBgNVHSMEGDAWgBQpQI/EXWzjoiCuaZjZ",
    "tHTwOv9HtjAPBgNVHRMBAf8EBTADAQH/MBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAFBgMrZXADQQDVc9PAlhzKzyFTBP5AlJhtOy5n",
    "6kT3XyX3CDxKDUAeED4gjYk3pN2yx/SxKdix3GL5ESEReU1XcVfOR7siDMMJ",
);
const KEY: &str = "MC4CAQAwBQYDK2VwBCIEIJM0pQIFvjfSvDoN6/QiRJ3rXkkoBrl1vZXx3UO13zmv";

fn pem(label: &str, der: &str) -> String {
    format!("-----BEGIN {label}-----\n{der}\n-----END {label}-----\n")
}

/// The first byte says what it is.
pub fn settings() -> Vec<Vec<u8>> {
    let certificate = pem("CERTIFICATE", CERTIFICATE);
    let key = pem("PRIVATE KEY", KEY);
    let mut seeds = texts(&[
        "0https://127.0.0.1:8750",
        "0https://[::1]",
        "0https://tapetum.example.org/",
        "1sha256:0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789ABCDEF",
        "2tpt_0000000000000000000000000000000000000000000000000000000000000000\n",
        &format!("3{certificate}"),
    ]);
    let mut pair = vec![b'4'];
    pair.extend(paired(certificate.as_bytes(), key.as_bytes()));
    seeds.push(pair);
    seeds
}

/// The first byte says what it is.
pub fn command_files() -> Vec<Vec<u8>> {
    let parameters =
        r#"{"log_n":12,"q_bits":[36,33],"p_bits":[37],"log_scale":33,"secret":"UniformTernary"}"#;
    let larger = r#"{"log_n":14,"q_bits":[48,40,40,40,40,40,40],"p_bits":[49],"log_scale":40,"secret":"UniformTernary"}"#;
    let plan = |learner: &str, levels: usize, parameters: &str| {
        format!(
            r#"0{{"version":1,"learner":{learner},"features":"table","side":28,"columns":5,"block_cols":8,"levels":{levels},"parameters":{parameters}}}"#
        )
    };
    let mut seeds = texts(&[
        &plan("\"classify-only\"", 1, parameters),
        &plan("\"linear-means\"", 6, larger),
        &plan(
            r#"{"ridge":{"steps":1,"largest-eigenvalue":1.1}}"#,
            6,
            larger,
        ),
        r#"1{"version":1,"classes":["a","b"],"features":2,"weights":[[0.5,-1]],"offsets":[0]}"#,
        r#"1{"version":1,"classes":["a","b","c"],"features":1,"weights":[[1],[2],[3]],"offsets":[0,1e-3,2]}"#,
        "2sample,source,label,contributor,classes\n0,a.png,cat,anne,\"[\"\"dog\"\",\"\"cat\"\"]\"\n1,b.png,,anne,\n",
    ]);
    for mut part in parts() {
        part.insert(0, b'3');
        seeds.push(part);
    }
    seeds
}

pub fn requests() -> Vec<Vec<u8>> {
    let bytes = parameters().to_bytes();
    let sum = blake3::hash(&bytes).to_hex();
    let encoded = BASE64.encode(sum.as_bytes());
    let mut settled = format!(
        "POST /v1/uploads\ntus-resumable: 1.0.0\nupload-length: {}\nupload-metadata: filename eA==, blake3 {encoded}\ncontent-type: application/offset+octet-stream\n\n",
        bytes.len()
    )
    .into_bytes();
    settled.extend(&bytes);
    settled.extend(
        format!(
            "\n---\nPOST /v1/parameter-sets\ncontent-type: application/json\nidempotency-key: once\n\n{{\"name\":\"p\",\"upload\":\"{{upl}}\"}}\
             \n---\nPOST /v1/data-sets\ncontent-type: application/json\n\n{{\"parameter_set\":\"{{par}}\",\"recipe\":{RECIPE}}}\
             \n---\nPOST /v1/data-sets/{{dat}}/parts\ncontent-type: application/json\n\n{{\"upload\":\"{{upl}}\"}}\
             \n---\nPOST /v1/training-jobs\ncontent-type: application/json\n\n{{\"data_set\":\"{{dat}}\",\"key_set\":\"{{key}}\",\"without\":[\"a\"],\"until\":1}}\
             \n---\nPOST /v1/models\ncontent-type: application/json\n\n{{\"key_set\":\"{{key}}\",\"upload\":\"{{upl}}\"}}\
             \n---\nPOST /v1/networks\ncontent-type: application/json\n\n{{\"parameter_set\":\"{{par}}\",\"network\":\"{{upl}}\",\"plan\":\"{{upl}}\",\"queries_per_token\":3}}\
             \n---\nGET /v1/data-sets?limit=2&after={{dat}}\n\
             \n---\nDELETE /v1/data-sets/{{dat}}"
        )
        .bytes(),
    );
    let mut seeds = texts(&[
        "POST /v1/uploads\ntus-resumable: 1.0.0\nupload-length: 3\nupload-metadata: blake3 eA==\n---\nGET /v1/whoami",
        &format!(
            "POST /v1/uploads\ntus-resumable: 1.0.0\nupload-length: 3\nupload-metadata: blake3 {encoded}\
             \n---\nHEAD /v1/uploads/{{upl}}\ntus-resumable: 1.0.0\
             \n---\nPATCH /v1/uploads/{{upl}}\ntus-resumable: 1.0.0\nupload-offset: 0\ncontent-type: application/offset+octet-stream\n\nab\
             \n---\nDELETE /v1/uploads/{{upl}}\ntus-resumable: 1.0.0"
        ),
        "OPTIONS /v1/uploads\n---\nGET /openapi.json\n---\nGET /health/ready",
        "GET /v1/models?limit=2&after=mod_00000000000000000000000000000000\n---\nGET /v1/key-sets?limit=-1",
        "POST /v1/tokens\ncontent-type: application/json; charset=utf-8\n\n{\"scopes\":[\"contributor\",\"classify\"],\"name\":\"n\",\"expires_in\":60}\n---\nGET /v1/tokens\n---\nDELETE /v1/tokens/{tok}",
        "GET /v1/whoami\nauthorization: Bearer tpt_00\n---\nGET /v1/whoami\nauthorization: Basic eA==",
        "POST /v1/training-jobs\ncontent-type: application/json\n\n{\"data_set\":\"dat_00000000000000000000000000000000\",\"key_set\":\"key_00000000000000000000000000000000\"}",
        "GET /v1/training-jobs/trn_00000000000000000000000000000000?wait=0.001\n---\nPOST /v1/classifications/cls_00000000000000000000000000000000/cancel",
        "POST /v1/classifications\ncontent-type: application/json\n\n{\"model\":\"mod_00000000000000000000000000000000\",\"upload\":\"{upl}\"}",
        "POST /v1/key-sets\ncontent-type: application/json\n\n{\"parameter_set\":\"{par}\",\"evaluation_keys\":\"{upl}\",\"public_key\":\"{upl}\"}",
    ]);
    seeds.push(settled);
    seeds
}

pub fn answers() -> Vec<Vec<u8>> {
    let job = r#"{"id":"trn_00","name":"","token":"tok_00","state":"running","progress":{"done":1,"total":2,"what":"adding up"},"attempts":1,"request":{},"created_at":1,"started_at":2,"finished_at":0}"#;
    texts(&[
        job,
        &format!(": alive\n\nevent: job\ndata: {job}\n\ndata:{job}\n\n"),
        r#"{"type":"urn:tapetum:problem:not-found","title":"not found","status":404,"detail":"there is no such model"}"#,
        r#"{"id":"dat_00","name":"n","created_at":1,"token":"tok_00","details":{"a":[1]},"files":[{"role":"part","bytes":3,"checksum":"00"}]}"#,
        r#"{"items":[{"id":"dat_00","name":"n","created_at":1,"token":"tok_00","details":null}]}"#,
        r#"{"id":"dat_00","deleted_at":5,"files":[],"audit_seq":3,"audit_hash":"00"}"#,
        r#"{"id":"tok_00","token":"tpt_00","name":"","scopes":["owner"],"expires_at":0}"#,
    ])
}
