//! Reading settings from files and the environment, each value with the place it came from.
//!
//! Owns: the order of sources, and how the parts of an environment variable's name become a path.
//! Never: stops at the first problem, and never judges or shows what stands beside an object `cache`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::apply::{Apply, Place};
use super::check::Notes;
use super::file::{self, Part};
use super::problem::{near, plain, whole};
use super::values::{KEYS, Raw};
use super::{AdminSettings, Origin, Settings, admin_keys, check};
use super::{Problem, SettingsError};

/// What the variables begin with.
pub(super) const PREFIX: &str = "APEX_CACHE__";

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
pub struct Sources {
    sources: Vec<Source>,
}

#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    Environment,
    Variables(Vec<(OsString, OsString)>),
}

impl Sources {
    /// Adds a TOML, JSON or YAML file, told apart by its extension; it must exist, and have at most 1 MiB.
    ///
    /// If it has an object `cache`, only that is read; else the whole file is taken for settings of the cache. An
    /// empty file changes nothing.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::File(path.into()));
        self
    }

    /// Adds the variables of this process that begin with `APEX_CACHE__`, such as `APEX_CACHE__MAX_SIZE_MB=64` or
    /// `APEX_CACHE__TIERS__USER__TTL=2h`; lists are written with commas.
    pub fn environment(mut self) -> Self {
        self.sources.push(Source::Environment);
        self
    }

    /// Adds these variables in place of those of the process; for tests.
    pub fn environment_from<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self.sources.push(Source::Variables(pairs));
        self
    }

    /// Reads all sources and checks the outcome.
    ///
    /// Errors: [`SettingsError`] with every problem of every source. A wrong value is a problem even when a later
    /// source replaces it. What `read` returns passes [`Settings::check`]. A cache that is started with it can read the same
    /// sources again: see [`Cache::reload`](crate::Cache::reload).
    pub fn read(self) -> Result<Settings, SettingsError> {
        let (mut settings, _) = self.clone().read_over(Settings::default())?;
        settings.origin = Origin::new(self, settings.clone());
        Ok(settings)
    }

    /// As [`Sources::read`], over these settings in place of the defaults; and where each value was written.
    pub(super) fn read_over(self, settings: Settings) -> Result<(Settings, Notes), SettingsError> {
        let mut apply = Apply::over(settings);
        for source in self.sources {
            match source {
                Source::File(path) => read_file(&mut apply, &path),
                Source::Environment => read_variables(&mut apply, std::env::vars_os().collect()),
                Source::Variables(variables) => read_variables(&mut apply, variables),
            }
        }
        let (settings, notes, mut problems) = apply.finish();
        problems.extend(check::check(&settings, &notes).err().unwrap_or_default());
        if problems.is_empty() { Ok((settings, notes)) } else { Err(SettingsError { problems }) }
    }

    /// The same with the file at `path` in place of the last one, unless it is among them; before all others if there is none.
    pub(super) fn with_file(mut self, path: &Path) -> Self {
        let is_file = |source: &Source| matches!(source, Source::File(_));
        let is_it = |source: &Source| matches!(source, Source::File(known) if known == path);
        if !self.sources.iter().any(is_it) {
            match self.sources.iter_mut().rfind(|source| is_file(source)) {
                Some(last) => *last = Source::File(path.into()),
                None => self.sources.insert(0, Source::File(path.into())),
            }
        }
        self
    }
}

fn read_file(apply: &mut Apply, path: &Path) {
    let origin = whole(&path.to_string_lossy());
    match file::read(path) {
        Ok(part) if is_of_another(&part) => {
            let misspelt = near("cache", part.table.keys().map(String::as_str));
            apply.problems.push(Problem {
                key: String::new(),
                value: String::new(),
                origin,
                allowed: String::from(
                    "expected an object \"cache\", or a file with nothing but its settings",
                ),
                guess: misspelt.map(|key| format!("cache in place of {}", plain(key))),
            });
        }
        Ok(Part { root, table, twice }) => {
            apply.problems.extend(twice.into_iter().map(|path| Problem {
                key: path.iter().map(|part| plain(part)).collect::<Vec<_>>().join("."),
                value: String::new(),
                origin: origin.clone(),
                allowed: String::from("expected every key once in an object"),
                guess: None,
            }));
            let place = Place::File { origin, root };
            apply.source();
            apply.table(&place, &table);
        }
        Err(refusal) => apply.problems.push(Problem {
            key: String::from(refusal.key),
            value: refusal.value,
            origin,
            allowed: refusal.allowed,
            guess: None,
        }),
    }
}

/// Whether this is the file of a host that has forgotten, or misspelt, the object `cache`: then its keys are none of
/// our business, and listing each of them would help nobody.
fn is_of_another(part: &Part) -> bool {
    let known = |key: &str| {
        let is_ours = |known: &str| near(key, [known]).is_some();
        KEYS.iter().any(|(known, _)| is_ours(known)) || is_ours("tiers") || key.starts_with("ttl_")
    };
    let ours = |(key, value): (&String, _)| known(key) || (key == "admin" && admin_keys::is_section(value));
    part.root.is_empty() && !part.table.is_empty() && !part.table.iter().any(ours)
}

fn read_variables(apply: &mut Apply, variables: Vec<(OsString, OsString)>) {
    // A name that is no UTF-8 but begins like ours is told as unknown, like any other slip.
    let readable = |(name, value): (OsString, OsString)| (name.to_string_lossy().into_owned(), value);
    let mut variables: Vec<(String, OsString)> = variables.into_iter().map(readable).collect();
    variables.sort();
    apply.source();
    for (name, value) in variables {
        let upper = name.to_ascii_uppercase();
        if upper == AdminSettings::TOKEN_VARIABLE {
            apply.admin_token(&Place::Variable { name: plain(&name) }, value.to_str());
        } else if let Some(path) = upper.strip_prefix(PREFIX) {
            read_variable(apply, &name, path, value);
        } else if let Some(key) = upper.strip_prefix("APEX_CACHE_") {
            let lower = key.to_ascii_lowercase();
            let meant = KEYS.iter().any(|(known, _)| *known == lower)
                || ["tiers_", "admin_"].iter().any(|section| lower.starts_with(section));
            if meant {
                let place = Place::Variable { name: plain(&name) };
                let guess = KEYS.iter().any(|(known, _)| *known == lower).then(|| format!("{PREFIX}{key}"));
                let allowed = String::from("expected two underscores after APEX_CACHE and between names");
                apply.problem(&place, &[&lower], String::new(), allowed, guess);
            }
        }
    }
}

fn read_variable(apply: &mut Apply, name: &str, path: &str, value: OsString) {
    let place = Place::Variable { name: plain(name) };
    let path = path.to_ascii_lowercase();
    let path: Vec<&str> = path.split("__").collect();
    match value.into_string() {
        Ok(text) => apply.value(&place, &path, &Raw::Untyped(text), None),
        Err(_) => apply.problem(&place, &path, String::new(), String::from("expected UTF-8"), None),
    }
}
