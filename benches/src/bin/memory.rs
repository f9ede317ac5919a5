//! Is what we account what we use, what does an entry cost beside its key and value, and does anything stay behind?
//!
//! Run: `cargo run --release -p apex-cache-bench --bin memory -- [--quick] [--json] [--only NAME]`
//! Owns: the allocator that counts what was asked for. Never: times anything: counting takes time.
#![forbid(unsafe_code)]

use std::alloc::System;
use std::process::ExitCode;
use std::time::Duration;

use apex_cache::message::Set;
use apex_cache::{Cache, Key, Settings, Tag, Tags, Value};
use apex_cache_bench::cli::{Options, exit};
use apex_cache_bench::contestant::{Contestant, Setup};
use apex_cache_bench::ours::{self, Ours};
use apex_cache_bench::peers::{Foyer, MokaSync, QuickCache};
use apex_cache_bench::report::{Report, rounded};
use apex_cache_bench::work::{Payload, Profile, Random, key};
use apex_cache_bench::{Failure, host};
use bytes::Bytes;
use serde::Serialize;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NOTES: &str = "\
All is bytes that were asked for at the allocator, whatever it rounds them up to. accounting: what a tier says that it
holds, and what was asked for to hold it; a ratio above 1 means that we use more than we say. overhead: for each entry,
beside the bytes of its key and of its value (200 B, or a profile as we encode it); all have room for what they are given,
and no more. apex is as it comes, with profiles that were read once; apex_bytes holds bytes; apex_decoded profiles that
were read again and again. growth: what is left after many rounds of filling and clearing.";

/// Bytes that the program holds.
fn live() -> i64 {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.cast_signed() as i64 - stats.bytes_deallocated.cast_signed() as i64
}

fn main() -> ExitCode {
    exit("memory", || {
        let names = ["accounting", "overhead", "growth"];
        let options = Options::parse(std::env::args().skip(1), &names, &[])?;
        let packages = ["apex-cache", "moka", "quick_cache", "foyer-memory"];
        let mut report = Report::open("memory", &options, &packages, NOTES);
        let host = host::start()?;
        if options.wants("accounting") {
            let most = options.pick(4 << 20, 64 << 20);
            for shape in shapes() {
                host.block_on(account(&shape, most))?.print(&mut report);
            }
        }
        if options.wants("overhead") {
            let count = options.pick(100_000, 1_000_000);
            for line in host.block_on(overheads(count))? {
                line.print(&mut report);
            }
        }
        if options.wants("growth") {
            host.block_on(growth(options.pick(200, 1_000)))?.print(&mut report);
        }
        report.close()
    })
}

// --- accounting -----------------------------------------------------------------------------------------------------

/// What entries look like.
#[derive(Debug, Clone, Copy)]
struct Shape {
    key: usize,
    value: usize,
    tags: usize,
    /// Whether the value would compress: a text of one letter; else bytes as they fall.
    compressible: bool,
    /// Whether each was read, so that its decoded form may be there, too.
    read: bool,
}

/// All that are looked at.
fn shapes() -> Vec<Shape> {
    let plain = Shape { key: 22, value: 200, tags: 0, compressible: false, read: false };
    let mut all = Vec::new();
    for key in [8, 22, 64, 256] {
        all.extend([0, 32, 200, 1_000].map(|value| Shape { key, value, ..plain }));
    }
    all.extend([4_096, 65_536, 1_048_576].map(|value| Shape { value, ..plain }));
    all.extend([1, 4, 16, 32].map(|tags| Shape { tags, ..plain }));
    all.extend([1, 32].map(|tags| Shape { tags, key: 256, value: 4_096, ..plain }));
    all.extend([200, 1_000, 4_096, 65_536].map(|value| Shape { value, compressible: true, ..plain }));
    all.extend([32, 1_000, 65_536].map(|value| Shape { value, read: true, ..plain }));
    all.extend([200, 4_096].map(|value| Shape { value, compressible: true, read: true, ..plain }));
    all.push(Shape { key: 256, value: 1_000, tags: 32, compressible: true, read: true });
    all
}

#[derive(Serialize)]
struct Accounting {
    measure: &'static str,
    shape: String,
    accounted: u64,
    real: i64,
    ratio: f64,
    entries: u64,
}

impl Accounting {
    fn print(&self, report: &mut Report) {
        let heading = format!(
            "{:<58} {:>8} {:>12} {:>12} {:>6}",
            "accounting", "entries", "accounted", "real", "ratio"
        );
        let line = format!(
            "{:<58} {:>8} {:>12} {:>12} {:>6.3}",
            self.shape, self.entries, self.accounted, self.real, self.ratio
        );
        report.print(&heading, &line, &json(self));
    }
}

