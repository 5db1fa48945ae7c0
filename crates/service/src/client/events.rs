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
    buffer: Vec<u8>,
}

impl Events {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            buffer: Vec::new(),
        }
    }

    /// The next event; none when there will be no more.
    ///
    /// # Errors
    /// [`ClientError`] if the connection breaks or the event makes no sense.
    pub async fn next(&mut self) -> Result<Option<JobView>, ClientError> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let text = String::from_utf8_lossy(&event);
                // What begins with a colon keeps the connection alive.
                if let Some(data) = text.lines().find_map(|line| line.strip_prefix("data:")) {
                    let job = serde_json::from_str(data.trim_start());
                    return job
                        .map(Some)
                        .map_err(|e| ClientError::Answer(e.to_string()));
                }
            }
            if self.buffer.len() > MAX_EVENT {
                return Err(ClientError::Answer("an event has no end".to_owned()));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(ClientError::Connection(error.to_string())),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
