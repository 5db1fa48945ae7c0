//! Sizes on the command line.

/// A number of bytes with a unit.
pub fn memory_size(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let unit = match unit {
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1048576.0,
        "GiB" => 1073741824.0,
        _ => {
            return Err("a size is a number with kB, MB, GB, KiB, MiB or GiB behind it".to_owned());
        }
    };
    match number.trim().parse::<f64>() {
        Ok(number) if (0.0..=1e9).contains(&number) => Ok((number * unit) as u64),
        _ => Err(format!("{number:?} is not a number of bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(memory_size("2GB"), Ok(2_000_000_000));
        assert_eq!(memory_size("1.5 MiB"), Ok(1_572_864));
        for bad in ["", "2", "GB", "-1GB", "2gb", "nanGB", "1e99GB", "2 GB 3"] {
            assert!(memory_size(bad).is_err(), "{bad:?}");
        }
    }
}
