//! The grammar of single values: switches, counts, durations, sizes, text.
//!
//! Owns: what is a value of which kind, how limits are worded, and the guess when one form was taken for another.
//! Never: rounds, trims or takes one type for another. Only text from the environment, which has no types, is read
//! by the type that the setting has.
//!
//! A duration is a whole number of seconds, or text of parts such as `90s`, `30m`, `1h 30m`, `250ms`. A size is a
//! whole number of MiB, or text such as `512KB`, `8MB`, `1GiB`; K, M, G and T are powers of 2^10 with and without
//! the `i`. Between number and unit, and between parts, there may be one blank.

use std::time::Duration;

use config::ValueKind;

use super::problem::near;
use crate::codec::pack::Compression;
use crate::error::Shown;

const KIB: u64 = 1 << 10;
pub(super) const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
pub(super) const DAY: u64 = 86_400;

/// What a setting may be; limits are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Switch,
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    Count(u64, u64),
    Time(Duration, Duration),
    Size(u64, u64),
}

/// Every key outside the tiers, in the order of `config/default.toml`, and what it may be.
pub(super) const KEYS: [(&str, Kind); 15] = [
    ("enabled", Kind::Switch),
    ("max_size_mb", Kind::Size(MIB, TIB)),
    ("moving_budget", Kind::Switch),
    ("max_entry_size", Kind::Size(KIB, GIB)),
    ("cleanup_interval", Kind::Time(Duration::from_secs(1), Duration::from_secs(365 * DAY))),
    ("warm_interval", Kind::Time(Duration::from_secs(1), Duration::from_secs(365 * DAY))),
    ("load_timeout", Kind::Time(Duration::from_millis(1), Duration::from_secs(DAY))),
    ("load_concurrency", Kind::Count(1, 65_536)),
    ("load_queue", Kind::Count(0, 1_048_576)),
    ("queue_messages", Kind::Count(128, 1_048_576)),
    ("queue_bytes", Kind::Size(64 * KIB, GIB)),
    ("stats_interval", Kind::Time(Duration::from_millis(100), Duration::from_secs(DAY))),
    ("unknown_prefix", Kind::Text),
    ("compression", Kind::COMPRESSION),
    ("compression_threshold", Kind::Size(64, GIB)),
];

impl Kind {
    /// What every TTL may be.
    pub(super) const TTL: Self = Self::Time(Duration::from_secs(1), Duration::from_secs(3_650 * DAY));

    /// How values may be compressed.
    pub(super) const COMPRESSION: Self = Self::Word(&Compression::WORDS);

    /// What the setting outside the tiers may be; text when there is no such key.
    pub(super) fn of(key: &str) -> Self {
        KEYS.iter().find(|(known, _)| *known == key).map_or(Self::Text, |(_, kind)| *kind)
    }

    /// What is expected, as the end of a sentence.
    pub(super) fn allowed(self) -> String {
        match self {
            Self::Switch => String::from("expected true or false"),
            Self::Text => String::from("expected text"),
            Self::Word(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
                format!("expected one of {}", words.join(", "))
            }
            Self::Count(least, most) => format!("expected a whole number from {least} to {most}"),
            Self::Time(least, most) => format!(
                "expected whole seconds, or text such as \"90s\", \"30m\" or \"1h 30m\", from {} to {}",
                show_time(least),
                show_time(most)
            ),
            Self::Size(least, most) => format!(
                "expected a size in whole MiB, or text such as \"512KB\" or \"100MB\", from {} to {}",
                show_size(least),
                show_size(most)
            ),
        }
    }
}

/// A value as its source gave it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    Nothing,
    Switch(bool),
    Whole(i128),
    Fraction(f64),
    Text(String),
    /// From the environment, where everything is text.
    Untyped(String),
    List,
    Table,
    /// What is not shown to anybody.
    Secret,
}

/// That a value is not of the kind asked for, and what was probably meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) Option<String>);

