//! Numbers as people read them. A no-break space stands between a number and its unit.

use std::time::Duration;

/// Stands where there is no number.
const NONE: &str = "–";

/// `1536` as `1,536`.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share with one decimal: `92.4 %`.
pub fn percent(share: Option<f64>) -> String {
    match share {
        Some(share) if share.is_finite() => format!("{:.1}\u{a0}%", 100.0 * share),
        _ => NONE.to_owned(),
    }
}

/// `0.42 ms`, `350 ms`, `12.3 s`, `1 min 32 s` or `1 h 05 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 0.01 {
        format!("{:.2}\u{a0}ms", 1e3 * seconds)
    } else if seconds < 0.9995 {
        format!("{:.0}\u{a0}ms", 1e3 * seconds)
    } else if seconds < 59.95 {
        format!("{seconds:.1}\u{a0}s")
    } else if seconds < 3599.5 {
        let whole = seconds.round() as u64;
        format!("{}\u{a0}min {}\u{a0}s", whole / 60, whole % 60)
    } else {
        let minutes = (seconds / 60.0).round() as u64;
        format!("{}\u{a0}h {:02}\u{a0}min", minutes / 60, minutes % 60)
    }
}

/// Three digits and a decimal unit: `784 bytes`, `26.4 kB`, `12.3 MB`.
pub fn bytes(number: u64) -> String {
    if number < 1000 {
        return format!("{number}\u{a0}bytes");
    }
    let (value, unit) = tapetum::units::decimal(number, 999.5);
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$}\u{a0}{unit}")
}

/// A score with its sign: `+1.234`.
pub fn score(score: f64) -> String {
    if score.is_finite() {
        format!("{score:+.3}").replace('-', "−")
    } else {
        "not a number".to_owned()
    }
}

/// A positive number as a power of ten: `3.1 × 10⁻⁶`.
pub fn scientific(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if !number.is_finite() {
        return NONE.to_owned();
    }
    let text = format!("{number:.1e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            format!("{mantissa}\u{a0}×\u{a0}10{}", superscript(exponent)).replace('-', "−")
        }
        None => text,
    }
}

/// An integer in raised digits.
pub fn superscript(integer: &str) -> String {
    (integer.chars())
        .map(|character| match character {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '0' | '4'..='9' => {
                char::from_u32(0x2070 + (character as u32 - '0' as u32)).unwrap_or(character)
            }
            _ => character,
        })
        .collect()
}

/// A name that fits into a figure.
pub fn short(name: &str) -> String {
    const LONGEST: usize = 16;
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    let mut text: String = name.chars().take(LONGEST - 1).collect();
    text.push('…');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1536), "1,536");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(percent(Some(0.92411)), "92.4\u{a0}%");
        assert_eq!(percent(None), "–");
        assert_eq!(bytes(999), "999\u{a0}bytes");
        assert_eq!(bytes(1000), "1.00\u{a0}kB");
        assert_eq!(bytes(999_700), "1.00\u{a0}MB");
        assert_eq!(bytes(26_449), "26.4\u{a0}kB");
        assert_eq!(score(-0.5), "−0.500");
        assert_eq!(score(f64::NAN), "not a number");
        assert_eq!(scientific(3.14e-6), "3.1\u{a0}×\u{a0}10⁻⁶");
        assert_eq!(scientific(0.0), "0");
        assert_eq!(superscript("-12045"), "⁻¹²⁰⁴⁵");
    }

    #[test]
    fn durations_never_round_to_sixty() {
        let text = |seconds: f64| duration(Duration::from_secs_f64(seconds));
        assert_eq!(text(0.000_42), "0.42\u{a0}ms");
        assert_eq!(text(0.35), "350\u{a0}ms");
        assert_eq!(text(0.9999), "1.0\u{a0}s");
        assert_eq!(text(59.97), "1\u{a0}min 0\u{a0}s");
        assert_eq!(text(92.4), "1\u{a0}min 32\u{a0}s");
        assert_eq!(text(3599.9), "1\u{a0}h 00\u{a0}min");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(short("not cat"), "not cat");
        assert_eq!(short(&"ü".repeat(40)).chars().count(), 16);
    }
}
