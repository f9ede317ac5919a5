//! What people read, to the letter.
//!
//! The texts stand in `tests/golden`. After a change that is meant, write them anew with
//! `UPDATE_GOLDEN=1 cargo test --test admin_cli`, and read the difference before you commit it.

use std::path::Path;

use super::canned::Canned;
use super::command::Apex;
use super::documents;

/// Longest line that a person on a terminal of the usual width sees whole.
const COLUMNS: usize = 80;

/// Holds what `arguments` print against the golden file of that name.
fn golden(name: &str, arguments: &[&str], code: i32) {
    let canned = Canned::documents(documents::of);
    let ended = Apex::new(arguments).env("APEX_CACHE_URL", &canned.url()).run().expect(code);
    let text = format!("{}{}", ended.out, ended.err).replace(&canned.address.to_string(), "127.0.0.1:9120");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/cli_{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).expect("tests/golden can be written");
    }
    let wanted = std::fs::read_to_string(&path).expect("the golden file is there");
    assert_eq!(text, wanted, "{name}: see the head of this file");
}

#[test]
fn every_answer_is_printed_to_the_letter() {
    golden("stats", &["stats"], 0);
    golden("stats_top", &["stats", "--top", "1"], 0);
    golden("info", &["info"], 0);
    golden("entries", &["entries"], 0);
    golden("explain", &["explain", "user::müller"], 0);
    golden("clear", &["clear", "user::42::*", "--dry-run"], 0);
    golden("forget", &["forget", "42", "--yes"], 1);
    golden("warm", &["warm"], 1);
    golden("budget", &["set-budget", "50"], 0);
    golden("ttl", &["set-ttl", "user", "90s"], 0);
    golden("enabled", &["set-enabled", "off"], 0);
    golden("reload", &["reload"], 0);
    golden("revive", &["revive", "user"], 0);
    golden("health", &["health"], 1);
    golden("help", &["--help"], 0);
}

#[test]
fn tables_fit_a_terminal_of_eighty_columns() {
    let canned = Canned::documents(documents::of);
    for task in ["stats", "info", "entries", "warm"] {
        let ended = Apex::new(&[task]).env("APEX_CACHE_URL", &canned.url()).run();
        let wide: Vec<_> = ended.out.lines().filter(|line| line.chars().count() > COLUMNS).collect();
        // Sentences may wrap; what stands in columns may not.
        assert!(wide.iter().all(|line| !line.contains("   ")), "{task}: {wide:?}");
    }
}

#[test]
fn a_terminal_that_shows_ascii_only_is_sent_nothing_else() {
    let canned = Canned::documents(documents::of);
    let task = |task: &str| Apex::new(&[task]).env("APEX_CACHE_URL", &canned.url()).env("LANG", "C").run();
    for name in ["stats", "info", "entries"] {
        assert!(task(name).out.is_ascii(), "{name}");
    }
    assert!(task("entries").out.contains(r"user::m\u{fc}ller::orders::a b"));
}
