//! The options of the example: one table of flags, parsed by hand, every value checked.
//!
//! Owns: names, defaults, bounds, and the sentence that a wrong option gets.
//! Never: prints or exits; `main` does that.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// A stretch of milliseconds from which a value is drawn, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Shortest, in milliseconds.
    pub(crate) min: u64,
    /// Longest, in milliseconds.
    pub(crate) max: u64,
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(out, "{} ms", self.min)
        } else {
            write!(out, "{}..{} ms", self.min, self.max)
        }
    }
}

/// Everything that can be chosen for a run.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) seed: u64,
    pub(crate) json: bool,
    pub(crate) db: Option<PathBuf>,
    pub(crate) delay: Span,
    pub(crate) think: Span,
    pub(crate) users: u32,
    pub(crate) products: u32,
    pub(crate) sessions: u32,
    pub(crate) at_once: u32,
    pub(crate) interactions: u32,
    pub(crate) writes: f64,
    pub(crate) max_size_mb: u32,
    pub(crate) max_entry_mb: u32,
    pub(crate) load_concurrency: u32,
    pub(crate) sabotage: bool,
    /// Where the shop is opened, in place of the runs.
    pub(crate) serve: Option<SocketAddr>,
    /// For how long; `None`: until it is interrupted.
    pub(crate) seconds: Option<u32>,
    pub(crate) help: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quick: false,
            seed: 1,
            json: false,
            db: None,
            delay: Span { min: 50, max: 200 },
            think: Span { min: 50, max: 150 },
            users: 20_000,
            products: 10_000,
            sessions: 2_000,
            at_once: 500,
            interactions: 20,
            writes: 5.0,
            max_size_mb: 100,
            max_entry_mb: 8,
            load_concurrency: 512,
            sabotage: false,
            serve: None,
            seconds: None,
            help: false,
        }
    }
}

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A shop on a real SQLite database, run without and with Apex Cache.

Usage: cargo run --release --example shop -- [OPTIONS]

  --quick                 500 sessions instead of 2,000 (about 25 s instead of 75 s)
  --seed N                the same seed gives the same data and the same plan [1]
  --json                  one JSON object on one line on stdout, nothing else there
  --db PATH               build the database here, or use the one that an earlier run built [a temporary file]
  --delay MS | MIN..MAX   extra time per query, for a database across a network; 0 = bare SQLite [50..200]
  --think MS | MIN..MAX   pause of a person between two interactions [50..150; with --serve 300..1500]
  --sessions N            sessions in all, 1 ..= 100000 [2000; with --quick 500]
  --at-once N             sessions under way at once, 1 ..= 5000 [500; with --serve 50]
  --interactions N        interactions of a session after its first, 1 ..= 1000 [20]
  --writes PERCENT        share of the interactions that change something, 0 ..= 100 [5]
  --users N               1 ..= 1000000 [20000]
  --products N            100 ..= 200000 [10000]
  --max-size-mb N         budget of the cache in MiB, 1 ..= 65536 [100]
  --max-entry-mb N        largest entry in MiB, 1 ..= 1024; the full catalog is one entry
                          [8, or a tenth of --max-size-mb]
  --load-concurrency N    loads at once in each tier, 1 ..= 4096 [512]
  --sabotage              leave the invalidations out: shows that the check for stale answers can fail
  --serve [ADDRESS]       open the shop in place of the runs, with the page of the cache and visitors [127.0.0.1:8080];
                          it ends with Ctrl-C; needs --features admin-http
  --for SECONDS           with --serve: for so long, 1 ..= 86400
  --help                  this text

Exit code: 0 = all answers were current (or --sabotage was noticed), 1 = not so, 2 = a wrong option,
3 = --serve in a build without the feature admin-http.
";

/// What has to be typed to open the shop.
pub(crate) const SERVE: &str = "cargo run --release --features admin-http --example shop -- --serve";

const SWITCHES: [&str; 4] = ["--quick", "--json", "--sabotage", "--help"];
const VALUED: [&str; 15] = [
    "--serve",
    "--for",
    "--seed",
    "--db",
    "--delay",
    "--think",
    "--sessions",
    "--at-once",
    "--interactions",
    "--writes",
    "--users",
    "--products",
    "--max-size-mb",
    "--max-entry-mb",
    "--load-concurrency",
];

