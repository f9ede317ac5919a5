//! Everything that is written, for people and for programs.
//!
//! Owns: whether it is JSON, which signs and colours the terminal may be sent, how foreign text is made harmless, how columns
//! are aligned. Never: decides what is told.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use console::{Term, measure_text_width};
use serde_json::Value;

use super::failure::Failure;
use crate::admin::Style as Signs;
use crate::admin::text::visible;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Columns that sentences are broken to.
pub(super) const COLUMNS: usize = 80;

/// Where answers go.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) json: bool,
    signs: Signs,
}

impl Out {
    pub(super) fn new(json: bool) -> Self {
        // The first that is set says it, as in every program that asks the C library.
        let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let unicode = cfg!(windows) || locale.ends_with("utf-8") || locale.ends_with("utf8");
        Self { json, signs: if unicode { Signs::Emoji } else { Signs::Plain } }
    }

    /// Whether the terminal shows more than ASCII.
    pub(super) fn unicode(&self) -> bool {
        self.signs == Signs::Emoji
    }

    /// Text from outside, fit for a line: what cannot be seen or would steer a terminal is escaped. Nothing is cut, for a key
    /// that is cut is none.
    pub(super) fn shown(&self, text: &str) -> String {
        visible(text, self.signs)
    }

    /// Writes the document, or the text for people.
    pub(super) fn show(&self, document: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json { write(&format!("{}\n", harmless(document))) } else { write(&text()) }
    }

    /// Tells an error. That nobody can be told it is nobody's trouble.
    pub(super) fn complain(&self, document: &Value, sentence: &str) {
        let text = if self.json {
            format!("{}\n", harmless(document))
        } else {
            // A list keeps its lines, each behind a margin, so that none can be taken for one of ours.
            let mut lines = sentence.lines().map(|line| self.shown(line.trim_start()));
            let first = format!("{BAD}error:{BAD:#} {}", lines.next().unwrap_or_default());
            lines.fold(for_person(&first, 0), |text, line| text + "\n  " + &for_person(&line, 2)) + "\n"
        };
        let _ = anstream::stderr().write_all(text.as_bytes());
    }

    /// Says something beside the answer, to people only.
    pub(super) fn remark(&self, sentence: &str) {
        if !self.json {
            let text = format!("{}\n", for_person(&self.shown(sentence), 0));
            let _ = anstream::stderr().write_all(text.as_bytes());
        }
    }
}

/// Writes text in which foreign parts are harmless already. Colours reach only a terminal that wants them.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Writes bytes as they are.
pub(super) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// A sentence that begins at the column `begin`, broken at its blanks if it goes to a terminal; one line otherwise.
fn for_person(sentence: &str, begin: usize) -> String {
    let width = Term::stderr().size_checked().map_or(usize::MAX, |(_, columns)| columns.into());
    folded(sentence, begin, width)
}

/// JSON on one line. What JSON lets stand as it is but a terminal may obey, or not show, is written as an escape.
fn harmless(document: &Value) -> String {
    let mut text = String::new();
    for letter in document.to_string().chars() {
        let seen = matches!(letter, '"' | '\\' | '\'') || letter.escape_debug().len() == 1;
        if seen {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// A heading with its line break.
pub(super) fn heading(words: &str) -> String {
    format!("{BOLD}{words}{BOLD:#}\n")
}

/// Names and what is to be said of each, aligned; what is too long for a line goes on below itself.
pub(super) fn facts<N: AsRef<str>>(facts: &[(N, String)]) -> String {
    facts_within(facts, COLUMNS)
}

/// The same with lines of so many columns.
pub(super) fn facts_within<N: AsRef<str>>(facts: &[(N, String)], columns: usize) -> String {
    let width = facts.iter().map(|(name, _)| measure_text_width(name.as_ref())).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in facts {
        let name = name.as_ref();
        let _ = write!(text, "  {name}{:gap$}", "", gap = width - measure_text_width(name) + 2);
        text += &folded(value, width + 4, columns);
        text.push('\n');
    }
    text
}

/// Text that begins at the column `begin`, and goes on there in further lines where one of so many columns is full.
pub(super) fn folded(words: &str, begin: usize, columns: usize) -> String {
    let (mut text, mut column) = (String::new(), begin);
    for (place, word) in words.split(' ').enumerate() {
        let wide = measure_text_width(word);
        if place > 0 && column + 1 + wide > columns {
            let _ = write!(text, "\n{:begin$}", "");
            column = begin;
        } else if place > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += wide;
    }
    text
}

/// On which side the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Rows under a head. Columns are as wide as their widest cell as it is seen, the last one without blanks behind it.
pub(super) fn table(head: &[(&str, Side)], rows: &[Vec<String>]) -> String {
    let titles: Vec<String> = head.iter().map(|(title, _)| format!("{DIM}{title}{DIM:#}")).collect();
    let all = || std::iter::once(&titles).chain(rows);
    let widest = |column: usize| all().map(|row| measure_text_width(&row[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(widest).collect();
    let mut text = String::new();
    for row in all() {
        for (column, cell) in row.iter().enumerate() {
            let gap = widths[column] - measure_text_width(cell);
            let last = column + 1 == row.len();
            let _ = match head[column].1 {
                Side::Right => write!(text, "  {:gap$}{cell}", ""),
                Side::Left if last => write!(text, "  {cell}"),
                Side::Left => write!(text, "  {cell}{:gap$}", ""),
            };
        }
        text.push('\n');
    }
    text
}

/// A count that fits a column: exact up to seven digits.
pub(super) fn count(number: u64) -> String {
    let short = |unit: f64, sign: &str| format!("{:.1}{sign}", number as f64 / unit);
    match number {
        0..10_000_000 => crate::admin::text::thousands(number),
        10_000_000..1_000_000_000 => short(1e6, "M"),
        1_000_000_000..1_000_000_000_000 => short(1e9, "G"),
        _ => short(1e12, "T"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_holds_nothing_that_a_terminal_obeys_and_still_says_the_same() {
        let hostile = json!({ "a\u{9b}": "\u{1b}[2J\u{202e}\u{7f}\u{85}\u{1f47b}\u{e0001}é\"\\" });
        let text = harmless(&hostile);
        assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}' || c == '\u{e0001}'), "{text}");
        assert!(text.contains('\u{1f47b}') && text.contains('é'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), hostile);
    }

    #[test]
    fn columns_are_as_wide_as_they_are_seen() {
        let rows = [vec!["猫".to_owned(), format!("{BAD}7{BAD:#}")], vec!["abc".to_owned(), "12".to_owned()]];
        let text = table(&[("K", Side::Left), ("N", Side::Right)], &rows);
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "  K     N\n  猫    7\n  abc  12\n");
    }

    #[test]
    fn what_is_too_long_goes_on_below_itself() {
        let value = format!("{BAD}{}{BAD:#} end", ["word"; 17].join(" "));
        let text = anstream::adapter::strip_str(&facts(&[("Name", value)])).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [format!("  Name  {}", ["word"; 14].join(" ")), "        word word word end".to_owned()]
        );
        let long = "x".repeat(200);
        assert_eq!(facts(&[("N", long.clone())]), format!("  N  {long}\n"));
    }

    #[test]
    fn counts_stay_short() {
        let counts = [0, 9_999_999, 10_000_000, 12_345_678_901, u64::MAX].map(count);
        assert_eq!(counts, ["0", "9,999,999", "10.0M", "12.3G", "18446744.1T"]);
    }
}
