//! What is wrong with the settings, told so that nobody has to search.
//!
//! Owns: the wording of a problem, and the guess at what was meant.
//! Never: shows the value of a key that is not ours, nor text that could move a terminal.

use std::fmt;

/// One thing that is wrong: where it stands, what stands there, what may stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The path of the setting, with dots: `cache.tiers.user.ttl` in a file that has an object `cache`, else
    /// `tiers.user.ttl`. Empty when the source itself cannot be read.
    pub key: String,
    /// The value as written, escaped and cut; text in quotes. Empty for a key that is missing or unknown: what
    /// stands under an unknown key may not be meant for the cache at all.
    pub value: String,
    /// The file, `environment variable NAME`, or `code`.
    pub origin: String,
    /// What is expected instead, as the end of a sentence.
    pub allowed: String,
    /// What was probably meant.
    pub guess: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.is_empty(), self.value.is_empty()) {
            (true, _) => write!(f, "{}: {}", self.origin, self.allowed)?,
            (false, true) => write!(f, "{} ({}): {}", self.key, self.origin, self.allowed)?,
            (false, false) => write!(f, "{} = {} ({}): {}", self.key, self.value, self.origin, self.allowed)?,
        }
        match &self.guess {
            Some(guess) => write!(f, "; did you mean {guess}?"),
            None => Ok(()),
        }
    }
}

/// Every problem found in the settings, told at once.
///
/// The text has a first line with their number, then one line for each.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingsError {
    /// The problems: source by source as they were read, then those that take several settings to see. Never empty.
    pub problems: Vec<Problem>,
}

/// The same text: what a program shows that returns the error from `main`.
impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => write!(f, "the settings have a problem:")?,
            count => write!(f, "the settings have {count} problems:")?,
        }
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for SettingsError {}

/// The longest part of a path, name or key that is shown.
const SHOWN_MAX: usize = 96;

/// Makes a key or name fit for a message: what cannot be seen is escaped, what is long is cut; no quotes.
pub(super) fn plain(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(visible).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

/// Makes a path fit for a message. Not cut: its end says most, and systems bound it.
pub(super) fn whole(path: &str) -> String {
    path.chars().flat_map(visible).collect()
}

fn visible(letter: char) -> impl Iterator<Item = char> {
    let as_it_is = matches!(letter, '\\' | '"' | '\'').then_some(letter);
    as_it_is.into_iter().chain(letter.escape_debug().filter(move |_| as_it_is.is_none()))
}

/// The candidate that `word` is a slip of the hand away from, if there is one.
pub(super) fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(SHOWN_MAX).map(|letter| letter.to_ascii_lowercase()).collect();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to turn one into the other.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, wanted) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != wanted);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == to[column - 1] && from[row - 1] == *wanted {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_recognised_and_another_word_is_not() {
        let known = ["max_size_mb", "max_entry_size", "enabled", "tiers"];
        for (word, meant) in [
            ("max_sise_mb", Some("max_size_mb")),
            ("MAX_SIZE_MB", Some("max_size_mb")),
            ("maxsize_mb", Some("max_size_mb")),
            ("enabeld", Some("enabled")),
            ("tires", Some("tiers")),
            ("database_password", None),
            ("", None),
        ] {
            assert_eq!(near(word, known), meant, "{word}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_escaped_and_only_keys_are_cut() {
        let path = format!("C:\\{}\u{1b}[31m\u{202e}\n.toml", "x".repeat(200));
        assert_eq!(whole(&path), format!("C:\\{}\\u{{1b}}[31m\\u{{202e}}\\n.toml", "x".repeat(200)));
        assert_eq!(plain(&path).len(), SHOWN_MAX + 3);
    }

    #[test]
    fn a_swap_of_neighbours_counts_once() {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&letters("tlt"), &letters("ttl")), 1);
        assert_eq!(distance(&letters(""), &letters("ttl")), 3);
        assert_eq!(distance(&letters("ttl"), &letters("ttl")), 0);
    }
}