impl Options {
    /// Reads the command line; `Err` is a sentence for the person who typed it.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter().collect::<Vec<_>>().into_iter().peekable();
        let mut options = Self::default();
        let (mut sessions, mut max_entry, mut at_once, mut think) = (None, None, None, None);
        while let Some(word) = words.next() {
            let (flag, attached) = match word.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            if SWITCHES.contains(&flag.as_str()) {
                if let Some(value) = attached {
                    return Err(format!("{flag} takes no value, but was given {value:?}"));
                }
                options.switch(&flag);
                continue;
            }
            if !VALUED.contains(&flag.as_str()) {
                return Err(unknown(&flag));
            }
            if flag == "--serve" {
                let address = attached.or_else(|| words.next_if(|word| !word.starts_with("--")));
                options.serve = Some(address.map_or(Ok(ADDRESS), |address| self::address(&flag, &address))?);
                continue;
            }
            let value =
                attached.or_else(|| words.next()).ok_or_else(|| format!("{flag} needs a value after it"))?;
            if flag == "--sessions" {
                sessions = Some(number(&flag, &value, 1, 100_000)?);
            } else if flag == "--max-entry-mb" {
                max_entry = Some(number(&flag, &value, 1, 1_024)?);
            } else if flag == "--at-once" {
                at_once = Some(number(&flag, &value, 1, 5_000)?);
            } else if flag == "--think" {
                think = Some(span(&flag, &value)?);
            } else {
                options.set(&flag, &value)?;
            }
        }
        if options.seconds.is_some() && options.serve.is_none() {
            return Err(
                "--for says how long --serve keeps the shop open, and --serve was not given".to_owned()
            );
        }
        // A shop that is looked at has fewer visitors, who take their time.
        let open = options.serve.is_some();
        options.at_once = at_once.unwrap_or(if open { 50 } else { options.at_once });
        options.think = think.unwrap_or(if open { Span { min: 300, max: 1_500 } } else { options.think });
        options.sessions = sessions.unwrap_or(if options.quick { 500 } else { options.sessions });
        // The cache allows an entry at most a tenth of its budget.
        options.max_entry_mb = max_entry.unwrap_or(options.max_entry_mb.min(options.max_size_mb / 10).max(1));
        Ok(options)
    }

    fn switch(&mut self, flag: &str) {
        match flag {
            "--quick" => self.quick = true,
            "--json" => self.json = true,
            "--sabotage" => self.sabotage = true,
            _ => self.help = true,
        }
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        match flag {
            "--seed" => self.seed = number(flag, value, 0, u64::MAX)?,
            "--db" => self.db = Some(PathBuf::from(value)),
            "--delay" => self.delay = span(flag, value)?,
            "--for" => self.seconds = Some(number(flag, value, 1, 86_400)?),
            "--interactions" => self.interactions = number(flag, value, 1, 1_000)?,
            "--writes" => self.writes = number(flag, value, 0.0, 100.0)?,
            "--users" => self.users = number(flag, value, 1, 1_000_000)?,
            "--products" => self.products = number(flag, value, 100, 200_000)?,
            "--max-size-mb" => self.max_size_mb = number(flag, value, 1, 65_536)?,
            _ => self.load_concurrency = number(flag, value, 1, 4_096)?,
        }
        Ok(())
    }

    /// Every parameter, as the start of the report shows it.
    pub(crate) fn describe(&self) -> Vec<(&'static str, String)> {
        let db =
            self.db.as_ref().map_or_else(|| "a temporary file".to_owned(), |path| path.display().to_string());
        vec![
            ("--seed", self.seed.to_string()),
            ("--db", db),
            ("--delay", format!("{} per query, drawn evenly", self.delay)),
            ("--think", format!("{} between interactions, four times that after the first", self.think)),
            ("--users", self.users.to_string()),
            ("--products", self.products.to_string()),
            (
                "--sessions",
                format!(
                    "{}, {} at once (--at-once), started over the first second",
                    self.sessions,
                    self.at_once.min(self.sessions)
                ),
            ),
            ("--interactions", format!("{} after the first", self.interactions)),
            ("--writes", format!("{} % of the interactions", self.writes)),
            ("--max-size-mb", format!("{} MiB", self.max_size_mb)),
            (
                "--max-entry-mb",
                format!("{} MiB (max_entry_size: the full catalog is one entry)", self.max_entry_mb),
            ),
            (
                "--load-concurrency",
                format!("{} loads at once in each tier (load_concurrency)", self.load_concurrency),
            ),
            ("--sabotage", if self.sabotage { "yes: invalidations are left out" } else { "no" }.to_owned()),
        ]
    }
}

