//! A value on its way into a tier, and what gives it the right to be stored.
//!
//! Owns: what is said about it, and how that is put together for a set. Never: judges whether it may be stored.

use std::time::Duration;

use super::entry::{Entry, ReadEntry};
use super::journal::Ticket;
use super::key::Key;
use super::tag::Tags;
use super::terms::{Lasting, Terms};
use crate::codec::value::Value;

/// A value on its way into a tier, with all that is said about it.
#[derive(Debug, Clone)]
pub struct Item {
    /// Under which key.
    pub key: Key,
    /// The value.
    pub value: Value,
    /// The names it can be taken away by.
    pub tags: Tags,
    /// How long it lives, and how.
    pub terms: Terms,
}

/// What gives a value that was not set its right to be stored: the number before which its source was not read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Right {
    /// The ticket of a load.
    Load(u64),
    /// The ticket of a warm run, which stores only where there is room.
    Warm(Ticket),
    /// The ticket of a batch, for what it brought beside: that is stored only where there is room, too.
    Extra(Ticket),
}

impl Item {
    /// A value without tags that lives for `ttl`, and of which nothing else is said.
    pub fn new(key: Key, value: Value, ttl: Duration) -> Self {
        Self { key, value, tags: Tags::NONE, terms: Terms { ttl, ..Terms::default() } }
    }
}

/// An item that is to be set, made into the entry that it will be: by whoever brings it, so that the tier's turn has less to do.
#[derive(Debug)]
pub struct Made {
    pub(super) entry: Entry,
    /// The hash of its key, if who made it knows the tier's.
    pub(super) hash: Option<u64>,
    pub(super) lasting: Lasting,
}

impl From<Item> for Made {
    fn from(Item { key, value, tags, terms }: Item) -> Self {
        Self { entry: Entry::made(key.as_str(), value, tags), hash: None, lasting: terms.lasting() }
    }
}

impl Made {
    /// Of an entry that was made already, for the tier where its key has that hash.
    pub(crate) fn hashed(entry: Entry, hash: u64, lasting: Lasting) -> Self {
        Self { entry, hash: Some(hash), lasting }
    }

    /// Under which key.
    pub fn key(&self) -> &str {
        self.entry.key()
    }

    /// The value. Cost: a copy.
    pub fn value(&self) -> Value {
        self.entry.value_apart()
    }

    /// How long it lives.
    pub fn lasting(&self) -> &Lasting {
        &self.lasting
    }

    /// Bytes that it will be charged with, if it lives a plain time.
    pub fn weight(&self) -> u64 {
        self.entry.weight()
    }
}