impl Raw {
    pub(super) fn new(kind: &ValueKind) -> Self {
        match kind {
            ValueKind::Nil => Self::Nothing,
            ValueKind::Boolean(switch) => Self::Switch(*switch),
            ValueKind::I64(number) => Self::Whole(i128::from(*number)),
            ValueKind::I128(number) => Self::Whole(*number),
            ValueKind::U64(number) => Self::Whole(i128::from(*number)),
            ValueKind::U128(number) => Self::Whole(i128::try_from(*number).unwrap_or(i128::MAX)),
            ValueKind::Float(number) => Self::Fraction(*number),
            ValueKind::String(text) => Self::Text(text.clone()),
            ValueKind::Table(_) => Self::Table,
            ValueKind::Array(_) => Self::List,
        }
    }

    /// The value as written, fit for a message.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Nothing => String::from("null"),
            Self::Switch(switch) => switch.to_string(),
            Self::Whole(number) => number.to_string(),
            Self::Fraction(number) => format!("{number:?}"),
            Self::Text(text) | Self::Untyped(text) => Shown::new(text).to_string(),
            Self::List => String::from("[..]"),
            Self::Table => String::from("{..}"),
            Self::Secret => String::new(),
        }
    }

    pub(super) fn switch(&self) -> Result<bool, Wrong> {
        let word = match self {
            Self::Switch(switch) => return Ok(*switch),
            Self::Untyped(text) if text == "true" => return Ok(true),
            Self::Untyped(text) if text == "false" => return Ok(false),
            Self::Text(text) | Self::Untyped(text) => text.trim().to_ascii_lowercase(),
            Self::Whole(number) => number.to_string(),
            _ => String::new(),
        };
        let guess = match word.as_str() {
            "yes" | "on" | "1" | "y" => Some("true"),
            "no" | "off" | "0" | "n" => Some("false"),
            word => near(word, ["true", "false"]),
        };
        Err(Wrong(guess.map(String::from)))
    }

    pub(super) fn count(&self) -> Result<u64, Wrong> {
        self.whole().ok_or_else(|| Wrong(self.meant_number()))
    }

    pub(super) fn time(&self) -> Result<Duration, Wrong> {
        if let Some(seconds) = self.whole() {
            return Ok(Duration::from_secs(seconds));
        }
        let (Self::Text(text) | Self::Untyped(text)) = self else { return Err(Wrong(self.meant_number())) };
        let meant = |text: String| time(&text).map(|_| format!("{text:?}"));
        time(text).ok_or_else(|| Wrong(self.meant_number().or_else(|| meant(tidied(text)))))
    }

    pub(super) fn size(&self) -> Result<u64, Wrong> {
        if let Some(mib) = self.whole() {
            return Ok(mib.saturating_mul(MIB)); // far too much stays far too much, for the limits to refuse
        }
        match self {
            Self::Text(text) | Self::Untyped(text) => size(text).ok_or_else(|| {
                let tidied = tidied(text).to_ascii_uppercase();
                let tidied = size(&tidied).map(|_| format!("{tidied:?}"));
                Wrong(self.meant_number().or(tidied))
            }),
            Self::Fraction(mib) if *mib > 0.0 && (mib * 1024.0).fract() == 0.0 && *mib < 1e6 => {
                Err(Wrong(Some(format!("\"{}KB\"", mib * 1024.0))))
            }
            _ => Err(Wrong(self.meant_number())),
        }
    }

    pub(super) fn text(&self) -> Result<String, Wrong> {
        match self {
            Self::Text(text) | Self::Untyped(text) => Ok(text.clone()),
            Self::Switch(_) | Self::Whole(_) | Self::Fraction(_) => {
                Err(Wrong(Some(format!("{:?}", self.show()))))
            }
            Self::Nothing | Self::List | Self::Table | Self::Secret => Err(Wrong(None)),
        }
    }

    /// How to compress; the guess is the word that looks like it.
    pub(super) fn compression(&self) -> Result<Compression, Wrong> {
        let word = match self {
            Self::Text(text) | Self::Untyped(text) => text.as_str(),
            Self::Switch(false) => return Err(Wrong(Some(String::from("\"off\"")))),
            _ => return Err(Wrong(None)),
        };
        let guess = || near(&word.to_ascii_lowercase(), Compression::WORDS).map(|word| format!("{word:?}"));
        Compression::of_word(word).ok_or_else(|| Wrong(guess()))
    }

    /// A number without sign, fraction and blanks.
    fn whole(&self) -> Option<u64> {
        match self {
            Self::Whole(number) if *number >= 0 => Some(u64::try_from(*number).unwrap_or(u64::MAX)),
            Self::Untyped(text) => digits(text),
            _ => None,
        }
    }

    /// The number inside what is no number: `"1_000"`, `" 5"`, `5.0`.
    fn meant_number(&self) -> Option<String> {
        match self {
            Self::Text(text) | Self::Untyped(text) => {
                let tidied = tidied(text);
                digits(&tidied).map(|number| number.to_string())
            }
            Self::Fraction(number) if number.fract() == 0.0 && (0.0..1e15).contains(number) => {
                Some(format!("{number:.0}"))
            }
            _ => None,
        }
    }
}

