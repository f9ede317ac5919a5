//! What `/cache-set` and its like may change while the cache runs.
//!
//! Owns: the grammar of a change and the words for it. Never: makes it.

use std::fmt;
use std::sync::Arc;

use super::command::{excess, refuse, tier_name};
use super::text::{limit, meant, time};
use crate::error::{Error, Result, Shown};
use crate::message::{Change, Changed, TtlOf};
use crate::settings::{read_size, read_ttl};

const TAKES: &str = "ttl TIER TIME, ttl prefix:PREFIX TIME, ttl prefix:PREFIX tier, enabled on, enabled off, or max_size_mb NUMBER";

impl Change {
    /// Understands the words behind `/cache-set`.
    pub(super) fn parse(arguments: &[&str]) -> Result<Self> {
        match arguments {
            ["ttl", of, "tier"] if of.starts_with("prefix:") => {
                Ok(Self::TtlOfTier(of["prefix:".len()..].into()))
            }
            ["ttl", of, text] => {
                let of = match of.strip_prefix("prefix:") {
                    Some(prefix) => TtlOf::Prefix(prefix.into()),
                    None => TtlOf::Tier(tier_name(of, "/cache-set ttl")?),
                };
                let ttl = read_ttl(text).map_err(|reason| wrong("ttl", reason))?;
                Ok(Self::Ttl { of, ttl })
            }
            ["enabled", "on" | "true"] => Ok(Self::Enabled(true)),
            ["enabled", "off" | "false"] => Ok(Self::Enabled(false)),
            ["enabled", word] => excess("/cache-set enabled", word, "on or off"),
            ["max_size_mb", text] => {
                read_size(text).map(Self::MaxSize).map_err(|reason| wrong("max_size_mb", reason))
            }
            ["ttl" | "enabled" | "max_size_mb", ..] | [] => refuse(format!("/cache-set takes {TAKES}")),
            [word, ..] => {
                let guess = meant(word, ["ttl", "enabled", "max_size_mb"]);
                let guess = guess.map(|guess| format!("; did you mean {guess}?")).unwrap_or_default();
                refuse(format!("/cache-set cannot set {}: it takes {TAKES}{guess}", Shown::new(word)))
            }
        }
    }

    /// The setting without its value, as the audit names it.
    pub fn setting(&self) -> String {
        match self {
            Self::Ttl { of, .. } => format!("ttl {of}"),
            Self::TtlOfTier(prefix) => format!("ttl {}", TtlOf::Prefix(Arc::clone(prefix))),
            Self::Enabled(_) => "enabled".to_owned(),
            Self::MaxSize(_) => "max_size_mb".to_owned(),
        }
    }

    /// Its value, as people read it.
    pub fn value(&self) -> String {
        match self {
            Self::Ttl { ttl, .. } => time(*ttl),
            Self::TtlOfTier(_) => "that of its tier".to_owned(),
            Self::Enabled(true) => "on".to_owned(),
            Self::Enabled(false) => "off".to_owned(),
            Self::MaxSize(bytes) => limit(*bytes),
        }
    }

    /// What follows from it for what is stored already.
    pub(crate) fn consequence(&self) -> &'static str {
        match self {
            Self::Ttl { .. } | Self::TtlOfTier(_) => "what is stored keeps the time to live that it has",
            Self::Enabled(true) => "it begins empty",
            Self::Enabled(false) => "what it held is gone; loaders run directly",
            Self::MaxSize(_) => "tiers shed what is too much",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.setting(), self.value())
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is now {}, was {}", self.key, self.new.value(), self.old.value())
    }
}

fn wrong(setting: &str, reason: String) -> Error {
    Error::InvalidSetting { setting: setting.to_owned(), reason }
}

/// The id of a user behind `/cache-forget`.
pub(super) fn user(arguments: &[&str]) -> Result<Arc<str>> {
    match arguments {
        [] => refuse("/cache-forget lacks the id of a user, such as 42 for user::42"),
        [user] => Ok((*user).into()),
        [_, argument, ..] => {
            excess("/cache-forget", argument, "one id of a user; one that holds blanks stands in quotes")
        }
    }
}
