//! Numbers, sizes, times and foreign text as people read them.
//!
//! Owns: the way each is written, in both styles. Never: knows what a number stands for.

use std::time::Duration;

use super::render::Style;

const MIB: u64 = 1 << 20;

/// Characters of a key, a name or a message from outside that are shown.
const SHOWN_MAX: usize = 96;

/// `1234567` as `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The number and the word for it: `1 entry`, `1,234 entries`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// A size in MB of 2^20 bytes with one decimal: `45.2 MB`.
pub(super) fn megabytes(bytes: u64) -> String {
    let tenths = (u128::from(bytes) * 10 + u128::from(MIB / 2)) / u128::from(MIB);
    let whole = u64::try_from(tenths / 10).expect("a tenth of a million is less than the whole");
    format!("{}.{} MB", thousands(whole), tenths % 10)
}

/// A size that somebody chose: `100 MB`, else as [`megabytes`]; below one MB in KB or bytes.
pub(super) fn limit(bytes: u64) -> String {
    if bytes > 0 && bytes.is_multiple_of(MIB) {
        format!("{} MB", thousands(bytes / MIB))
    } else {
        size(bytes)
    }
}

/// A size for which tenths of a MB may be too coarse: `2.5 MB`, `512.0 KB`, `77 bytes`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => counted(bytes, "byte", "bytes"),
        1024..MIB => format!("{:.1} KB", bytes as f64 / 1024.0),
        _ => megabytes(bytes),
    }
}

/// `part` of `whole` as a percentage with one decimal; `-` when there is no whole.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1}%", part as f64 * 100.0 / whole as f64) }
}

/// A time in its two largest units, days from two days on: `24h`, `1h 30m`, `7d`, `1.5s`, `84.0ms`.
pub(super) fn time(time: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = time.as_secs();
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| {
        let rest = seconds % large / small;
        let first = format!("{}{large_unit}", thousands(seconds / large));
        if rest == 0 { first } else { format!("{first} {rest}{small_unit}") }
    };
    if seconds >= 2 * DAY {
        two(DAY, "d", HOUR, "h")
    } else if seconds >= HOUR {
        two(HOUR, "h", MINUTE, "m")
    } else if seconds >= MINUTE {
        two(MINUTE, "m", 1, "s")
    } else if time.subsec_nanos() == 0 {
        format!("{seconds}s")
    } else if seconds > 0 {
        format!("{:.1}s", time.as_secs_f64())
    } else if time >= Duration::from_millis(1) {
        format!("{:.1}ms", time.as_secs_f64() * 1e3)
    } else {
        format!("{}us", time.as_micros())
    }
}

/// Text from outside made fit for a line on a screen: what cannot be seen or would steer a terminal is escaped, what
/// is long is cut. In plain style all that is not ASCII is escaped too.
pub(super) fn foreign(text: &str, style: Style) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => visible(&text[..end], style) + "...",
        None => visible(text, style),
    }
}

/// As [`foreign`], and nothing is cut.
pub(super) fn visible(text: &str, style: Style) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '"' | '\'' => shown.push(character),
            _ if style == Style::Plain => {
                if character == ' ' || character.is_ascii_graphic() {
                    shown.push(character);
                } else {
                    shown.extend(character.escape_default());
                }
            }
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// The candidate that is `word`, or one slip of the hand away from it: a letter too many, too few, wrong, or two swapped.
pub(super) fn meant<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates.into_iter().find(|candidate| one_slip(word.as_bytes(), candidate.as_bytes()))
}

fn one_slip(word: &[u8], wanted: &[u8]) -> bool {
    let same = word.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let (word, wanted) = (&word[same..], &wanted[same..]);
    let same = word.iter().rev().zip(wanted.iter().rev()).take_while(|(a, b)| a == b).count();
    match (&word[..word.len() - same], &wanted[..wanted.len() - same]) {
        ([] | [_], [] | [_]) => true,
        ([a, b], [c, d]) => (a, b) == (d, c),
        _ => false,
    }
}

/// Rows under a head, columns as wide as need be: the first to the left, the others to the right.
pub(super) fn table(rows: &[Vec<String>], indent: &str) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        text.push_str(indent);
        for (column, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[column] - cell.chars().count());
            match column {
                0 => text.extend([cell, gap.as_str()]),
                _ => text.extend(["  ", gap.as_str(), cell.as_str()]),
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([0, 999, 1_234, 1_234_567].map(thousands), ["0", "999", "1,234", "1,234,567"]);
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!((percent(1_234, 1_447), percent(0, 0)), ("85.3%".into(), "-".into()));
        assert_eq!([0, 47_395_635, 100 * MIB].map(megabytes), ["0.0 MB", "45.2 MB", "100.0 MB"]);
        assert_eq!([100 * MIB, MIB + MIB / 2, 512 << 10].map(limit), ["100 MB", "1.5 MB", "512.0 KB"]);
        assert_eq!([0, 1, 1_023].map(size), ["0 bytes", "1 byte", "1,023 bytes"]);
    }

    #[test]
    fn times_are_written_in_two_units_at_most() {
        let seconds = |count| time(Duration::from_secs(count));
        assert_eq!([86_400, 43_200, 3_600, 1_800].map(seconds), ["24h", "12h", "1h", "30m"]);
        assert_eq!([0, 90, 5_400, 172_800, 180_000].map(seconds), ["0s", "1m 30s", "1h 30m", "2d", "2d 2h"]);
        let micros = |count| time(Duration::from_micros(count));
        assert_eq!([7, 84_000, 1_500_000].map(micros), ["7us", "84.0ms", "1.5s"]);
        assert!(time(Duration::MAX).ends_with('h'));
    }

    #[test]
    fn foreign_text_cannot_steer_a_terminal() {
        let hostile = "a\n\u{1b}[31m\u{202e}b\u{9b}\"ü";
        assert_eq!(foreign(hostile, Style::Emoji), "a\\n\\u{1b}[31m\\u{202e}b\\u{9b}\"ü");
        assert_eq!(foreign(hostile, Style::Plain), "a\\n\\u{1b}[31m\\u{202e}b\\u{9b}\"\\u{fc}");
        assert_eq!(foreign(&"x".repeat(2_000), Style::Plain).len(), SHOWN_MAX + 3);
    }

    #[test]
    fn one_slip_of_the_hand_is_recognised_and_another_word_is_not() {
        let known = ["stats", "clear", "warm", "info"];
        for (word, wanted) in [
            ("stats", Some("stats")),
            ("stat", Some("stats")),
            ("claer", Some("clear")),
            ("warrm", Some("warm")),
            ("imfo", Some("info")),
            ("wipe", None),
            ("", None),
        ] {
            assert_eq!(meant(word, known), wanted, "{word}");
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_number_breaks_a_line(text in any::<String>(), number in any::<u64>(), nanos in any::<u32>()) {
            for style in [Style::Emoji, Style::Plain] {
                prop_assert!(!foreign(&text, style).contains(char::is_control));
            }
            prop_assert!(foreign(&text, Style::Plain).is_ascii());
            let all = [thousands(number), megabytes(number), limit(number), time(Duration::new(number, nanos % 1_000_000_000))];
            prop_assert!(all.iter().all(|text| text.is_ascii() && !text.is_empty()));
        }
    }
}
