//! A copy of a server, from which another is made.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use tapetum_service::audit::Record;
use tapetum_service::fuzzing as service;

use crate::draft::folder;
use crate::request;

/// Before the name of each file of a copy.
const MARK: &[u8] = b"--- ";
/// Most files of a copy.
const MAX_FILES: usize = 32;

/// The files of a copy by their names.
type Files = BTreeMap<String, Vec<u8>>;

/// A copy as text: each file after a line with three hyphens and its name, with a newline at its end. It is read as it is, and with checksums
/// and the chain of the audit log put right.
pub fn backup(data: &[u8]) -> bool {
    let mut files = files(data);
    let as_sent = restored(&files);
    fit(&mut files);
    restored(&files) || as_sent
}

/// A copy of a server after these requests, as text.
pub fn of_server(requests: &[u8]) -> Vec<u8> {
    let folder = folder();
    let copy = folder.path().join("copy");
    request::copied(requests, &copy);
    let mut text = Vec::new();
    for name in ["", "tables", "blobs"] {
        let entries = fs::read_dir(copy.join(name)).expect("a folder of the copy");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.is_file()) {
            let name = path.strip_prefix(&copy).expect("a file of the copy");
            let content = fs::read(path).expect("a file of the copy");
            let name = name.as_os_str().as_encoded_bytes();
            text.extend([MARK, name, b"\n", &content, b"\n"].concat());
        }
    }
    text
}

fn files(data: &[u8]) -> Files {
    let mut files = Files::new();
    let mut current = None;
    for line in data.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_prefix(MARK) {
            Some(name) => {
                let name = String::from_utf8_lossy(name).trim_end().to_owned();
                current = (is_name(&name) && files.len() < MAX_FILES).then_some(name);
            }
            None => {
                let content = current.clone().map(|name| files.entry(name).or_default());
                content.into_iter().for_each(|content| content.extend(line));
            }
        }
    }
    // The mark that follows stands at the beginning of a line.
    for content in files.values_mut() {
        content.pop_if(|byte| *byte == b'\n');
    }
    files
}

/// A file of the copy, or in a folder of it.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._".contains(&byte);
        (1..64).contains(&part.len()) && !part.starts_with('.') && part.bytes().all(known)
    };
    match name.split_once('/') {
        Some((folder, file)) => ["blobs", "tables", "tls"].contains(&folder) && is_part(file),
        None => name.starts_with("manifest.") && is_part(name),
    }
}

/// Whether a server can be made of these files.
fn restored(files: &Files) -> bool {
    let folder = folder();
    let copy = folder.path().join("copy");
    for name in ["blobs", "tables", "tls"] {
        let is_wanted = name != "tls" || files.keys().any(|file| file.starts_with("tls/"));
        if is_wanted {
            fs::create_dir_all(copy.join(name)).expect("a temporary folder");
        }
    }
    for (name, content) in files {
        fs::write(copy.join(name), content).expect("a temporary file");
    }
    service::restore(
        &copy,
        &folder.path().join("server"),
        &folder.path().join("again"),
    )
}

/// Puts right what otherwise hardly any input would get past.
fn fit(files: &mut Files) {
    let (mut seq, mut hash) = (0, String::new());
    rewrite(files, "tables/audit.jsonl", |row| {
        let Ok(mut record) = serde_json::from_value::<Record>(row.clone()) else {
            return;
        };
        record.seq = seq + 1;
        record.hash = service::chained(&record, &hash);
        (seq, hash) = (record.seq, record.hash.clone());
        *row = json!(record);
    });
    rewrite(files, "tables/audit_head.jsonl", |row| {
        (row["seq"], row["hash"]) = (seq.into(), hash.clone().into());
    });
    let blobs = files.clone();
    rewrite(files, "tables/blobs.jsonl", |row| {
        let id = row["id"].as_str().unwrap_or_default();
        if let Some(content) = blobs.get(&format!("blobs/{id}")) {
            row["bytes"] = content.len().into();
            row["checksum"] = sum(content);
        }
    });
    let tables = files.clone();
    rewrite(files, "manifest.json", |manifest| {
        manifest["audit_seq"] = seq.into();
        manifest["audit_hash"] = hash.clone().into();
        for table in manifest["tables"].as_array_mut().into_iter().flatten() {
            let name = table["name"].as_str().unwrap_or_default();
            if let Some(content) = tables.get(&format!("tables/{name}.jsonl"))
                && table.is_object()
            {
                table["checksum"] = sum(content);
            }
        }
    });
    if let Some(content) = files.get("manifest.json") {
        let checksum = blake3::hash(content).to_hex();
        files.insert("manifest.blake3".to_owned(), checksum.as_bytes().to_vec());
    }
}

fn sum(content: &[u8]) -> Value {
    blake3::hash(content).to_hex().as_str().into()
}

/// Changes each line of a file that is a JSON object.
fn rewrite(files: &mut Files, name: &str, mut change: impl FnMut(&mut Value)) {
    let Some(content) = files.get_mut(name) else {
        return;
    };
    let mut out = Vec::new();
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        match serde_json::from_slice::<Value>(line) {
            Ok(mut row) if row.is_object() => {
                change(&mut row);
                out.extend(format!("{row}\n").bytes());
            }
            _ => out.extend(line),
        }
    }
    *content = out;
}