/// Nothing but digits, at least one; more than fit count as the most that fit.
fn digits(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The text as somebody may have meant it, for a guess only.
fn tidied(text: &str) -> String {
    let text: String = text.trim().chars().take(64).filter(|letter| !matches!(letter, '_' | ',')).collect();
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

/// The units that durations may have, as humantime knows them; its months and years are no whole days and its `M`
/// is easily written for `m`, so they are left out.
const TIME_UNITS: [&str; 24] = [
    "ms", "millis", "msec", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes",
    "h", "hr", "hrs", "hour", "hours", "d", "day", "days", "w", "week", "weeks",
];

/// The most parts that a duration may have: one for each unit, and a slip or two.
const PARTS_MAX: usize = 8;

/// The parts of `1h 30m` as pairs of digits and unit; `None` when something else stands between.
fn parts(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if !parts.is_empty() {
            rest = rest.strip_prefix(' ').unwrap_or(rest);
        }
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).filter(|end| *end > 0)?;
        let (number, tail) = rest.split_at(end);
        let tail = tail.strip_prefix(' ').unwrap_or(tail);
        let end = tail.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        parts.push((number, unit));
        rest = tail;
    }
    (!parts.is_empty()).then_some(parts)
}

fn time(text: &str) -> Option<Duration> {
    let parts = parts(text)?;
    // humantime adds up without a check against overflow in one place; numbers of ten digits cannot reach it.
    let sane = |(number, unit): &(&str, &str)| number.len() <= 10 && TIME_UNITS.contains(unit);
    if parts.len() > PARTS_MAX || !parts.iter().all(sane) {
        return None;
    }
    humantime::parse_duration(text).ok()
}

fn size(text: &str) -> Option<u64> {
    let parts = parts(text)?;
    let &[(number, unit)] = parts.as_slice() else { return None };
    let factor = match unit.to_ascii_uppercase().as_str() {
        "B" => 1,
        "K" | "KB" | "KIB" => KIB,
        "M" | "MB" | "MIB" => MIB,
        "G" | "GB" | "GIB" => GIB,
        "T" | "TB" | "TIB" => TIB,
        _ => return None,
    };
    Some(digits(number)?.saturating_mul(factor))
}

