//! CPU and wall time of a call.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use tapetum::Result;

/// A run repeats what is shorter than this, so that neither the clock's resolution nor its own cost
/// matters.
const SHORTEST_RUN: Duration = Duration::from_millis(5);

/// Measures calls a number of times.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    runs: usize,
}

/// What one call takes.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Median of the CPU time of all threads together, in milliseconds.
    pub cpu_ms: f64,
    /// The least of the same: what the machine can do when nothing disturbs it.
    pub least_cpu_ms: f64,
    /// Median of the time on the clock on the wall, in milliseconds.
    pub wall_ms: f64,
    /// How many runs that is from.
    pub runs: usize,
}

impl Meter {
    /// Each figure from this many runs; at least one.
    pub fn new(runs: usize) -> Self {
        Self { runs: runs.max(1) }
    }

    /// Times `call` on what `prepare` makes. Neither the preparation nor dropping the result counts.
    ///
    /// # Errors
    /// Those of the call.
    pub fn time<I, O>(
        self,
        mut prepare: impl FnMut() -> I,
        mut call: impl FnMut(I) -> Result<O>,
    ) -> Result<Timing> {
        let mut run = || -> Result<_> {
            let (mut cpu, mut wall, mut calls) = (Duration::ZERO, Duration::ZERO, 0);
            while wall < SHORTEST_RUN {
                let input = black_box(prepare());
                let (wall_start, cpu_start) = (Instant::now(), ProcessTime::now());
                let output = call(input)?;
                cpu += cpu_start.elapsed();
                wall += wall_start.elapsed();
                calls += 1;
                drop(black_box(output));
            }
            let per_call = |total: Duration| 1e3 * total.as_secs_f64() / calls as f64;
            Ok((per_call(cpu), per_call(wall)))
        };
        run()?; // Caches, page tables and the allocator get warm.
        let mut cpu = Vec::with_capacity(self.runs);
        let mut wall = Vec::with_capacity(self.runs);
        for _ in 0..self.runs {
            let (run_cpu, run_wall) = run()?;
            cpu.push(run_cpu);
            wall.push(run_wall);
        }
        Ok(Timing {
            cpu_ms: median(&mut cpu),
            least_cpu_ms: cpu[0],
            wall_ms: median(&mut wall),
            runs: self.runs,
        })
    }
}

/// Sorts, and takes the middle: of two the mean.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&mut [7.0]), 7.0);
    }

    #[test]
    fn waiting_counts_on_the_clock() {
        let pause = Duration::from_millis(8);
        let timing = Meter::new(3)
            .time(
                || std::thread::sleep(pause),
                |()| {
                    std::thread::sleep(pause);
                    Ok(())
                },
            )
            .unwrap();
        assert!(timing.wall_ms >= 8.0);
        assert_eq!(timing.runs, 3);
    }

    #[test]
    fn errors_come_through() {
        let failed = Meter::new(1).time(|| (), |()| Err::<(), _>(tapetum::Error::input("no")));
        assert_eq!(failed.unwrap_err().to_string(), "no");
    }
}
