//! What it costs to weigh a value while it is decoded, and to expand one that is compressed.
//!
//! Run: `cargo run --release -p apex-cache-bench --bin decode`
//! Owns: what is printed: one line for each kind of value. Never: measures a mean; of many rounds the fastest counts, for
//! whatever else runs on the machine only adds.
#![allow(clippy::disallowed_methods)] // the machine's own time is what is measured
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use apex_cache::message::{Get, Set};
use apex_cache::{Cache, Key, Value};
use apex_cache_bench::{Failure, machine};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const ROUNDS: usize = 200;

#[derive(Serialize, Deserialize, Clone)]
struct Row {
    id: u64,
    name: String,
    city: Option<String>,
    tags: Vec<String>,
    cents: i64,
}

fn row(number: usize) -> Row {
    let text = |what: &str| format!("{what} of customer {number}");
    let tags = (0..number % 4).map(|tag| text(&format!("tag {tag}"))).collect();
    Row { id: number as u64, name: text("name"), city: Some(text("city")), tags, cents: 5 }
}

/// The shortest time of one call, of `calls` at a time.
fn fastest(calls: u32, mut call: impl FnMut()) -> Duration {
    let round = || {
        let began = Instant::now();
        (0..calls).for_each(|_| call());
        began.elapsed() / calls
    };
    std::iter::repeat_with(round).take(ROUNDS).min().unwrap_or_default()
}

async fn measure<T>(cache: &Cache, what: &str, value: &T) -> Result<(), Failure>
where
    T: Serialize + DeserializeOwned + Send,
{
    let plain = Value::encode(value)?;
    let key = Key::of("user").part(what).finish()?;
    cache.supervisor().send(Set::new(key.clone(), plain.clone())).await?;
    let held = cache.supervisor().send(Get::new(key)).await?.ok_or("what was set is held")?.value;
    let calls = (20_000_000 / (plain.len() as u32 * 20 + 1_000)).clamp(2, 2_000);
    // Interleaved by the rounds of each: what slows one down for a while does not last for all of the other's rounds.
    let decode = fastest(calls, || drop(black_box(plain.decode::<T>("k"))));
    let weighed = fastest(calls, || drop(black_box(plain.decode_weighed::<T>("k"))));
    let expanded = fastest(calls, || drop(black_box(held.decode::<T>("k"))));
    println!(
        "{what:<12} {:>7} B, stored {:>7} B: decode {decode:>10.0?}, weighed {weighed:>10.0?}, from stored {expanded:>10.0?}",
        plain.len(),
        held.len(),
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    eprintln!("{}", machine::describe());
    let cache = Cache::builder().start().await?;
    measure(&cache, "row", &row(7)).await?;
    measure(&cache, "rows-100", &(0..100).map(row).collect::<Vec<_>>()).await?;
    measure(&cache, "rows-2000", &(0..2_000).map(row).collect::<Vec<_>>()).await?;
    measure(&cache, "numbers-1000", &(0..1_000_u64).collect::<Vec<_>>()).await?;
    measure(&cache, "texts-1000", &(0..1_000).map(|one| row(one).name).collect::<Vec<_>>()).await?;
    let map: HashMap<String, u64> = (0..1_000).map(|one| (row(one).name, 1)).collect();
    measure(&cache, "map-1000", &map).await?;
    cache.shutdown().await?;
    Ok(())
}
