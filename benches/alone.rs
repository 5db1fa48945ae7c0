//! Benchmarks of crates: one thread computes, so that a figure is that of what is measured.

use std::time::Duration;

use criterion::Criterion;
use rayon::ThreadPoolBuilder;

/// Measures with this number of samples, for so many seconds each.
pub fn alone(samples: usize, seconds: u64, measure: impl FnOnce(&mut Criterion) + Send) {
    let threads = ThreadPoolBuilder::new().num_threads(1).build();
    let threads = threads.expect("a thread can be started");
    threads.install(|| {
        let mut criterion = Criterion::default()
            .sample_size(samples)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(seconds))
            .configure_from_args();
        measure(&mut criterion);
        criterion.final_summary();
    });
}
