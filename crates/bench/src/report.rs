//! What every report says: on which machine, by which kernels, and how much memory it took.

use std::fmt::{self, Display};
use std::fs;
use std::thread::available_parallelism;

use serde::{Deserialize, Serialize};
use tapetum::Result;
use tapetum_ckks::kernel::Kernel;

/// What was measured, on which machine and by which kernels.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report<T> {
    /// Where.
    pub machine: String,
    /// The kernels that ran.
    pub kernel: String,
    /// What was measured.
    #[serde(flatten)]
    pub found: T,
}

/// One row for each thing that was measured.
#[derive(Debug, Serialize)]
pub struct Rows<R> {
    /// In order.
    pub rows: Vec<R>,
}

impl<T> Report<T> {
    /// Measures, if there is a kernel to measure.
    pub fn measure(measure: impl FnOnce() -> Result<T>) -> Result<Self> {
        let kernel = Kernel::from_environment()?;
        Ok(Self {
            found: measure()?,
            machine: machine(),
            kernel: kernel.name().to_owned(),
        })
    }
}

impl<T: Display> Display for Report<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; kernel: {}", self.machine, self.kernel)?;
        self.found.fmt(f)
    }
}

/// Processor, number of threads it runs at once, and system.
pub fn machine() -> String {
    let cores = available_parallelism().map_or(1, |n| n.get());
    format!(
        "{}, {cores} cores, {} {}",
        processor().unwrap_or_else(|| "unknown processor".to_owned()),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

/// The processor's name, where the system tells it in a file.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.trim().to_owned())
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct ProcessMemory {
    /// Now.
    #[cfg(feature = "service")]
    pub resident: u64,
    /// The most so far.
    pub peak: u64,
}

impl ProcessMemory {
    /// Of the process with this number, where the system tells it in a file.
    pub fn of(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let bytes = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kilobytes * 1024)
        };
        Some(Self {
            #[cfg(feature = "service")]
            resident: bytes("VmRSS:")?,
            peak: bytes("VmHWM:")?,
        })
    }
}

/// The most memory that this process has had at once.
pub fn peak_rss() -> Option<u64> {
    ProcessMemory::of(std::process::id()).map(|memory| memory.peak)
}

/// The keys of a JSON object, sorted.
#[cfg(test)]
pub fn keys(value: &serde_json::Value) -> String {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    keys.join(" ")
}
