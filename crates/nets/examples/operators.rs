//! Prints `docs/networks-operators.md`.

fn main() {
    print!("{}", tapetum_nets::operators_page());
}
