//! What is wrong with the settings, told so that nobody has to search.
//!
//! Owns: the wording of a problem. Never: looks for one, or shows the value of a key that is not ours; settings do.

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
