//! The operations of the scheme: `cargo bench -p tapetum-ckks`, with a filter such as `n14` or
//! `rotate` after `--`. One thread computes; `tapetum bench engine` can use more.

mod combinations;
mod comparison;
mod evaluation;
mod linear_transform;
mod messages;
mod setting;
mod wire;

use std::time::Duration;

use criterion::Criterion;
use rayon::ThreadPoolBuilder;
use tapetum_ckks::Preset;

use setting::Setting;

fn main() {
    ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread can be started")
        .install(measure);
}

fn measure() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for preset in [Preset::N13, Preset::N14, Preset::N15] {
        let setting = Setting::new(preset);
        messages::bench(&mut criterion, &setting);
        evaluation::bench(&mut criterion, &setting);
        wire::bench(&mut criterion, &setting);
        if preset == Preset::N13 {
            combinations::bench(&mut criterion, &setting);
        }
        if preset == Preset::N14 {
            linear_transform::bench(&mut criterion, &setting);
        }
    }
    comparison::bench(&mut criterion);
    criterion.final_summary();
}
