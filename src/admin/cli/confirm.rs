//! A question to the person before something is taken away.
//!
//! Owns: when one can be asked, and what counts as a yes. Never: takes silence for one.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::failure::{Exit, Failure};
use super::out::Out;

/// Fails where nobody can be asked. For before anything else is done.
pub(super) fn possible() -> Result<(), Failure> {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(
        "this takes entries away and there is no terminal to ask whether it should; add --yes to do it, or --dry-run to \
         count",
    ))
}

/// Says what the question is about, to the person, whatever the answer is written as.
pub(super) fn say(sentence: &str, out: &Out) {
    let _ = writeln!(io::stderr(), "{}", out.shown(sentence));
}

/// Asks; nothing but a yes is one.
pub(super) fn ask(question: &str, out: &Out) -> Result<(), Failure> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(format!("{} [y/N] ", out.shown(question)).as_bytes())?;
    stderr.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Refused, "Declined", "the answer was not yes, so nothing was removed")),
    }
}
