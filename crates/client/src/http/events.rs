//! Server-sent events about a job.
//!
//! Parsed by hand: `eventsource-stream` (last released in 2022) sets no limit to an event and looks at an unfinished
//! line again with every chunk, so that a server could use up the memory or time of its clients.

use reqwest::Response;

use super::connection::broken;
use super::error::{ClientError, Result};
use crate::documents::JobView;

/// Most bytes of an event.
const MAX_EVENT: usize = 1 << 20;

/// Events of a job. The last one says how it ended.
#[derive(Debug)]
pub struct Events {
    response: Response,
    arrived: Arrived,
}

impl Events {
    pub(super) fn new(response: Response) -> Self {
        Self {
            response,
            arrived: Arrived::default(),
        }
    }

    /// The next event; `None` after the last.
    ///
    /// # Errors
    /// [`ClientError`] if the connection breaks or the event cannot be parsed.
    pub async fn next(&mut self) -> Result<Option<JobView>> {
        loop {
            if let Some(job) = self.arrived.next()? {
                return Ok(Some(job));
            }
            match self.response.chunk().await.map_err(broken)? {
                Some(chunk) => self.arrived.push(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// The part of a stream of events that has arrived. However it is cut into pieces, no byte is looked at twice.
#[derive(Debug, Default)]
struct Arrived {
    bytes: Vec<u8>,
    /// Where the next event begins.
    begin: usize,
    /// Up to where its end was looked for.
    searched: usize,
}

impl Arrived {
    /// Adds what comes next.
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.begin);
        self.searched -= self.begin;
        self.begin = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next event, if all of it has arrived.
    fn next(&mut self) -> Result<Option<JobView>> {
        while let Some(at) = self.bytes[self.searched..]
            .windows(2)
            .position(|pair| pair == b"\n\n")
        {
            let end = self.searched + at;
            let event = String::from_utf8_lossy(&self.bytes[self.begin..end]);
            let data = event.lines().find_map(|line| line.strip_prefix("data:"));
            // Lines that begin with a colon keep the connection alive.
            let job = data.map(|data| serde_json::from_str(data.trim_start()));
            (self.begin, self.searched) = (end + 2, end + 2);
            if let Some(job) = job {
                return job
                    .map(Some)
                    .map_err(|e| ClientError::Answer(e.to_string()));
            }
        }
        // The last byte may be the first of an end.
        self.searched = self.begin.max(self.bytes.len().saturating_sub(1));
        if self.bytes.len() - self.begin > MAX_EVENT {
            return Err(ClientError::Answer("an event exceeds 1 MiB".to_owned()));
        }
        Ok(None)
    }
}

/// The jobs in a stream of events that comes in pieces of this size, and whether all of it can be parsed.
#[cfg(feature = "fuzzing")]
pub fn events(stream: &[u8], piece: usize) -> (Vec<JobView>, bool) {
    let (mut arrived, mut jobs) = (Arrived::default(), Vec::new());
    for piece in stream.chunks(piece.max(1)) {
        arrived.push(piece);
        loop {
            match arrived.next() {
                Ok(Some(job)) => jobs.push(job),
                Ok(None) => break,
                Err(_) => return (jobs, false),
            }
        }
    }
    (jobs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(id: &str) -> String {
        let job = json!({
            "id": id, "name": "", "token": "tok_00", "state": "running",
            "progress": {"done": 1, "total": 2, "what": ""}, "attempts": 1, "request": {},
            "created_at": 1, "started_at": 1, "finished_at": 0,
        });
        format!("event: job\ndata: {job}\n\n")
    }

    #[test]
    fn it_does_not_matter_how_a_stream_is_cut() {
        let stream = format!(": alive\n\n{}\n\n{}:", event("trn_1"), event("trn_2"));
        for size in 1..stream.len() {
            let mut arrived = Arrived::default();
            let mut ids = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                arrived.push(piece);
                while let Some(job) = arrived.next().unwrap() {
                    ids.push(job.id);
                }
            }
            assert_eq!(ids, ["trn_1", "trn_2"], "{size}");
        }
    }

    #[test]
    fn nonsense_and_an_event_without_an_end_are_refused() {
        let mut arrived = Arrived::default();
        arrived.push(b"data: {}\n\n");
        assert!(matches!(arrived.next(), Err(ClientError::Answer(_))));
        // In pieces so small that to look at all of it each time would take hours.
        let mut arrived = Arrived::default();
        for _ in 0..MAX_EVENT {
            arrived.push(b"x");
            assert!(arrived.next().unwrap().is_none());
        }
        arrived.push(b"x");
        assert!(arrived.next().is_err());
    }
}
