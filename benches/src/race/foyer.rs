//! foyer in the race: its cache in memory, read with `get_or_fetch`.
//!
//! Owns: its operations. Never: touches the disk; there is none below it.

use std::convert::Infallible;

use foyer::Cache;

use super::table::{Load, Row};
use super::{Contestant, KEY, Operation, Scope};
use crate::Failure;

#[derive(Clone)]
pub(super) struct Foyer(Cache<String, Row>);

#[derive(Clone, Copy)]
pub(super) enum Way {
    Remove,
    Clear,
}

impl Contestant for Foyer {
    const NAME: &'static str = "foyer";
    const PACKAGE: &'static str = "foyer-memory";
    type Way = Way;
    const OPERATIONS: &'static [Operation<Way>] = &[
        Operation { scope: Scope::Key, name: "remove", way: Way::Remove },
        Operation { scope: Scope::All, name: "clear", way: Way::Clear },
    ];

    async fn start() -> Result<Self, Failure> {
        Ok(Self(Cache::builder(1_000).build()))
    }

    async fn get_or_load(&self, load: Load) -> Result<Row, Failure> {
        let entry = self.0.get_or_fetch(KEY, || async { Ok::<_, Infallible>(load.await) }).await?;
        Ok(*entry.value())
    }

    async fn take_away(&self, way: Way) -> Result<(), Failure> {
        match way {
            Way::Remove => drop(self.0.remove(KEY)),
            Way::Clear => self.0.clear(),
        }
        Ok(())
    }

    async fn stored(&self) -> Result<Option<Row>, Failure> {
        Ok(self.0.get(KEY).map(|entry| *entry.value()))
    }
}
