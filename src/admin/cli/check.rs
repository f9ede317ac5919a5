//! `check-config`: whether a host would start with these files.
//!
//! Owns: what is printed of each problem. Never: has a rule of its own; `settings` is asked as a host asks it.

use serde_json::{Value, json};

use super::arguments::CheckTask;
use super::failure::{Exit, Failure};
use super::out::{BAD, BOLD, GOOD, Out};
use crate::admin::text::{counted, limit, time};
use crate::settings::{Problem, Settings, Sources};

pub(super) fn run(task: &CheckTask, out: &Out) -> Result<Exit, Failure> {
    let mut sources = task.files.iter().fold(Settings::load(), Sources::file);
    if task.environment {
        sources = sources.environment();
    }
    match sources.read() {
        Ok(settings) => {
            out.show(&json!({ "ok": true, "problems": [] }), || good(&settings, out))?;
            Ok(Exit::Done)
        }
        Err(error) => {
            let problems: Vec<_> = error.problems.iter().map(document).collect();
            out.show(&json!({ "ok": false, "problems": problems }), || bad(&error.problems))?;
            let count = counted(problems.len() as u64, "problem", "problems");
            out.remark(&format!("{count}; a host would not start with these settings"));
            Ok(Exit::Usage)
        }
    }
}

fn document(problem: &Problem) -> Value {
    let Problem { key, value, origin, allowed, guess } = problem;
    json!({ "key": key, "value": value, "origin": origin, "allowed": allowed, "guess": guess })
}

fn good(settings: &Settings, out: &Out) -> String {
    let tiers: Vec<_> =
        settings.tiers.iter().map(|tier| format!("{} {}", out.shown(&tier.name), time(tier.ttl))).collect();
    format!("{GOOD}no problem{GOOD:#}: {}, tiers {}\n", limit(settings.max_size), tiers.join(", "))
}

/// Each problem on a line of its own. Its parts have been made harmless by `settings`.
fn bad(problems: &[Problem]) -> String {
    let mut text = String::new();
    for Problem { key, value, origin, allowed, guess } in problems {
        let what = match (key.is_empty(), value.is_empty()) {
            (true, _) => String::new(),
            (false, true) => format!("{BOLD}{key}{BOLD:#}: "),
            (false, false) => format!("{BOLD}{key}{BOLD:#} = {BAD}{value}{BAD:#}: "),
        };
        let guess = guess.as_ref().map(|guess| format!("; did you mean {guess}?")).unwrap_or_default();
        text += &format!("{origin}: {what}{allowed}{guess}\n");
    }
    text
}
