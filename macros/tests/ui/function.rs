//! Functions that cannot be cached.
#![allow(unused)]
use std::pin::Pin;

use apex_cache::{Cache, cache_invalidate, cached};

#[cached(key = "user::{id}")]
fn not_async(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user::{id}")]
fn boxed(cache: &Cache, id: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { id })
}

#[cached(key = "user::{id}")]
async fn nothing(cache: &Cache, id: u64) {}

#[cached(key = "user::{id}")]
async fn borrowed(cache: &Cache, id: u64) -> Option<&'static str> {
    None
}

#[cache_invalidate("user::{id}", on = error)]
async fn on(cache: &Cache, id: u64) {}

fn main() {}
