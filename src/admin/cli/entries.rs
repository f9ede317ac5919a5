//! `entries`: what the cache holds, as a list.
//!
//! Owns: going through pages, and the columns. Never: holds more of them than were asked for.

use serde_json::{Value, json};

use super::answers::{Entries, Entry};
use super::arguments::{EntriesTask, word};
use super::client::{Answer, Client};
use super::failure::{Exit, Failure};
use super::out::{DIM, Out, Side, WARNING, count, table};
use crate::admin::text::{counted, size, time};

/// Entries of a page at most.
const PAGE: u64 = 1_000;

/// All pages as one.
#[derive(Default)]
struct List {
    documents: Vec<Value>,
    entries: Vec<Entry>,
    matched: u64,
    bytes: u64,
    next: Option<String>,
}

pub(super) fn run(client: &Client, task: &EntriesTask, out: &Out) -> Result<Exit, Failure> {
    let mut list = List { next: task.after.clone(), ..List::default() };
    let mut left = task.limit;
    loop {
        let asked = left.min(PAGE);
        let came = list.add(page(client, task, asked, list.next.as_deref())?);
        left = left.saturating_sub(came);
        // One that is not full is the last, whatever it says.
        if left == 0 || came < asked || list.next.is_none() {
            break;
        }
    }
    let document = json!({
        "entries": list.documents, "matched": list.matched, "bytes": list.bytes, "next": list.next,
    });
    out.show(&document, || panel(&list, out))?;
    Ok(Exit::Done)
}

fn page(
    client: &Client,
    task: &EntriesTask,
    limit: u64,
    after: Option<&str>,
) -> Result<Answer<Entries>, Failure> {
    let (sort, limit) = (word(&task.sort), limit.to_string());
    let (state, order) = (task.state.as_ref().map(word), task.order.as_ref().map(word));
    let mut query = vec![("scope", task.pattern.as_str()), ("sort", &sort), ("limit", &limit)];
    let more = [("tier", &task.tier), ("state", &state), ("order", &order)];
    query.extend(more.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
    query.extend(after.map(|cursor| ("cursor", cursor)));
    client.get("/api/entries", &query)
}

impl List {
    /// Adds a page, and says how many entries it had.
    fn add(&mut self, page: Answer<Entries>) -> u64 {
        let Answer { mut document, read } = page;
        let came = read.entries.len() as u64;
        if let Value::Array(entries) = document["entries"].take() {
            self.documents.extend(entries);
        }
        self.entries.extend(read.entries);
        (self.matched, self.bytes, self.next) = (read.matched, read.bytes, read.next);
        came
    }
}

fn panel(list: &List, out: &Out) -> String {
    let found = counted(list.matched, "entry", "entries");
    if list.entries.is_empty() {
        return format!("no entry to show; {found} matched\n");
    }
    let head = [
        ("SIZE", Side::Right),
        ("AGE", Side::Right),
        ("LEFT", Side::Right),
        ("HITS", Side::Right),
        ("BY", Side::Left),
        ("TIER", Side::Left),
        ("KEY", Side::Left),
    ];
    let rows: Vec<_> = list.entries.iter().map(|entry| row(entry, out)).collect();
    let mut text = table(&head, &rows);
    let shown = list.entries.len() as u64;
    text += &format!("{DIM}{} of {found}, {} in all{DIM:#}\n", count(shown), size(list.bytes));
    if let Some(cursor) = &list.next {
        text += &format!("{DIM}more: the same with --after {}{DIM:#}\n", quoted(&out.shown(cursor)));
    }
    text
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ":._,=~%-".contains(letter);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn row(entry: &Entry, out: &Out) -> Vec<String> {
    let left = match &*entry.state {
        "fresh" => time(entry.left_s.0),
        // Known to be nothing at the source: it has a time too, and no value.
        "nothing" => format!("{DIM}nothing{DIM:#}"),
        other => format!("{WARNING}{}{WARNING:#}", out.shown(other)),
    };
    vec![
        size(entry.size),
        time(entry.age_s.0),
        left,
        count(entry.hits),
        out.shown(&entry.source),
        out.shown(&entry.tier),
        out.shown(&entry.key),
    ]
}
