use crate::figures::Spread;

/// Three digits that count, with commas between thousands: `1.28`, `12.8`, `128`, `12,800`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size < 10.0 => format!("{value:.2}"),
        _ if size < 100.0 => format!("{value:.1}"),
        _ => thousands(value.round()),
    }
}

/// Without zeros at the end: for limits and axes.
pub fn short(quantity: &str) -> String {
    let end = quantity.find(' ').unwrap_or(quantity.len());
    let (number, unit) = quantity.split_at(end);
    if !number.contains('.') {
        return quantity.to_owned();
    }
    number.trim_end_matches('0').trim_end_matches('.').to_owned() + unit
}

/// With its unit, in a larger one where that reads better.
pub fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "ns" if value.abs() >= 1000.0 => format!("{} µs", number(value / 1000.0)),
        "bytes" if value.abs() >= 1024.0 => format!("{} KiB", number(value / 1024.0)),
        "bytes" => format!("{} bytes", value.round()),
        "" => number(value),
        // The unit is in the heading.
        _ if unit.ends_with("/s") => number(value),
        _ => format!("{} {unit}", number(value)),
    }
}

/// `median [low to high]`.
pub fn spread(spread: Spread, unit: &str) -> String {
    let Spread { median, low, high } = spread;
    format!("{} [{} to {}]", quantity(median, unit), quantity(low, unit), quantity(high, unit))
}

/// All digits, with commas between thousands.
pub fn count(count: u64) -> String {
    thousands(count as f64)
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_and_thousands_have_commas() {
        assert_eq!(number(1.284), "1.28");
        assert_eq!(number(12.84), "12.8");
        assert_eq!(number(104_900.4), "104,900");
        assert_eq!(number(-1_000_000.0), "-1,000,000");
        assert_eq!(quantity(240.0, "ns"), "240 ns");
        assert_eq!(short("60.0 ns"), "60 ns");
        assert_eq!(short("1.30"), "1.3");
        assert_eq!(short("1,000"), "1,000");
        assert_eq!(quantity(2_610.0, "ns"), "2.61 µs");
        assert_eq!(quantity(6195.2, "bytes"), "6.05 KiB");
    }
}
