//! The operations of the scheme: `cargo bench -p tapetum-ckks`, with a filter such as `n14` or
//! `rotate` after `--`. One thread computes; `tapetum bench engine` can use more.

mod combinations;
mod comparison;
mod evaluation;
mod linear_transform;
mod messages;
mod setting;
mod wire;

#[path = "../../../../benches/alone.rs"]
mod alone;

use tapetum_ckks::Preset;

use setting::Setting;

fn main() {
    alone::alone(10, 3, |criterion| {
        for preset in [Preset::N13, Preset::N14, Preset::N15] {
            let setting = Setting::new(preset);
            messages::bench(criterion, &setting);
            evaluation::bench(criterion, &setting);
            wire::bench(criterion, &setting);
            if preset == Preset::N13 {
                combinations::bench(criterion, &setting);
            }
            if preset == Preset::N14 {
                linear_transform::bench(criterion, &setting);
            }
        }
        comparison::bench(criterion);
    });
}
