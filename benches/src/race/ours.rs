//! Apex Cache in the race.
//!
//! Owns: its operations, one line each. Never: sets anything that a host would not have set: all is as it comes.

use apex_cache::{Cache, Hit, Key, LoadContext, Loaded, Pattern, Prefix, Scope as Taken, Tag};

use super::table::{Load, Row};
use super::{Contestant, KEY, Operation, PREFIX, Scope, TEAM};
use crate::Failure;

#[derive(Clone)]
pub(super) struct Ours(Cache);

#[derive(Clone, Copy)]
pub(super) enum Way {
    Remove,
    Invalidate(fn() -> apex_cache::Result<Taken>),
}

/// The tag of a team, which only the row tells.
fn team(team: u32) -> apex_cache::Result<Tag> {
    Tag::new(format!("team:{team}"))
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
            scope: Scope::Keys,
            name: "invalidate(Keys)",
            way: Way::Invalidate(|| Ok(Taken::from(vec![Key::parse("user::7::profile")?, Key::parse(KEY)?]))),
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
            scope: Scope::Tag,
            name: "invalidate(Tag)",
            way: Way::Invalidate(|| team(TEAM).map(Taken::Tag)),
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
        let load = |_: LoadContext<Row>| async {
            let row = load.await;
            let tag = team(row.team)?;
            Ok::<_, apex_cache::Error>(Loaded::value(row).tag(tag))
        };
        let hit = self.0.get_or_load_with(KEY, load).await?;
        hit.map(Hit::into_value).ok_or_else(|| "a row that is there was not found".into())
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
