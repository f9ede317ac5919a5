//! `native` and `size` where they do not belong.
#![allow(unused)]
use std::sync::Arc;

use apex_cache::{Cache, cached};

#[cached("user::{id}::plain", native)]
async fn plain(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached("user::{id}::result", native)]
async fn result(cache: &Cache, id: u64) -> Result<Option<u64>, String> {
    Ok(Some(id))
}

#[cached("user::{id}::in_caller", native, run = "caller")]
async fn in_caller(cache: &Cache, id: u64) -> Arc<u64> {
    Arc::new(id)
}

#[cached("user::{id}::sized", size = 400)]
async fn sized(cache: &Cache, id: u64) -> Arc<u64> {
    Arc::new(id)
}

#[cached("user::{id}::right", native, size = 400)]
async fn right(cache: &Cache, id: u64) -> Result<Option<Arc<u64>>, String> {
    Ok(None)
}

fn main() {}
