//! The service's side of the network, and the client's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use http::{HeaderName, HeaderValue, Request, Uri};
use tapetum_client::{JobView, List, NewToken, Object, Problem, Receipt, events};
use tapetum_service::fuzzing::Place;

use crate::draft::folder;

/// Most requests of an input.
const MAX_REQUESTS: usize = 8;
/// After so many inputs the service begins anew, so that it stays small.
const INPUTS_OF_A_PLACE: usize = 200;

/// Requests as text, separated by lines of three hyphens: method and address, headers, an empty line, body.
/// The token is added unless there is one. `{upl}` and the like stand for the last id of that kind.
pub fn request(data: &[u8]) -> bool {
    thread_local! {
        static SESSION: RefCell<Session> = RefCell::new(Session::new());
    }
    SESSION.with_borrow_mut(|session| {
        if session.inputs == INPUTS_OF_A_PLACE {
            *session = Session::new();
        }
        session.inputs += 1;
        let mut accepted = false;
        for text in split(data).into_iter().take(MAX_REQUESTS) {
            accepted |= session.send(text);
        }
        accepted
    })
}

/// Copies a server to a new folder, after these requests.
pub(crate) fn copied(requests: &[u8], copy: &Path) {
    let mut session = Session::new();
    for text in split(requests) {
        session.send(text);
    }
    session.place.backup(copy).expect("a copy of the server");
}

struct Session {
    place: Place,
    _folder: tempfile::TempDir,
    ids: BTreeMap<String, String>,
    inputs: usize,
}

impl Session {
    fn new() -> Self {
        let folder = folder();
        Self {
            place: Place::new(folder.path()).expect("a service in an empty folder"),
            _folder: folder,
            ids: BTreeMap::new(),
            inputs: 0,
        }
    }

    /// Whether there was a request, and it was served.
    fn send(&mut self, text: &[u8]) -> bool {
        let Some(request) = self.parse(text) else {
            return false;
        };
        let Some(response) = self.place.send(request) else {
            return true;
        };
        let (head, body) = response.into_parts();
        let status = head.status.as_u16();
        assert!(status < 500, "{status}: {}", String::from_utf8_lossy(&body));
        if status >= 400 && !body.is_empty() {
            let problem: Problem = serde_json::from_slice(&body).expect("a problem");
            assert_eq!(problem.status, status);
        }
        let location = head.headers.get("location");
        let id = location.and_then(|location| location.to_str().ok()?.rsplit('/').next());
        if let Some((kind, _)) = id.and_then(|id| id.split_once('_')) {
            self.ids
                .insert(kind.to_owned(), id.unwrap_or_default().to_owned());
        }
        status < 400
    }

    fn parse(&self, text: &[u8]) -> Option<Request<Vec<u8>>> {
        let end = text.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = text.split_at(end.unwrap_or(text.len()));
        let head = self.with_ids(head);
        let body = self.with_ids(body.get(2..).unwrap_or_default());
        let mut lines = head.split(|&byte| byte == b'\n');
        let mut first = lines.next()?.split(|&byte| byte == b' ');
        let mut request = Request::new(body);
        *request.method_mut() = first.next()?.try_into().ok()?;
        *request.uri_mut() = Uri::try_from(first.next()?).ok()?;
        for line in lines {
            let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':')?);
            let name = HeaderName::from_bytes(name).ok()?;
            let value = HeaderValue::from_bytes(value[1..].trim_ascii()).ok()?;
            request.headers_mut().append(name, value);
        }
        if !request.headers().contains_key("authorization") {
            let token = format!("Bearer {}", self.place.token()).try_into().ok()?;
            request.headers_mut().insert("authorization", token);
        }
        Some(request)
    }

    fn with_ids(&self, text: &[u8]) -> Vec<u8> {
        let mut text = text.to_vec();
        for (kind, id) in &self.ids {
            let name = format!("{{{kind}}}").into_bytes();
            while let Some(at) = text.windows(name.len()).position(|window| window == name) {
                text.splice(at..at + name.len(), id.bytes());
            }
        }
        text
    }
}

fn split(data: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut rest) = (Vec::new(), data);
    while let Some(at) = rest.windows(5).position(|window| window == b"\n---\n") {
        parts.push(&rest[..at]);
        rest = &rest[at + 5..];
    }
    parts.push(rest);
    parts
}

/// Documents that a server sends to its client, and streams of events.
pub fn answer(data: &[u8]) -> bool {
    fn again<T: serde::Serialize + serde::de::DeserializeOwned>(data: &[u8]) -> bool {
        let Ok(found) = serde_json::from_slice::<T>(data) else {
            return false;
        };
        let text = serde_json::to_vec(&found).expect("it can be written");
        serde_json::from_slice::<T>(&text).expect("and read again");
        true
    }
    let told = |(jobs, sensible): (Vec<JobView>, bool)| {
        (
            serde_json::to_value(jobs).expect("it can be written"),
            sensible,
        )
    };
    let at_once = told(events(data, data.len()));
    for piece in [1, 7] {
        assert_eq!(told(events(data, piece)), at_once);
    }
    let heard = at_once.0.get(0).is_some();
    if let Ok(problem) = serde_json::from_slice::<Problem>(data) {
        let _ = problem.to_string();
    }
    again::<Problem>(data)
        | again::<JobView>(data)
        | again::<Object>(data)
        | again::<List<Object>>(data)
        | again::<List<JobView>>(data)
        | again::<Receipt>(data)
        | again::<NewToken>(data)
        | heard
}
