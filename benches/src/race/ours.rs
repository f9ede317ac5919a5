//! Apex Cache in the race.
//!
//! Owns: its operations, one line each. Never: sets anything that a host would not have set: all is as it comes.

use std::convert::Infallible;

use apex_cache::{Cache, Key, Pattern, Prefix, Scope as Taken};

use super::table::{Load, Row};
use super::{Contestant, KEY, Operation, PREFIX, Scope};
use crate::Failure;

#[derive(Clone)]
pub(super) struct Ours(Cache);

#[derive(Clone, Copy)]
pub(super) enum Way {
    Remove,
    Invalidate(fn() -> apex_cache::Result<Taken>),
}

impl Contestant for Ours {
    const NAME: &'static str = "apex-cache";
    const PACKAGE: &'static str = "apex-cache";
    type Way = Way;
    const OPERATIONS: &'static [Operation<Way>] = &[
        Operation { scope: Scope::Key, name: "remove", way: Way::Remove },
        Operation {
            scope: Scope::Key,
            name: "invalidate(Key)",
            way: Way::Invalidate(|| Key::parse(KEY).map(Taken::Key)),
        },
        Operation {
            scope: Scope::Prefix,
            name: "invalidate(Prefix)",
            way: Way::Invalidate(|| Prefix::parse(PREFIX).map(Taken::Prefix)),
        },
        Operation {
            scope: Scope::Pattern,
            name: "invalidate(Pattern)",
            way: Way::Invalidate(|| Pattern::parse("user::*::profile").map(Taken::Pattern)),
        },
        Operation {
            scope: Scope::Tier,
            name: "invalidate(Scope::Tier)",
            way: Way::Invalidate(|| Ok(Taken::Tier("user".into()))),
        },
        Operation {
            scope: Scope::All,
            name: "invalidate(Scope::All)",
            way: Way::Invalidate(|| Ok(Taken::All)),
        },
    ];

    async fn start() -> Result<Self, Failure> {
        Ok(Self(Cache::builder().start().await?))
    }

    async fn get_or_load(&self, load: Load) -> Result<Row, Failure> {
        let hit = self.0.get_or_load(KEY, || async { Ok::<_, Infallible>(load.await) }).await?;
        Ok(hit.into_value())
    }

    async fn take_away(&self, way: Way) -> Result<(), Failure> {
        match way {
            Way::Remove => drop(self.0.remove(KEY).await?),
            Way::Invalidate(scope) => drop(self.0.invalidate(scope()?).await?),
        }
        Ok(())
    }

    async fn stored(&self) -> Result<Option<Row>, Failure> {
        Ok(self.0.get::<Row>(KEY).await?.map(|hit| *hit))
    }

    async fn stop(self) -> Result<(), Failure> {
        Ok(self.0.shutdown().await?)
    }
}
