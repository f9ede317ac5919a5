//! `explain`: what the cache knows of one key.
//!
//! Owns: its layout. Never: words of its own for what the admin has put into words.

use super::answers::Explained;
use super::client::{Answer, Client};
use super::failure::{Exit, Failure};
use super::out::{BOLD, Out, facts, heading};

pub(super) fn run(client: &Client, key: &str, out: &Out) -> Result<Exit, Failure> {
    let Answer { document, read } = client.get::<Explained>("/api/explain", &[("key", key)])?;
    out.show(&document, || panel(&read, out))?;
    Ok(Exit::Done)
}

/// The facts of the admin's panel under the whole key: there it is cut and in ASCII, as a panel for any screen must be.
fn panel(known: &Explained, out: &Out) -> String {
    let lines = known.text.lines().filter_map(|line| line.trim_start().split_once(": "));
    let told: Vec<_> = lines
        .filter(|(name, _)| *name != "Key")
        .map(|(name, value)| {
            let value = out.shown(value);
            let value = if name == "State" { format!("{BOLD}{value}{BOLD:#}") } else { value };
            (out.shown(name), value)
        })
        .collect();
    if told.is_empty() {
        return heading(&out.shown(&known.key)) + &facts(&[("State", out.shown(&known.state))]);
    }
    heading(&out.shown(&known.key)) + &facts(&told)
}
