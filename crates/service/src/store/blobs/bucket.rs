//! Files in an S3-compatible object store.
//!
//! An object appears as a whole or not at all: small ones are put, large ones are sent in parts and appear when
//! they are complete. What is read is compared with the checksum in the database.

use std::collections::HashSet;
use std::fs::{self, File};
use std::future::Future;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::Path as FilePath;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    RetryConfig, WriteMultipart,
};
use tapetum_client::StoredFile;
use tokio::runtime::Handle;

use super::cache::{Cache, Local};
use crate::store::files::remove;

/// Bytes that are sent in one piece.
const PIECE: u64 = 16 << 20;
/// Most parts of an object, less than S3's 10,000.
const PARTS: u64 = 9_000;
/// Parts that are sent at a time.
const PARTS_AT_A_TIME: usize = 4;
/// Bytes that are fetched at once.
const FETCH: u64 = 16 << 20;
/// How long a request may take, and for how long it is repeated.
const REQUEST: Duration = Duration::from_secs(120);
const RETRY: RetryConfig = RetryConfig {
    backoff: object_store::BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(10),
        base: 2.0,
    },
    max_retries: 6,
    retry_timeout: Duration::from_secs(60),
};

/// A prefix of a bucket.
pub struct Bucket {
    store: AmazonS3,
    prefix: String,
    cache: Cache,
    /// Files are written by threads that wait.
    handle: Handle,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Where a bucket is, as `s3://BUCKET/PREFIX?endpoint=URL&region=NAME` says it.
#[derive(Debug, PartialEq, Eq)]
struct Address<'a> {
    bucket: &'a str,
    prefix: &'a str,
    endpoint: Option<&'a str>,
    region: Option<&'a str>,
}

impl<'a> Address<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let url = url.strip_prefix("s3://")?;
        let (place, options) = url.split_once('?').unwrap_or((url, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix.trim_end_matches('/');
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let is_path = |b: u8| is_name(b) || b == b'/';
        let fits = !bucket.is_empty()
            && bucket.bytes().all(is_name)
            && prefix.bytes().all(is_path)
            && !prefix.contains("//")
            && !prefix.split('/').any(|part| part == "." || part == "..");
        let mut address = Self {
            bucket,
            prefix,
            endpoint: None,
            region: None,
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=')? {
                ("endpoint", endpoint) => address.endpoint = Some(endpoint),
                ("region", region) => address.region = Some(region),
                _ => return None,
            }
        }
        // Passwords do not belong into a command line, which others see.
        let is_plain = |endpoint: &str| {
            let host = endpoint.split_once("://").map(|(_, host)| host);
            host.is_some_and(|host| !host.is_empty() && !host.contains(['@', '?', '#', '%']))
        };
        (fits && address.endpoint.is_none_or(is_plain)).then_some(address)
    }
}

