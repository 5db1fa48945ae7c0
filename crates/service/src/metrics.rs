//! Numbers for operators, in the text format of Prometheus.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sqlx::Row;

use crate::error::Result;
use crate::state::App;

/// Upper ends of the intervals of times, in seconds.
const BUCKETS: [f64; 8] = [0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0];

/// How a worker was done with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// With a result.
    Succeeded,
    /// With a problem.
    Failed,
    /// Because nobody wanted it any longer.
    Cancelled,
    /// Because the worker ended, or lost it.
    GivenBack,
}

impl JobEnd {
    const NAMES: [&'static str; 4] = ["succeeded", "failed", "cancelled", "given-back"];
}

/// Counts of a process since it began.
#[derive(Debug, Default)]
pub struct Metrics {
    /// By the first digit of the status.
    requests: [AtomicU64; 6],
    request_seconds: Histogram,
    received_bytes: AtomicU64,
    /// Of classifications and of trainings.
    jobs: [[AtomicU64; 4]; 2],
    job_seconds: [Histogram; 2],
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [AtomicU64; BUCKETS.len() + 1],
    microseconds: AtomicU64,
}

impl Histogram {
    fn add(&self, seconds: f64) {
        let bucket = BUCKETS.iter().position(|&end| seconds <= end);
        self.counts[bucket.unwrap_or(BUCKETS.len())].fetch_add(1, Ordering::Relaxed);
        self.microseconds
            .fetch_add((seconds * 1e6) as u64, Ordering::Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let mut below = 0;
        let comma = if labels.is_empty() { "" } else { "," };
        for (i, count) in self.counts.iter().enumerate() {
            below += count.load(Ordering::Relaxed);
            let end = BUCKETS.get(i).map_or("+Inf".to_owned(), f64::to_string);
            let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{end}\"}} {below}");
        }
        let seconds = self.microseconds.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(
            out,
            "{name}_sum{{{labels}}} {seconds}\n{name}_count{{{labels}}} {below}"
        );
    }
}

impl Metrics {
    /// A request was answered.
    pub fn request(&self, status: u16, seconds: f64) {
        let class = usize::from(status / 100).min(5);
        self.requests[class].fetch_add(1, Ordering::Relaxed);
        self.request_seconds.add(seconds);
    }

    /// Bytes of an upload have arrived.
    pub fn received(&self, bytes: usize) {
        self.received_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A worker is done with a job.
    pub fn job(&self, is_training: bool, end: JobEnd, seconds: f64) {
        let kind = usize::from(is_training);
        self.jobs[kind][end as usize].fetch_add(1, Ordering::Relaxed);
        self.job_seconds[kind].add(seconds);
    }

    fn write(&self, out: &mut String) {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        head(
            out,
            "tapetum_requests_total",
            "counter",
            "Requests that were answered.",
        );
        for class in 1..6 {
            let count = load(&self.requests[class]);
            let _ = writeln!(
                out,
                "tapetum_requests_total{{status=\"{class}xx\"}} {count}"
            );
        }
        head(
            out,
            "tapetum_request_seconds",
            "histogram",
            "Time to the head of the answer.",
        );
        self.request_seconds
            .write(out, "tapetum_request_seconds", "");
        head(
            out,
            "tapetum_received_bytes_total",
            "counter",
            "Bytes of uploads.",
        );
        let _ = writeln!(
            out,
            "tapetum_received_bytes_total {}",
            load(&self.received_bytes)
        );
        head(
            out,
            "tapetum_jobs_total",
            "counter",
            "Jobs that workers of this process were done with.",
        );
        let kinds = ["classification", "training"];
        for (kind, ends) in kinds.iter().zip(&self.jobs) {
            for (end, count) in JobEnd::NAMES.iter().zip(ends) {
                let count = load(count);
                let _ = writeln!(
                    out,
                    "tapetum_jobs_total{{kind=\"{kind}\",end=\"{end}\"}} {count}"
                );
            }
        }
        head(
            out,
            "tapetum_job_seconds",
            "histogram",
            "Time that a worker was at a job.",
        );
        for (kind, histogram) in kinds.iter().zip(&self.job_seconds) {
            histogram.write(out, "tapetum_job_seconds", &format!("kind=\"{kind}\""));
        }
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// `/metrics`, for a listener of its own.
pub fn router(app: App) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(app)
}

async fn scrape(State(app): State<App>) -> Result<Response> {
    let mut out = String::new();
    app.metrics.write(&mut out);
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'queued') AS queued, \
         (SELECT COUNT(*) FROM jobs WHERE state = 'running') AS running, \
         (SELECT COUNT(*) FROM uploads) AS uploads, (SELECT COUNT(*) FROM tenants) AS tenants, \
         (SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM blobs) AS bytes",
    )
    .fetch_one(app.database.pool())
    .await?;
    for (column, name, help) in [
        ("queued", "tapetum_jobs_queued", "Jobs that wait."),
        ("running", "tapetum_jobs_running", "Jobs that run."),
        (
            "uploads",
            "tapetum_uploads",
            "Uploads that are not used yet.",
        ),
        ("tenants", "tapetum_tenants", "Tenants."),
        ("bytes", "tapetum_stored_bytes", "Bytes of accepted files."),
    ] {
        head(&mut out, name, "gauge", help);
        let _ = writeln!(out, "{name} {}", row.try_get::<i64, _>(column)?);
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], out).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_up_to_each_bucket() {
        let metrics = Metrics::default();
        metrics.request(200, 0.003);
        metrics.request(404, 0.3);
        metrics.job(true, JobEnd::Succeeded, 1000.0);
        let mut out = String::new();
        metrics.write(&mut out);
        for line in [
            "tapetum_requests_total{status=\"2xx\"} 1",
            "tapetum_requests_total{status=\"4xx\"} 1",
            "tapetum_request_seconds_bucket{le=\"0.005\"} 1",
            "tapetum_request_seconds_bucket{le=\"0.1\"} 1",
            "tapetum_request_seconds_bucket{le=\"0.5\"} 2",
            "tapetum_request_seconds_sum{} 0.303",
            "tapetum_jobs_total{kind=\"training\",end=\"succeeded\"} 1",
            "tapetum_job_seconds_bucket{kind=\"training\",le=\"600\"} 0",
            "tapetum_job_seconds_bucket{kind=\"training\",le=\"+Inf\"} 1",
        ] {
            assert!(out.lines().any(|l| l == line), "{line}\n{out}");
        }
    }
}
