//! Arguments that a load cannot keep.
#![allow(unused)]
use apex_cache::{Cache, cached};

struct Connection;

#[cached(key = "user::{id}", skip(connection))]
async fn owned(cache: &Cache, id: u64, connection: Connection) -> u64 {
    id
}

#[cached(key = "user::{id}", skip(connection))]
async fn borrowed(cache: &Cache, id: u64, connection: &Connection) -> u64 {
    id
}

#[cached(key = "user::{id}", skip(connection))]
async fn changed(cache: &Cache, id: u64, connection: &mut Connection) -> u64 {
    id
}

#[cached(key = "user::{id}", skip(names))]
async fn inside(cache: &Cache, id: u64, names: Vec<&str>) -> u64 {
    id
}

struct Users {
    cache: Cache,
}

impl Users {
    #[cached(key = "user::{id}", cache = self.cache)]
    async fn this(&self, id: u64) -> u64 {
        id
    }

    #[cached(key = "user::{id}", cache = self.cache)]
    async fn this_changed(&mut self, id: u64) -> u64 {
        id
    }
}

fn main() {}
