//! An argument that cannot stand in a key.
#![allow(unused)]
use apex_cache::{Cache, cached};

#[derive(Clone)]
struct Pool;

#[cached(key_prefix = "user")]
async fn user(cache: &Cache, id: u64, pool: Pool) -> u64 {
    id
}

fn main() {}
