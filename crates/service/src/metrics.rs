//! Metrics for operators. Each service counts for itself, so that servers in one process do not mix theirs.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use tapetum_ckks::idle_buffer_bytes;

use crate::connections::Counts;
use crate::memory::Memory;

/// Upper ends of the intervals of times, in seconds.
const BUCKETS: [f64; 8] = [0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0];
const REQUESTS: &str = "tapetum_requests_total";
const REQUEST_SECONDS: &str = "tapetum_request_seconds";
const RECEIVED_BYTES: &str = "tapetum_received_bytes_total";
const CONNECTIONS_CLOSED: &str = "tapetum_connections_closed_total";
const MEMORY: &str = "tapetum_memory_bytes";
const MEMORY_TAKEN: &str = "tapetum_memory_set_aside_bytes";
const JOBS: &str = "tapetum_jobs_total";
const JOB_SECONDS: &str = "tapetum_job_seconds";
const STATUSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const JOB_KINDS: [&str; 2] = ["classification", "training"];
/// What is looked up when it is asked for: columns of a row, names and what they mean.
pub const GAUGES: [(&str, &str, &str); 12] = [
    ("queued", "tapetum_jobs_queued", "Jobs that wait."),
    ("running", "tapetum_jobs_running", "Jobs that run."),
    (
        "uploads",
        "tapetum_uploads",
        "Uploads that are not used yet.",
    ),
    ("tenants", "tapetum_tenants", "Tenants."),
    ("bytes", "tapetum_stored_bytes", "Bytes of accepted files."),
    (
        "announced",
        "tapetum_announced_bytes",
        "Bytes that unused uploads were announced with.",
    ),
    (
        "waiting",
        "tapetum_tenants_waiting",
        "Tenants with a training that waits.",
    ),
    ("", "tapetum_key_sets", "Key sets in memory."),
    (
        "",
        "tapetum_key_bytes",
        "Bytes of expanded evaluation keys.",
    ),
    (
        "",
        "tapetum_idle_buffer_bytes",
        "Bytes of buffers that are kept for reuse.",
    ),
    ("", "tapetum_connections", "Open connections."),
    (
        "",
        "tapetum_connections_authenticated",
        "Connections whose last request had a valid token.",
    ),
];

/// How a worker was done with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// With a result.
    Succeeded,
    /// With an error.
    Failed,
    /// On request.
    Cancelled,
    /// Because the worker ended, or lost it.
    GivenBack,
}

impl JobEnd {
    const ALL: [Self; 4] = [
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::GivenBack,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::GivenBack => "given-back",
        }
    }
}

/// Counts since the process began, if anybody can ask for them.
pub struct Metrics(Option<PrometheusRecorder>);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Metrics").field(&self.0.is_some()).finish()
    }
}

impl Metrics {
    /// Counts if `enabled`: otherwise what is observed would only pile up.
    pub fn new(enabled: bool) -> Self {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
        let metrics = Self(
            builder
                .ok()
                .filter(|_| enabled)
                .map(PrometheusBuilder::build_recorder),
        );
        metrics.with(|| {
            describe_counter!(REQUESTS, "Requests that were answered.");
            describe_histogram!(REQUEST_SECONDS, "Time to the head of the answer.");
            describe_counter!(RECEIVED_BYTES, "Bytes of uploads.");
            describe_counter!(CONNECTIONS_CLOSED, "Connections that the server closed.");
            describe_gauge!(MEMORY, "Memory for jobs of a kind.");
            describe_gauge!(MEMORY_TAKEN, "Memory that is set aside for running jobs.");
            describe_counter!(JOBS, "Jobs that workers of this process were done with.");
            describe_histogram!(JOB_SECONDS, "Time that a worker was at a job.");
            for (_, name, about) in GAUGES {
                describe_gauge!(name, about);
            }
            // What has not happened yet is zero, not absent.
            counter!(RECEIVED_BYTES).absolute(0);
            for status in STATUSES {
                counter!(REQUESTS, "status" => status).absolute(0);
            }
            for (kind, end) in JOB_KINDS
                .iter()
                .flat_map(|kind| JobEnd::ALL.map(|end| (*kind, end)))
            {
                counter!(JOBS, "kind" => kind, "end" => end.name()).absolute(0);
            }
        });
        metrics
    }

