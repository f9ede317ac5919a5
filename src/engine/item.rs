//! A value on its way into a tier, and what gives it the right to be stored.
//!
//! Owns: what is said about it. Never: judges whether it may be stored.

use std::time::Duration;

use super::journal::Ticket;
use super::key::Key;
use super::tag::Tags;
use super::terms::Terms;
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
