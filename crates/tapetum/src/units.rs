//! Numbers for people.

/// Seconds that were estimated.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        ..1.0 => format!("{seconds:.1} s"),
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3600.0),
    }
}

/// Bytes in a decimal unit, the next one from `nearly` 1000 on, which is where rounding begins to say 1000.
pub fn decimal(n: u64, nearly: f64) -> (f64, &'static str) {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (n as f64 / 1000.0, 0);
    while value >= nearly && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    (value, UNITS[unit])
}

/// A number of bytes.
pub fn bytes(n: u64) -> String {
    if n < 1000 {
        return format!("{n} bytes");
    }
    let (value, unit) = decimal(n, 999.95);
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        for (n, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_951, "1.0 MB"),
            (1_234_567_890, "1.2 GB"),
        ] {
            assert_eq!(bytes(n), text);
        }
    }
}