fn number<T: FromStr + PartialOrd + fmt::Display + Copy>(
    flag: &str,
    value: &str,
    min: T,
    max: T,
) -> Result<T, String> {
    match value.replace(['_', ','], "").parse::<T>() {
        Ok(number) if number >= min && number <= max => Ok(number),
        _ => Err(format!("{flag} takes a number from {min} to {max}, but was given {value:?}")),
    }
}

/// At most a minute: longer would be a slip of the finger.
fn span(flag: &str, value: &str) -> Result<Span, String> {
    let bad = || {
        format!("{flag} takes milliseconds from 0 to 60000, such as 100 or 50..200, but was given {value:?}")
    };
    let (min, max) = value.split_once("..").unwrap_or((value, value));
    let span =
        Span { min: min.trim().parse().map_err(|_| bad())?, max: max.trim().parse().map_err(|_| bad())? };
    if span.min <= span.max && span.max <= 60_000 { Ok(span) } else { Err(bad()) }
}

/// Where the shop is opened when nothing else is said.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8_080);

fn address(flag: &str, value: &str) -> Result<SocketAddr, String> {
    let refused =
        |_| format!("{flag} takes an address with a port, such as 127.0.0.1:8080, but was given {value:?}");
    value.parse().map_err(refused)
}

fn unknown(flag: &str) -> String {
    let nearest = SWITCHES.iter().chain(&VALUED).map(|known| (distance(flag, known), *known)).min();
    match nearest {
        Some((steps, known)) if steps <= 2.max(flag.len() / 4) => {
            format!("there is no option {flag}; did you mean {known}? --help lists all")
        }
        _ => format!("there is no option {flag}; --help lists all"),
    }
}

/// How many letters must be changed, added or left out to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_typed_gives_the_defaults_and_quick_only_fewer_sessions() {
        assert_eq!(parse("").unwrap(), Options::default());
        let quick = parse("--quick").unwrap();
        assert_eq!((quick.sessions, quick.quick), (500, true));
        assert_eq!(parse("--sessions 9 --quick").unwrap().sessions, 9);
        assert_eq!(parse("--max-size-mb 20").unwrap().max_entry_mb, 2);
        assert_eq!(parse("--max-entry-mb 3 --max-size-mb 20").unwrap().max_entry_mb, 3);
    }

    #[test]
    fn values_stand_behind_a_space_or_an_equals_sign() {
        let options = parse("--seed 7 --delay=5..9 --think 0 --writes 2.5 --users=1_000 --json").unwrap();
        assert_eq!((options.seed, options.delay, options.users), (7, Span { min: 5, max: 9 }, 1_000));
        assert!((options.writes - 2.5).abs() < 1e-9 && options.json);
        assert_eq!(options.think, Span { min: 0, max: 0 });
    }

    #[test]
    fn the_shop_is_opened_where_and_for_as_long_as_was_said() {
        let open = parse("--serve").unwrap();
        assert_eq!((open.serve, open.seconds), (Some("127.0.0.1:8080".parse().unwrap()), None));
        assert_eq!((open.at_once, open.think), (50, Span { min: 300, max: 1_500 }));
        let open = parse("--serve [::1]:0 --for 5 --at-once 7 --think 9").unwrap();
        assert_eq!((open.serve, open.seconds), (Some("[::1]:0".parse().unwrap()), Some(5)));
        assert_eq!((open.at_once, open.think), (7, Span { min: 9, max: 9 }));
        assert_eq!(parse("--serve=127.0.0.1:1 --json").unwrap().serve.unwrap().port(), 1);
        assert!(parse("--serve --quick").unwrap().quick);
        assert!(parse("--serve 8080").unwrap_err().contains("an address with a port"));
        assert!(parse("--for 5").unwrap_err().contains("--serve was not given"));
        assert!(HELP.contains("3 = --serve") && SERVE.ends_with("-- --serve"));
    }

    #[test]
    fn a_wrong_option_is_named_and_guessed_at() {
        assert!(parse("--sesions 9").unwrap_err().contains("did you mean --sessions?"));
        assert!(!parse("--frobnicate").unwrap_err().contains("did you mean"));
        assert!(parse("--seed").unwrap_err().contains("needs a value"));
        assert!(parse("--quick=yes").unwrap_err().contains("takes no value"));
    }

    #[test]
    fn a_wrong_value_is_answered_with_what_is_allowed() {
        for line in [
            "--writes 101",
            "--writes NaN",
            "--users 0",
            "--users x",
            "--delay 9..5",
            "--delay 60001",
            "--seed -1",
        ] {
            let sentence = parse(line).unwrap_err();
            assert!(sentence.contains("takes") && sentence.contains("but was given"), "{line}: {sentence}");
        }
    }
}
