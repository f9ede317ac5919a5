//! What the command takes.
//!
//! Owns: names, defaults and help of every argument. Never: asks a host; what only it can know, such as which tiers there are,
//! it says itself.
#![allow(clippy::doc_markdown)] // what stands here is read on a terminal

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::settings::{read_size, read_ttl};

/// The codes of `Exit`, for people.
const EXIT_CODES: &str = "\
Exit codes:
  0    done; for health: healthy and ready; for check-config: no problem
  1    the cache refused or failed, is not healthy or not ready, or you said no
  2    wrong usage, or wrong settings
  3    no admin answers at that address, or not in time
  4    the token is missing or wrong
  130  ended by Ctrl-C (stats --watch: 0, for that is its end)

Environment:
  APEX_CACHE_URL          where the admin is; also as the host prints it, with
                          its token: http://127.0.0.1:9120/#token=...
  APEX_CACHE_ADMIN_TOKEN  the token
  NO_COLOR                if not empty, no colours; a pipe gets none anyway

Errors are told on standard error; with --json as an object error with the texts
kind and message.";

/// Looks into the cache of a running program and steers it, over the admin that the program has started.
///
/// Without the token counts can be seen; for keys, and for every change, it is needed. Values are shown to nobody.
#[derive(Debug, Parser)]
#[command(name = "apex-cache", version, max_term_width = 80, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) host: HostArguments,
    /// Write JSON: one document, or one object a line where there is no end
    #[arg(long, global = true, help_heading = "Output")]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) task: Task,
}

/// Which host is asked, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "The host")]
pub(super) struct HostArguments {
    /// Where the admin is, with the path where it is mounted. Default: APEX_CACHE_URL, else http://127.0.0.1:9120
    #[arg(long, global = true, value_name = "URL")]
    pub(super) url: Option<String>,
    /// A file with the token; - for standard input. Default: the token in APEX_CACHE_URL, else APEX_CACHE_ADMIN_TOKEN
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// How long an answer may take, 100ms to 10m
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", value_parser = time_limit)]
    pub(super) timeout: Duration,
}

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Show the counters and the keys that are read most
    Stats(StatsTask),
    /// Show the settings in force and the status of every tier
    Info,
    /// List entries: size, age, time left, hits
    Entries(EntriesTask),
    /// Tell where a key is, how fresh, and why it was absent last
    Explain {
        /// The key, such as user::42::profile
        key: String,
    },
    /// Take entries away, or count what would be taken
    Clear(ClearTask),
    /// Take away everything of a user, and count what is left
    Forget(ForgetTask),
    /// Run warm sources, and show how far they are
    Warm {
        /// all, or the name of a tier
        #[arg(default_value = "all")]
        scope: String,
    },
    /// Change what all tiers together may hold
    SetBudget {
        /// Whole MB, or text such as 512MB or 1GB
        #[arg(value_parser = read_size)]
        size: u64,
    },
    /// Change how long values live that are stored from then on
    SetTtl {
        /// The name of a tier, or prefix:PREFIX
        #[arg(value_name = "TIER")]
        of: String,
        /// Whole seconds, or text such as 90s, 30m or 1h
        #[arg(value_parser = ttl)]
        time: Duration,
    },
    /// Switch the cache on, or off, which drops what it holds
    SetEnabled {
        /// on or off
        state: State,
    },
    /// Read the settings again that the cache was started with
    Reload,
    /// Put a tier back into service that broke too often
    Revive {
        /// The name of the tier
        tier: String,
    },
    /// Follow what takes place, as it happens
    Events(EventsTask),
    /// Ask whether the cache is alive and ready
    Health,
    /// Check files with settings, and list every problem
    CheckConfig(CheckTask),
    /// Write a script that completes this command in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct StatsTask {
    /// How many of the keys that are read most, 0 to 10
    #[arg(long, value_name = "NUMBER", default_value = "5", value_parser = clap::value_parser!(u8).range(0..=10))]
    pub(super) top: u8,
    /// Go on, and draw them anew every so many seconds (2, or 1 to 60)
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(super) watch: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct EntriesTask {
    /// What clear takes: a pattern, a key, prefix:PREFIX, tag:TAG, tier:NAME
    #[arg(default_value = "all", hide_default_value = true)]
    pub(super) pattern: String,
    /// Only of this tier
    #[arg(long, value_name = "NAME")]
    pub(super) tier: Option<String>,
    /// Only in this state
    #[arg(long)]
    pub(super) state: Option<EntryState>,
    /// By what they are sorted
    #[arg(long, default_value = "key")]
    pub(super) sort: Sort,
    /// In which direction. Default: asc for key and left, else desc
    #[arg(long)]
    pub(super) order: Option<Order>,
    /// How many are listed
    #[arg(long, value_name = "NUMBER", default_value = "50", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(super) limit: u64,
    /// Go on behind an earlier list, which ends with what to write here
    #[arg(long, value_name = "CURSOR")]
    pub(super) after: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ClearTask {
    #[command(flatten)]
    pub(super) object: Object,
    /// Only count
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    pub(super) yes: bool,
}

/// What is cleared: one of the two must be said.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Object {
    /// A pattern (products:*), a key, prefix:PREFIX, tag:TAG, tier:NAME, or key:KEY for a key that looks like one of these
    pub(super) pattern: Option<String>,
    /// Every entry
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Debug, Args)]
pub(super) struct ForgetTask {
    /// The id of the user: 42 for user::42
    #[arg(value_name = "USER")]
    pub(super) user: String,
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct EventsTask {
    /// Only these: removed, loaded, refreshed, load_failed, cleared, restarted
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(super) kinds: Vec<String>,
    /// Only of this tier
    #[arg(long, value_name = "NAME")]
    pub(super) tier: Option<String>,
    /// End after so many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct CheckTask {
    /// TOML, JSON or YAML; of several, later ones win, value by value
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Then the variables APEX_CACHE__...
    #[arg(long)]
    pub(super) environment: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum State {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum EntryState {
    Fresh,
    Stale,
    Expired,
    Nothing,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Sort {
    Key,
    Size,
    Age,
    Left,
    Hits,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Order {
    Asc,
    Desc,
}

/// The word of a choice, which is also that of the admin.
pub(super) fn word(choice: &impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn time_limit(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map(Duration::from_secs);
    let time = seconds.or_else(|_| humantime::parse_duration(text)).ok();
    time.filter(|time| (Duration::from_millis(100)..=Duration::from_secs(600)).contains(time))
        .ok_or_else(|| String::from("expected seconds, or text such as 500ms or 1m, from 100ms to 10m"))
}

fn ttl(text: &str) -> Result<Duration, String> {
    let whole = |time: &Duration| time.subsec_nanos() == 0;
    let time = read_ttl(text)?;
    Some(time).filter(whole).ok_or_else(|| String::from("expected whole seconds"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_are_bounded() {
        assert_eq!(time_limit("5"), Ok(Duration::from_secs(5)));
        assert_eq!(time_limit("250ms"), Ok(Duration::from_millis(250)));
        assert!(["0", "99ms", "11m", "", "-1", "x"].into_iter().all(|text| time_limit(text).is_err()));
        assert!(ttl("1500ms").is_err() && ttl("0").is_err() && ttl("2m") == Ok(Duration::from_secs(120)));
    }
}
