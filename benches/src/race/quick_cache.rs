//! `quick_cache` in the race: its shared cache, read with `get_or_insert_async`.
//!
//! Owns: its operations. Never: uses a guard by hand where its documentation offers a call.

use std::convert::Infallible;
use std::sync::Arc;

use quick_cache::sync::Cache;

use super::table::{Load, Row};
use super::{Contestant, KEY, Operation, PREFIX, Scope, TEAM};
use crate::Failure;

#[derive(Clone)]
pub(super) struct QuickCache(Arc<Cache<String, Row>>);

#[derive(Clone, Copy)]
pub(super) enum Way {
    Remove,
    /// Says what is to go; `retain` is told what is to stay.
    Retain(fn(&String, &Row) -> bool),
    Clear,
}

impl Contestant for QuickCache {
    const NAME: &'static str = "quick_cache";
    const PACKAGE: &'static str = "quick_cache";
    type Way = Way;
    const OPERATIONS: &'static [Operation<Way>] = &[
        Operation { scope: Scope::Key, name: "remove", way: Way::Remove },
        Operation {
            scope: Scope::Prefix,
            name: "retain",
            way: Way::Retain(|key, _| key.starts_with(PREFIX)),
        },
        Operation {
            scope: Scope::Pattern,
            name: "retain",
            way: Way::Retain(|key, _| key.starts_with("user::") && key.ends_with("::profile")),
        },
        Operation { scope: Scope::Tag, name: "retain", way: Way::Retain(|_, row| row.team == TEAM) },
        Operation { scope: Scope::All, name: "clear", way: Way::Clear },
    ];

    async fn start() -> Result<Self, Failure> {
        Ok(Self(Arc::new(Cache::new(1_000))))
    }

    async fn get_or_load(&self, load: Load) -> Result<Row, Failure> {
        Ok(self.0.get_or_insert_async(KEY, async { Ok::<_, Infallible>(load.await) }).await?)
    }

    async fn take_away(&self, way: Way) -> Result<(), Failure> {
        match way {
            Way::Remove => drop(self.0.remove(KEY)),
            Way::Retain(takes) => self.0.retain(|key, row| !takes(key, row)),
            Way::Clear => self.0.clear(),
        }
        Ok(())
    }

    async fn stored(&self) -> Result<Option<Row>, Failure> {
        Ok(self.0.get(KEY))
    }
}