    fn with(&self, observe: impl FnOnce()) {
        if let Some(recorder) = &self.0 {
            metrics::with_local_recorder(recorder, observe);
        }
    }

    /// A request was answered.
    pub fn request(&self, status: u16, seconds: f64) {
        let class = STATUSES[usize::from(status / 100).clamp(1, 5) - 1];
        self.with(|| {
            counter!(REQUESTS, "status" => class).increment(1);
            histogram!(REQUEST_SECONDS).record(seconds);
        });
    }

    /// Bytes of an upload have arrived.
    pub fn received(&self, bytes: usize) {
        self.with(|| counter!(RECEIVED_BYTES).increment(bytes as u64));
    }

    /// A worker is done with a job.
    pub fn job(&self, is_training: bool, end: JobEnd, seconds: f64) {
        let kind = JOB_KINDS[usize::from(is_training)];
        self.with(|| {
            counter!(JOBS, "kind" => kind, "end" => end.name()).increment(1);
            histogram!(JOB_SECONDS, "kind" => kind).record(seconds);
        });
    }

    /// One of [`GAUGES`].
    pub fn gauge(&self, name: &'static str, value: i64) {
        self.with(|| gauge!(name).set(value as f64));
    }

    /// The memory of this process, and what of it is in use.
    pub fn memory(&self, memory: &Memory, (key_sets, key_bytes): (usize, u64)) {
        self.gauge("tapetum_key_sets", key_sets as i64);
        self.gauge("tapetum_key_bytes", key_bytes as i64);
        self.gauge("tapetum_idle_buffer_bytes", idle_buffer_bytes() as i64);
        self.with(|| {
            for (kind, bytes, taken) in memory.parts() {
                gauge!(MEMORY, "kind" => kind).set(bytes as f64);
                gauge!(MEMORY_TAKEN, "kind" => kind).set(taken as f64);
            }
        });
    }

    /// Connections, and those that the server has closed.
    pub fn connections(&self, counts: Counts) {
        self.gauge("tapetum_connections", counts.open as i64);
        self.gauge(
            "tapetum_connections_authenticated",
            counts.authenticated as i64,
        );
        let closed = [
            ("silent", counts.silent),
            ("slow", counts.slow),
            ("gave-way", counts.gave_way),
            ("refused", counts.refused),
        ];
        self.with(|| {
            for (reason, count) in closed {
                counter!(CONNECTIONS_CLOSED, "reason" => reason).absolute(count);
            }
        });
    }

    /// Makes room for what is still to be observed, now and then.
    pub fn upkeep(&self) {
        if let Some(recorder) = &self.0 {
            recorder.handle().run_upkeep();
        }
    }

    /// All of them, in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.0
            .as_ref()
            .map_or_else(String::new, |recorder| recorder.handle().render())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_up_to_each_bucket() {
        let metrics = Metrics::new(true);
        metrics.request(200, 0.003);
        metrics.request(404, 0.3);
        metrics.job(true, JobEnd::Succeeded, 1000.0);
        let out = metrics.render();
        for line in [
            "tapetum_requests_total{status=\"2xx\"} 1",
            "tapetum_requests_total{status=\"4xx\"} 1",
            "tapetum_requests_total{status=\"5xx\"} 0",
            "tapetum_request_seconds_bucket{le=\"0.005\"} 1",
            "tapetum_request_seconds_bucket{le=\"0.1\"} 1",
            "tapetum_request_seconds_bucket{le=\"0.5\"} 2",
            "tapetum_request_seconds_sum 0.303",
            "tapetum_jobs_total{kind=\"training\",end=\"succeeded\"} 1",
            "tapetum_job_seconds_bucket{kind=\"training\",le=\"600\"} 0",
            "tapetum_job_seconds_bucket{kind=\"training\",le=\"+Inf\"} 1",
        ] {
            assert!(out.lines().any(|l| l == line), "{line}\n{out}");
        }
    }
}
