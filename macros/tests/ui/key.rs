//! Keys that do not fit their function, or are none.
#![allow(unused)]
use apex_cache::{Cache, cache_invalidate, cached};

#[cached(key = "user::{usr_id}::profile")]
async fn misspelt(cache: &Cache, user_id: u64) -> u64 {
    user_id
}

#[cached(key = "user::{a}-{b}")]
async fn ambiguous(cache: &Cache, a: u64, b: u64) -> u64 {
    a + b
}

#[cached(key = "user:{id}")]
async fn one_colon(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user::{id}::*")]
async fn wildcard(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user::{id()}")]
async fn computed(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(ttl = "1h")]
async fn no_key(cache: &Cache, user_id: u64) -> u64 {
    user_id
}

#[cached(key = "user::{id}", ttl = 10m)]
async fn unquoted(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user::{id}", ttl = "1 fortnight")]
async fn no_time(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user::{id}", tll = "1h")]
async fn unknown_option(cache: &Cache, id: u64) -> u64 {
    id
}

#[cache_invalidate("user::{user}::*")]
async fn scope(cache: &Cache, user_id: u64) {}

#[cache_invalidate]
async fn nothing(cache: &Cache) {}

fn main() {}
