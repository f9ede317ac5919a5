//! Functions that do not say which cache.
#![allow(unused)]
use apex_cache::{Cache, cache_invalidate, cached};

#[cached(key = "user::{id}")]
async fn none(id: u64) -> u64 {
    id
}

#[cache_invalidate("user::{id}")]
async fn none_either(id: u64) {}

#[derive(Clone)]
struct Users {
    store: Cache,
}

impl Users {
    #[cached(key = "user::{id}")]
    async fn no_method(&self, id: u64) -> u64 {
        id
    }

    #[cached(key = "user::{id}", cache = self)]
    async fn no_cache(&self, id: u64) -> u64 {
        id
    }

    #[cached(key = "user::{id}", cache = self.store)]
    async fn right(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
