//! The browser's page: a few files, built in or read from a folder when the server starts.
//!
//! The headers keep the page to its word. It loads nothing from anywhere else and talks to nobody but its own server, and
//! the worker that holds the secret key may not talk to anybody at all: a worker obeys the policy that comes with its own
//! script. Nor may it load a script, since the address of one can carry a secret: the policy would compare its path and
//! not its query.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::config::PageSource;
use crate::error::Error;
use crate::error::StartError;

/// The files that were built in: names and contents. None, unless `build.rs` was given a folder.
const BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));
/// What is shown first, and what a folder must have to be a page.
const INDEX: &str = "index.html";
/// Where it is.
const ADDRESS: &str = "/page/";
/// Files of a page.
const MAX_FILES: usize = 64;
/// Bytes of a file of a page.
const MAX_BYTES: u64 = 32 << 20;

/// Documents.
const DOCUMENT_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types tapetum";
/// Scripts, which obey it when they are workers: no connection to anywhere, and no further script from anywhere.
const WORKER_POLICY: &str = "default-src 'none'; script-src 'wasm-unsafe-eval'";

/// All files, by their names.
#[derive(Debug)]
pub struct Page(BTreeMap<String, PageFile>);

#[derive(Debug)]
struct PageFile {
    media_type: &'static str,
    content: Bytes,
    /// A hash of the content, in quotes.
    tag: String,
}

impl PageFile {
    fn new(media_type: &'static str, content: Bytes) -> Self {
        let tag = format!("\"{}\"", blake3::hash(&content).to_hex());
        Self {
            media_type,
            content,
            tag,
        }
    }
}

/// The types of files that a page is made of; others in its folder are left alone.
fn media_type(name: &str) -> Option<&'static str> {
    let (stem, extension) = name.rsplit_once('.')?;
    if stem.is_empty() {
        return None;
    }
    Some(match extension {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        _ => return None,
    })
}

impl Page {
    /// The page of a server, if it has one.
    ///
    /// # Errors
    /// [`StartError::Page`] if a folder was named that is no page.
    pub fn open(source: &PageSource) -> Result<Option<Self>, StartError> {
        match source {
            PageSource::BuiltIn => Ok(Self::built_in()),
            PageSource::Folder(dir) => Self::read(dir).map(Some),
            PageSource::Nowhere => Ok(None),
        }
    }

    fn built_in() -> Option<Self> {
        let file = |&(name, content): &(&'static str, &'static [u8])| {
            let file = PageFile::new(media_type(name)?, Bytes::from_static(content));
            Some((name.to_owned(), file))
        };
        let files: BTreeMap<_, _> = BUILT_IN.iter().filter_map(file).collect();
        (!files.is_empty()).then_some(Self(files))
    }

    /// Reads the files of a folder, not those of folders in it.
    fn read(dir: &FilePath) -> Result<Self, StartError> {
        let refused = |reason: String| StartError::Page(dir.to_owned(), reason);
        let unreadable = |e: std::io::Error| refused(e.to_string());
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let Some(media_type) = media_type(&name) else {
                continue;
            };
            let metadata = entry.metadata().map_err(unreadable)?;
            // Links are not followed.
            if !metadata.is_file() {
                continue;
            }
            if metadata.len() > MAX_BYTES || files.len() == MAX_FILES {
                let most = format!("it has more than {MAX_FILES} files, or one of over 32 MiB");
                return Err(refused(most));
            }
            let content = Bytes::from(fs::read(entry.path()).map_err(unreadable)?);
            files.insert(name, PageFile::new(media_type, content));
        }
        if files.contains_key(INDEX) {
            Ok(Self(files))
        } else {
            Err(refused(format!("it has no {INDEX}")))
        }
    }

    /// Its addresses.
    pub fn routes<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let page = Arc::new(self);
        let index = page.clone();
        Router::new()
            .route("/", get(async || Redirect::temporary(ADDRESS)))
            .route(
                ADDRESS,
                get(async move |headers: HeaderMap| index.answer(INDEX, &headers)),
            )
            .route(
                "/page/{file}",
                get(async move |Path(name): Path<String>, headers: HeaderMap| {
                    page.answer(&name, &headers)
                }),
            )
    }

    fn answer(&self, name: &str, request: &HeaderMap) -> Response {
        let Some(file) = self.0.get(name) else {
            return Error::not_found("page").into_response();
        };
        let is_known = request
            .get(header::IF_NONE_MATCH)
            .is_some_and(|tag| tag.as_bytes() == file.tag.as_bytes());
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            file.content.clone().into_response()
        };
        let policy = match file.media_type {
            "text/html; charset=utf-8" => DOCUMENT_POLICY,
            _ => WORKER_POLICY,
        };
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, file.media_type),
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::REFERRER_POLICY, "no-referrer"),
            (CROSS_ORIGIN_OPENER, "same-origin"),
            (CROSS_ORIGIN_EMBEDDER, "require-corp"),
            (CROSS_ORIGIN_RESOURCE, "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Ok(tag) = HeaderValue::from_str(&file.tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}

const CROSS_ORIGIN_OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_EMBEDDER: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");
const CROSS_ORIGIN_RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_was_built_in_is_whole() {
        let page = Page::open(&PageSource::BuiltIn).unwrap();
        assert_eq!(
            page.is_some(),
            option_env!("TAPETUM_PAGE").is_some_and(|dir| !dir.is_empty())
        );
        if let Some(Page(files)) = page {
            for name in [INDEX, "worker.js", "tapetum_bg.wasm"] {
                assert!(files.contains_key(name), "{name}");
            }
        }
        assert!(Page::open(&PageSource::Nowhere).unwrap().is_none());
    }

    #[test]
    fn only_files_of_a_page_are_served_and_each_with_its_policy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        assert!(matches!(Page::read(path), Err(StartError::Page(..))));
        fs::write(path.join(INDEX), "<!doctype html>").unwrap();
        fs::write(path.join("worker.js"), "1").unwrap();
        fs::write(path.join("secret.key"), "never").unwrap();
        fs::write(path.join(".js"), "hidden").unwrap();
        fs::create_dir(path.join("folder.js")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(path.join("secret.key"), path.join("link.js")).unwrap();
        let page = Page::read(path).unwrap();
        assert_eq!(page.0.keys().collect::<Vec<_>>(), [INDEX, "worker.js"]);

        let none = HeaderMap::new();
        let policy = |name: &str| {
            let response = page.answer(name, &none);
            assert_eq!(response.status(), StatusCode::OK);
            let policy = &response.headers()[header::CONTENT_SECURITY_POLICY];
            policy.to_str().unwrap().to_owned()
        };
        assert!(policy(INDEX).contains("connect-src 'self'"));
        // What is not named falls back to the default, which is nothing.
        let worker = policy("worker.js");
        assert_eq!(worker, "default-src 'none'; script-src 'wasm-unsafe-eval'");
        for name in ["secret.key", "../page/index.html", "link.js", ""] {
            assert_eq!(page.answer(name, &none).status(), StatusCode::NOT_FOUND);
        }

        let tag = page.answer(INDEX, &none).headers()[header::ETAG].clone();
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)]);
        assert_eq!(
            page.answer(INDEX, &known).status(),
            StatusCode::NOT_MODIFIED
        );
        assert_eq!(page.answer("worker.js", &known).status(), StatusCode::OK);
    }
}