impl Bucket {
    /// The bucket of a URL, with the credentials in the environment. It is asked for nothing yet.
    ///
    /// # Errors
    /// If the URL cannot be understood, or the cache cannot be made.
    pub fn open(url: &str, cache: &FilePath, budget: u64) -> io::Result<Self> {
        let address = Address::parse(url).ok_or_else(|| {
            io::Error::other(
                "write s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME, both options as needed; \
                 credentials are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        })?;
        // The HTTP client asks for the provider of the process. If there is one already, that is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let is_plain = address
            .endpoint
            .is_some_and(|url| url.starts_with("http://"));
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(address.bucket)
            .with_retry(RETRY)
            .with_client_options(
                ClientOptions::new()
                    .with_timeout(REQUEST)
                    .with_allow_http(is_plain),
            );
        if let Some(endpoint) = address.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = address.region {
            builder = builder.with_region(region);
        }
        Ok(Self {
            store: builder.build().map_err(io::Error::other)?,
            prefix: address.prefix.to_owned(),
            cache: Cache::open(cache, budget)?,
            handle: Handle::try_current().map_err(io::Error::other)?,
        })
    }

    fn at(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    fn wait<T>(&self, request: impl Future<Output = Result<T, Error>>) -> io::Result<T> {
        self.handle.block_on(request).map_err(io::Error::from)
    }

    /// Writes a small object unless there is one. Returns the content of the one that was there.
    pub fn put_if_absent(&self, name: &str, content: &str) -> io::Result<Option<Bytes>> {
        self.wait(async {
            match self.create(name, content.to_owned().into()).await {
                Ok(()) => Ok(None),
                Err(Error::AlreadyExists { .. }) => {
                    let found = self.store.get(&self.at(name)).await?;
                    found.bytes().await.map(Some)
                }
                Err(error) => Err(error),
            }
        })
    }

    async fn create(&self, name: &str, content: PutPayload) -> Result<(), Error> {
        let only_if_absent = PutOptions::from(PutMode::Create);
        let at = self.at(name);
        let put = self.store.put_opts(&at, content, only_if_absent);
        put.await.map(drop)
    }

    /// Makes an object of a file.
    pub fn put(&self, path: &FilePath, id: &str) -> io::Result<()> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        if bytes <= PIECE {
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            return match self.wait(async { Ok(self.create(id, content.into()).await) })? {
                // A request that was repeated because its answer was lost: nobody else has this id.
                Err(Error::AlreadyExists { .. }) => Ok(()),
                created => Ok(created?),
            };
        }
        // Ids have 128 random bits, so nothing is replaced, though parts cannot be put if absent.
        let upload = self.wait(self.store.put_multipart(&self.at(id)))?;
        let part = PIECE.max(bytes.div_ceil(PARTS));
        let mut writer = WriteMultipart::new_with_chunk_size(upload, part as usize);
        self.handle.block_on(async {
            let sent = send(&mut writer, &mut file, part).await;
            match sent {
                Ok(()) => Ok(writer.finish().await.map(drop)?),
                Err(error) => {
                    let _ = writer.abort().await;
                    Err(error)
                }
            }
        })
    }

    /// An object as a file, which is compared with its row.
    pub fn fetch(&self, id: &str, row: &StoredFile) -> io::Result<Local> {
        if let Some(found) = self.cache.find(id) {
            return Ok(found);
        }
        let path = self.cache.vacancy()?;
        let mut file = File::create_new(&path)?;
        let bytes = u64::try_from(row.bytes).unwrap_or(0);
        let mut hasher = blake3::Hasher::new();
        let mut at = 0;
        while at < bytes {
            let end = bytes.min(at + FETCH);
            let piece = self.handle.block_on(self.range(id, at..end));
            let written = piece.and_then(|piece| {
                hasher.update(&piece);
                file.write_all(&piece)
            });
            if let Err(error) = written {
                let _ = fs::remove_file(&path);
                return Err(error);
            }
            at = end;
        }
        if hasher.finalize().to_hex().as_str() != row.checksum {
            remove(&path)?;
            let message = format!("{id} is corrupted: its checksum does not match");
            return Err(io::Error::other(message));
        }
        Ok(self.cache.add(id, path, bytes))
    }

    /// Some bytes of an object.
    pub async fn range(&self, id: &str, range: Range<u64>) -> io::Result<Bytes> {
        let length = range.end - range.start;
        let found = self.store.get_range(&self.at(id), range).await?;
        if found.len() as u64 == length {
            Ok(found)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Removes an object. That it is not there is no error.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        self.cache.forget(id);
        match self.handle.block_on(self.store.delete(&self.at(id))) {
            Err(Error::NotFound { .. }) => Ok(()),
            removed => Ok(removed?),
        }
    }

    /// Removes objects that nobody knows, if they are older than `age`. Returns how many.
    pub fn sweep(&self, known: &HashSet<String>, age: Duration) -> io::Result<usize> {
        let oldest = SystemTime::now()
            .checked_sub(age)
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let prefix = Path::from(self.prefix.as_str());
        self.wait(async {
            let mut removed = 0;
            let mut objects = self.store.list(Some(&prefix));
            while let Some(object) = objects.try_next().await? {
                let name = object.location.filename().unwrap_or_default();
                let is_old = SystemTime::from(object.last_modified) <= oldest;
                if name.starts_with("blb_") && is_old && !known.contains(name) {
                    self.store.delete(&object.location).await?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
    }
}

async fn send(writer: &mut WriteMultipart, file: &mut File, part: u64) -> io::Result<()> {
    loop {
        writer.wait_for_capacity(PARTS_AT_A_TIME).await?;
        let mut piece = Vec::new();
        // This thread has nothing else to do.
        file.take(part).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(());
        }
        writer.put(piece.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood_or_refused() {
        let found = Address::parse("s3://bucket/a/b/?endpoint=http://127.0.0.1:5000&region=eu-1");
        let expected = Address {
            bucket: "bucket",
            prefix: "a/b",
            endpoint: Some("http://127.0.0.1:5000"),
            region: Some("eu-1"),
        };
        assert_eq!(found, Some(expected));
        assert_eq!(Address::parse("s3://bucket").unwrap().prefix, "");
        for bad in [
            "",
            "bucket",
            "s3://",
            "s3:///prefix",
            "s3://key:secret@bucket/prefix",
            "s3://bucket/../other",
            "s3://bucket/a//b",
            "s3://bucket?secret=x",
            "s3://bucket?endpoint=https://key:secret@host",
            "s3://bucket?endpoint",
        ] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }
}
