//! Options that contradict each other, or their function.
#![allow(unused)]
use apex_cache::{Cache, cached};

#[cached("user::{id}", key = "user::{id}")]
async fn two_keys(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached("user::{id}", "user::{id}::row")]
async fn two_texts(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached("user::{id}", key_prefix = "user")]
async fn text_and_prefix(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached("user::{id}", ttl = "0s")]
async fn no_time(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached("user::{id}", soft_timeout = "200ms", run = "caller")]
async fn not_behind(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached("user::{id}", stale = "5m", run = "caller")]
async fn not_stale(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached("user::{id}", tags = "user")]
async fn no_list(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached("user::{id}", tags = |value| [format!("{id}:{value}")])]
async fn takes_along(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached("user::{id}", tags = |value| [*value])]
async fn no_tag(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached("user::{id}", companions(keys))]
async fn no_companion(cache: &Cache, id: u64) -> u64 {
    id
}

fn main() {}
