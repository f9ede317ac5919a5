//! moka in the race: its cache for tasks, read with `get_with`.
//!
//! Owns: its operations. Never: leaves its housekeeping undone: what it may put off is done at once.

use moka::future::Cache;

use super::table::{Load, Row};
use super::{Contestant, KEY, Operation, PREFIX, Scope, TEAM};
use crate::Failure;

#[derive(Clone)]
pub(super) struct Moka(Cache<String, Row>);

#[derive(Clone, Copy)]
pub(super) enum Way {
    Invalidate,
    EntriesIf(fn(&String, &Row) -> bool),
    All,
}

impl Contestant for Moka {
    const NAME: &'static str = "moka";
    const PACKAGE: &'static str = "moka";
    type Way = Way;
    const OPERATIONS: &'static [Operation<Way>] = &[
        Operation { scope: Scope::Key, name: "invalidate", way: Way::Invalidate },
        Operation {
            scope: Scope::Prefix,
            name: "invalidate_entries_if",
            way: Way::EntriesIf(|key, _| key.starts_with(PREFIX)),
        },
        Operation {
            scope: Scope::Pattern,
            name: "invalidate_entries_if",
            way: Way::EntriesIf(|key, _| key.starts_with("user::") && key.ends_with("::profile")),
        },
        Operation {
            scope: Scope::Tag,
            name: "invalidate_entries_if",
            way: Way::EntriesIf(|_, row| row.team == TEAM),
        },
        Operation { scope: Scope::All, name: "invalidate_all", way: Way::All },
    ];

    async fn start() -> Result<Self, Failure> {
        Ok(Self(Cache::builder().max_capacity(1_000).support_invalidation_closures().build()))
    }

    async fn get_or_load(&self, load: Load) -> Result<Row, Failure> {
        Ok(self.0.get_with(KEY.to_owned(), load).await)
    }

    async fn take_away(&self, way: Way) -> Result<(), Failure> {
        match way {
            Way::Invalidate => self.0.invalidate(KEY).await,
            Way::EntriesIf(takes) => drop(self.0.invalidate_entries_if(takes)?),
            Way::All => self.0.invalidate_all(),
        }
        self.0.run_pending_tasks().await;
        Ok(())
    }

    async fn stored(&self) -> Result<Option<Row>, Failure> {
        self.0.run_pending_tasks().await;
        Ok(self.0.get(KEY).await)
    }
}
