//! What a decoded value is estimated to hold against what the allocator counts.
//!
//! Owns: a counting allocator for the whole program. Never: a second test; even its line on the screen would be counted.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

use std::alloc::System;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use apex_cache::Value;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: u64,
    name: String,
    city: Option<String>,
    tags: Vec<String>,
    at: (i64, u32),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    number: u32,
    buyer: Row,
    lines: Vec<Line>,
    note: Option<Box<Row>>,
    #[serde(default)]
    by_name: BTreeMap<String, u16>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    product: Arc<str>,
    cents: u64,
    share: f32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    Nothing,
    Seen(u64),
    Said(String),
    Moved { from: Box<Row>, to: Option<Row> },
    Pair(Vec<u8>, Box<str>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped(Box<Row>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Clear {
    row: Box<Row>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Named { name: String },
    Listed { names: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u64,
    #[serde(flatten)]
    row: Inner,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Inner {
    text: String,
    more: Vec<String>,
}

fn text(number: usize) -> String {
    format!("text number {number} of some length{}", ".".repeat(number % 17))
}

fn row(number: usize) -> Row {
    Row {
        id: number as u64,
        name: text(number),
        city: number.is_multiple_of(2).then(|| text(number + 1)),
        tags: (0..number % 5).map(text).collect(),
        at: (1, 2),
    }
}

fn order(number: usize) -> Order {
    Order {
        number: number as u32,
        buyer: row(number),
        lines: (0..number % 9)
            .map(|line| Line { product: text(line).into(), cents: 1, share: 0.5 })
            .collect(),
        note: number.is_multiple_of(3).then(|| Box::new(row(number + 4))),
        by_name: (0..number % 30).map(|name| (text(name), 7)).collect(),
    }
}

fn event(number: usize) -> Event {
    match number % 5 {
        0 => Event::Nothing,
        1 => Event::Seen(9),
        2 => Event::Said(text(number)),
        3 => Event::Moved { from: Box::new(row(number)), to: number.is_multiple_of(2).then(|| row(1)) },
        _ => Event::Pair(vec![200; 40], text(number).into()),
    }
}

/// Estimate and truth for one value, as it stays after decoding.
fn measure<T: Serialize + DeserializeOwned + PartialEq + Send>(value: &T) -> (usize, usize) {
    let encoded = Value::encode(value).unwrap();
    // What a first use of a type remembers is not part of the value.
    assert!(encoded.decode::<T>("k").unwrap() == *value);
    let mut seen = [(0, 0); 3].map(|_| {
        let region = Region::new(ALLOCATOR);
        let (decoded, estimated) = encoded.decode_weighed::<T>("k").unwrap();
        let change = region.change();
        assert!(decoded == *value);
        (change.bytes_allocated.saturating_sub(change.bytes_deallocated), estimated)
    });
    // The thread that waits for the test allocates now and then: of three times the one in the middle.
    seen.sort_unstable();
    let (real, estimated) = seen[1];
    (estimated, real)
}

/// Judges many, and gathers those that are more than a quarter off.
struct Judge(Vec<String>);

impl Judge {
    fn see<T: Serialize + DeserializeOwned + PartialEq + Send>(&mut self, what: &str, value: &T) {
        let (estimated, real) = measure(value);
        let close = estimated * 4 >= real * 3 && estimated * 4 <= real * 5;
        if !(close || real < 64 && estimated <= real + 64) {
            self.0.push(format!("{what}: estimated {estimated}, held {real}"));
        }
    }
}

#[test]
fn the_estimate_lies_within_a_quarter_of_what_the_allocator_counts() {
    let mut judge = Judge(Vec::new());
    for n in [0, 1, 2, 3, 7, 8, 13, 14, 15, 29, 100, 1_000, 5_000] {
        let see = |kind: &str| format!("{kind} of {n}");
        judge.see(&see("String"), &"x".repeat(n));
        judge.see(&see("Box<str>"), &Box::<str>::from("x".repeat(n)));
        judge.see(&see("Arc<str>"), &Arc::<str>::from("x".repeat(n)));
        judge.see(&see("Bytes"), &Bytes::from(vec![1; n]));
        judge.see(&see("Vec<u64>"), &(0..n as u64).collect::<Vec<_>>());
        judge.see(&see("Vec<(u8, u32)>"), &(0..n as u32).map(|one| (1_u8, one)).collect::<Vec<_>>());
        judge.see(&see("Vec<String>"), &(0..n).map(text).collect::<Vec<_>>());
        judge.see(&see("Vec<Box<u64>>"), &(0..n as u64).map(Box::new).collect::<Vec<_>>());
        judge.see(&see("Arc<[u32]>"), &(0..n as u32).collect::<Arc<[u32]>>());
        judge.see(&see("Vec<Vec<u16>>"), &(0..n).map(|one| vec![7_u16; one % 40]).collect::<Vec<_>>());
        judge.see(&see("VecDeque<u32>"), &(0..n as u32).collect::<VecDeque<_>>());
        judge.see(
            &see("HashMap<String, u64>"),
            &(0..n).map(|one| (text(one), 1)).collect::<HashMap<_, u64>>(),
        );
        judge.see(&see("HashMap<u32, u8>"), &(0..n as u32).map(|one| (one, 1)).collect::<HashMap<_, u8>>());
        judge.see(&see("HashSet<u64>"), &(0..n as u64).collect::<HashSet<_>>());
        judge.see(
            &see("BTreeMap<u32, String>"),
            &(0..n as u32).map(|one| (one, text(1))).collect::<BTreeMap<_, _>>(),
        );
        judge.see(
            &see("BTreeMap<u64, u64>"),
            &(0..n as u64).map(|one| (one, one)).collect::<BTreeMap<_, _>>(),
        );
        judge.see(&see("BTreeSet<u64>"), &(0..n as u64).collect::<BTreeSet<_>>());
        judge.see(&see("Option<Vec<Row>>"), &Some((0..n).map(row).collect::<Vec<_>>()));
        judge.see(&see("Vec<Event>"), &(0..n).map(event).collect::<Vec<_>>());
        judge.see(&see("Vec<Order>"), &(0..n.min(600)).map(order).collect::<Vec<_>>());
        judge.see(
            &see("Vec<Flat>"),
            &(0..n)
                .map(|id| Flat { id: 1, row: Inner { text: text(id), more: vec![text(id); 2] } })
                .collect::<Vec<_>>(),
        );
    }
    for n in 0..200 {
        judge.see(&format!("Row {n}"), &row(n));
        judge.see(&format!("Order {n}"), &order(n));
        judge.see(&format!("Event {n}"), &event(n));
        judge.see(&format!("Wrapped {n}"), &Wrapped(Box::new(row(n))));
        judge.see(&format!("Clear {n}"), &Clear { row: Box::new(row(n)) });
        judge.see(&format!("Option<Box<Row>> {n}"), &Some(Box::new(row(n))));
        judge.see(&format!("Arc<Row> {n}"), &Arc::new(row(n)));
        judge.see(&format!("tuple {n}"), &(n, text(n), [text(1), text(2)], Some(row(n))));
        judge.see(&format!("Tagged::Named {n}"), &Tagged::Named { name: text(n) });
        judge.see(&format!("Tagged::Listed {n}"), &Tagged::Listed { names: (0..n).map(text).collect() });
    }
    // Not serde_json's Value: which map it is made of is a feature that any other crate of a build may switch.
    let tree = |n: usize| BTreeMap::from([("rows".to_owned(), (0..n).map(row).collect::<Vec<_>>())]);
    for n in [1, 10, 100] {
        judge.see(&format!("BTreeMap of {n}"), &tree(n));
    }
    assert!(judge.0.is_empty(), "{}", judge.0.join("\n"));
}