fn json(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("numbers and texts can always be written")
}

/// Waits until nothing is allocated or freed any more: the cache has threads of its own.
async fn settled() -> i64 {
    // A thread that drops a whole cache may be made to wait for longer than one pause.
    settled_for(10).await
}

/// Waits until nothing is allocated or freed for so many pauses.
async fn settled_for(pauses: u32) -> i64 {
    const PAUSE: Duration = Duration::from_millis(20);
    let (mut last, mut still) = (live(), 0);
    while still < pauses {
        tokio::time::sleep(PAUSE).await;
        let now = live();
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
    last
}

impl Shape {
    fn name(&self) -> String {
        format!(
            "key {} B, value {} B, {} tags, {}, {}",
            self.key,
            self.value,
            self.tags,
            if self.compressible { "compressible" } else { "random" },
            if self.read { "read" } else { "not read" }
        )
    }

    fn entry(&self, number: u64, random: &mut Random) -> Result<Set, Failure> {
        let key = Key::parse(&self.key(number))?;
        let value = if self.compressible {
            Value::encode(&"x".repeat(self.value))?
        } else {
            Value::encode(&(0..self.value).map(|_| random.below(256) as u8).collect::<Bytes>())?
        };
        // Some of the names are those of a single entry, some those of many.
        let name = |tag: usize| match tag % 2 {
            0 => Tag::new(format!("one:{tag}:{number}")),
            _ => Tag::new(format!("many:{tag}:{}", number / 50)),
        };
        let tags = Tags::new((0..self.tags).map(name).collect::<apex_cache::Result<Vec<_>>>()?);
        Ok(Set::new(key, value).tags(tags))
    }

    fn key(&self, number: u64) -> String {
        format!("u::{number:0>width$}", width = self.key - 3)
    }

    async fn read_all(&self, cache: &Cache, entries: u64) -> Result<(), Failure> {
        for number in 0..entries * 2 {
            let key = self.key(number / 2);
            let found = if self.compressible {
                ours::read::<String>(cache, &key).await?
            } else {
                ours::read::<Bytes>(cache, &key).await?
            };
            if !found {
                return Err(format!("{key} is not there").into());
            }
        }
        Ok(())
    }
}

/// Fills a cache of its own with some `most` bytes.
async fn account(shape: &Shape, most: u64) -> Result<Accounting, Failure> {
    let settings =
        Settings::default().max_size_mb(1_024).max_entry_size(2 << 20).tier("user", |tier| tier.prefix("u"));
    let cache = Cache::builder().settings(settings).start().await?;
    cache.set("u::warm", &1).await?;
    cache.clear().await?;
    // A reader lets go of what it remembers of caches that have ended, which is not what this one gives back.
    ours::read::<u32>(&cache, "u::warm").await?;
    let entries = (most / (shape.value + shape.key + shape.tags * 20 + 64) as u64).clamp(16, 20_000);
    let mut random = Random::new(1);
    let before = settled().await;
    for numbers in (0..entries).collect::<Vec<_>>().chunks(500) {
        let batch: Result<Vec<Set>, _> = numbers.iter().map(|&n| shape.entry(n, &mut random)).collect();
        for set in batch?.chunks(8) {
            ours::set_all(&cache, set.to_vec()).await?; // in pieces that fit into a queue
        }
    }
    if shape.read {
        shape.read_all(&cache, entries).await?;
    }
    let real = settled().await - before;
    let info = cache.info().await?;
    let accounted: u64 = info.tiers.iter().map(|tier| tier.bytes).sum();
    let held: u64 = info.tiers.iter().map(|tier| tier.entries).sum();
    if held != entries {
        return Err(format!("{held} of {entries} entries are there").into());
    }
    cache.shutdown().await?;
    let ratio = rounded(real as f64 / accounted as f64);
    Ok(Accounting { measure: "accounting", shape: shape.name(), accounted, real, ratio, entries })
}

// --- overhead -------------------------------------------------------------------------------------------------------

#[derive(Serialize)]
struct Overhead {
    measure: &'static str,
    peer: &'static str,
    bytes_per_entry: f64,
    /// With the bytes of key and value.
    total_per_entry: f64,
    value: &'static str,
    entries: u64,
}

impl Overhead {
    fn print(&self, report: &mut Report) {
        let heading = format!(
            "{:<20} {:<9} {:>9} {:>15} {:>15}",
            "overhead", "value", "entries", "bytes per entry", "in all"
        );
        let line = format!(
            "{:<20} {:<9} {:>9} {:>15} {:>15}",
            self.peer, self.value, self.entries, self.bytes_per_entry, self.total_per_entry
        );
        report.print(&heading, &line, &json(self));
    }
}

/// How each keeps `count` entries: ours as it comes first.
async fn overheads(count: u64) -> Result<Vec<Overhead>, Failure> {
    let (order, of) = (Random::new(count).shuffled(count), count);
    let (profile, bytes) = ("profile", "200 B");
    Ok(vec![
        overhead::<Profile, Ours>("apex", profile, of, &order, 1).await?,
        overhead::<Bytes, Ours>("apex_bytes", bytes, of, &order, 0).await?,
        overhead::<Profile, Ours>("apex_decoded", profile, of, &order, 3).await?,
        overhead::<Bytes, MokaSync<Bytes>>("moka", bytes, of, &order, 0).await?,
        overhead::<Profile, MokaSync<Profile>>("moka", profile, of, &order, 0).await?,
        overhead::<Bytes, QuickCache<Bytes>>("quick_cache", bytes, of, &order, 0).await?,
        overhead::<Profile, QuickCache<Profile>>("quick_cache", profile, of, &order, 0).await?,
        overhead::<Bytes, Foyer<Bytes>>("foyer", bytes, of, &order, 0).await?,
        overhead::<Profile, Foyer<Profile>>("foyer", profile, of, &order, 0).await?,
    ])
}

/// Has this thread let go of what it remembers of caches of ours that have ended: it does so when it first reads another.
async fn let_go() -> Result<(), Failure> {
    // Until the last one has ended, which it does by itself: where it held a million entries, it takes them out of its index
    // for a good part of a second before it frees the first.
    settled_for(100).await;
    let other = Cache::builder().start().await?;
    ours::read::<u32>(&other, "user::0").await?;
    Ok(other.shutdown().await?)
}

/// Stores all of `order` in a new cache that has room for `count`, and reads each `reads` times.
async fn overhead<V: Payload, C: Contestant<V>>(
    peer: &'static str,
    value: &'static str,
    count: u64,
    order: &[u64],
    reads: usize,
) -> Result<Overhead, Failure> {
    let_go().await?;
    let before = settled().await;
    let cache = C::start(&Setup { room: count, ..Setup::of(count) }).await?;
    for ids in order.chunks(1_000) {
        cache.set_many(ids.iter().map(|&id| (key(id), V::of(id))).collect()).await?;
    }
    // Those with shards of a fixed size may have evicted a few.
    let entries = cache.held().await?;
    for &id in order.iter().cycle().take(order.len() * reads) {
        cache.get(&key(id)).await?;
    }
    let total = (settled().await - before) as f64 / entries as f64;
    let sample: Vec<u64> = order.iter().copied().take(10_000).collect();
    let size = |&id: &u64| (key(id).len() + V::of(id).size()) as f64;
    let content = sample.iter().map(size).sum::<f64>() / sample.len() as f64;
    let (bytes_per_entry, total_per_entry) = (rounded(total - content), rounded(total));
    Ok(Overhead { measure: "overhead", peer, bytes_per_entry, total_per_entry, value, entries })
}

// --- growth ---------------------------------------------------------------------------------------------------------

#[derive(Serialize)]
struct Growth {
    measure: &'static str,
    rounds: u64,
    left: i64,
}

impl Growth {
    fn print(&self, report: &mut Report) {
        let line = format!("{:<20} {:>9} {:>15}", "", self.rounds, self.left);
        report.print(&format!("{:<20} {:>9} {:>15}", "growth", "rounds", "bytes left"), &line, &json(self));
    }
}

/// Fills and clears a cache again and again, after a few rounds that do not count.
async fn growth(rounds: u64) -> Result<Growth, Failure> {
    const ENTRIES: u64 = 1_000;
    let cache = Cache::builder().start().await?;
    let mut before = 0;
    for round in 0..rounds + 20 {
        if round == 20 {
            before = settled().await;
        }
        let set = |number| Set::of(key(number), &Profile::of(number + round));
        ours::set_all(&cache, (0..ENTRIES).map(set).collect::<apex_cache::Result<_>>()?).await?;
        let gone = cache.clear().await?.matched;
        if gone != ENTRIES {
            return Err(format!("{gone} of {ENTRIES} entries were there").into());
        }
    }
    Ok(Growth { measure: "growth", rounds, left: settled().await - before })
}