/// A duration in the largest unit that says it exactly, in the grammar of durations where that can say it.
pub(super) fn show_time(time: Duration) -> String {
    let seconds = time.as_secs();
    if time.subsec_nanos() != 0 {
        return format!("{time:?}");
    }
    let (count, unit) = match seconds {
        seconds if seconds != 0 && seconds % DAY == 0 => (seconds / DAY, "d"),
        seconds if seconds != 0 && seconds % 3_600 == 0 => (seconds / 3_600, "h"),
        seconds if seconds != 0 && seconds % 60 == 0 => (seconds / 60, "m"),
        seconds => (seconds, "s"),
    };
    format!("{count}{unit}")
}

/// A size in the largest unit that says it exactly.
pub(super) fn show_size(bytes: u64) -> String {
    let units = [(TIB, "TB"), (GIB, "GB"), (MIB, "MB"), (KIB, "KB")];
    let fits = units.into_iter().find(|(factor, _)| bytes >= *factor && bytes.is_multiple_of(*factor));
    fits.map_or_else(|| format!("{bytes}B"), |(factor, unit)| format!("{}{unit}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::terms::WORDS;
    use super::*;

    const DEFAULT: &str = include_str!("../../config/default.toml");

    #[test]
    fn the_default_file_states_the_limits_in_force() {
        for (key, kind) in KEYS {
            let at = DEFAULT.find(&format!("{key} = ")).expect(key);
            let comment = DEFAULT[..at].trim_end_matches(['#', ' ']).rsplit("\n\n").next().expect(key);
            let limits = match kind {
                Kind::Switch => vec![String::from("true or false")],
                Kind::Text => vec![String::from("\"refuse\"")],
                Kind::Word(words) => words.iter().map(|word| format!("{word:?}")).collect(),
                Kind::Count(least, most) => vec![format!("from {least} to {most}")],
                Kind::Time(least, most) => vec![format!("from {} to {}", show_time(least), show_time(most))],
                Kind::Size(least, most) => vec![format!("from {} to {}", show_size(least), show_size(most))],
            };
            for limit in limits {
                assert!(comment.contains(&limit), "{key}: {limit} is not in {comment}");
            }
        }
        for (word, kind) in WORDS {
            let at = DEFAULT.find(&format!("\n# {word}: ")).expect(word);
            let begun = DEFAULT[at..].lines().skip(1).enumerate();
            // The lines that go on with it are indented.
            let comment: Vec<_> =
                begun.take_while(|(line, text)| *line == 0 || text.starts_with("#  ")).collect();
            let Kind::Time(least, most) = kind else { panic!("{word} is a time") };
            let limits = format!("A duration from {} to {}.", show_time(least), show_time(most));
            assert!(comment.iter().any(|(_, line)| line.contains(&limits)), "{word}: {limits}");
        }
    }

    #[test]
    fn a_duration_that_would_overflow_is_refused() {
        for text in
            ["18446744073709551615s 1000000000ms", "9999999999w 9999999999w 9999999999w", "99999999999s"]
        {
            let long = Raw::Text(String::from(text)).time();
            assert!(
                long.is_err() || long.is_ok_and(|time| time > Duration::from_secs(3_650 * DAY)),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn shown_sizes_and_durations_read_back(bytes in any::<u64>(), seconds in 0..=9_999_999_999_u64) {
            prop_assert_eq!(Raw::Text(show_size(bytes)).size(), Ok(bytes));
            let time = Duration::from_secs(seconds);
            prop_assert_eq!(Raw::Text(show_time(time)).time(), Ok(time));
        }

        #[test]
        fn a_guess_is_always_something_that_would_be_accepted(text in "[ 0-9_,.a-zA-Z-]{0,12}") {
            let raw = Raw::Text(text);
            for guess in [raw.time().err(), raw.size().err()].into_iter().flatten().filter_map(|wrong| wrong.0) {
                let meant = guess.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                let meant = meant.map_or_else(|| Raw::Untyped(guess.clone()), |text| Raw::Text(text.to_owned()));
                prop_assert!(meant.time().is_ok() || meant.size().is_ok(), "{}", guess);
            }
        }
    }
}
