//! Server-sent events about a job.

use http_body_util::BodyExt;

use super::ClientError;
use super::connection::Body;
use crate::JobView;

/// Most bytes of an event.
const MAX_EVENT: usize = 1 << 20;

/// What happens to a job. The last event is that it is finished.
pub struct Events {
    body: Body,
    arrived: Arrived,
}

impl Events {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            arrived: Arrived::default(),
        }
    }

    /// The next event; none when there will be no more.
    ///
    /// # Errors
    /// [`ClientError`] if the connection breaks or the event makes no sense.
    pub async fn next(&mut self) -> Result<Option<JobView>, ClientError> {
        loop {
            if let Some(job) = self.arrived.next()? {
                return Ok(Some(job));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(ClientError::Connection(error.to_string())),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.arrived.push(&data);
                    }
                }
            }
        }
    }
}

/// What has arrived of a stream of events. However it is cut into pieces, no byte is looked at twice.
#[derive(Default)]
pub(crate) struct Arrived {
    bytes: Vec<u8>,
    /// Where the next event begins.
    begin: usize,
    /// How far its end was looked for.
    searched: usize,
}

impl Arrived {
    /// Adds what comes next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.begin);
        self.searched -= self.begin;
        self.begin = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next event, if all of it is there.
    ///
    /// # Errors
    /// [`ClientError::Answer`] if it makes no sense or has no end.
    pub fn next(&mut self) -> Result<Option<JobView>, ClientError> {
        while let Some(at) = self.bytes[self.searched..]
            .windows(2)
            .position(|pair| pair == b"\n\n")
        {
            let end = self.searched + at;
            let event = String::from_utf8_lossy(&self.bytes[self.begin..end]);
            let data = event.lines().find_map(|line| line.strip_prefix("data:"));
            // What begins with a colon keeps the connection alive.
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
        match self.bytes.len() - self.begin > MAX_EVENT {
            true => Err(ClientError::Answer("an event has no end".to_owned())),
            false => Ok(None),
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
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
