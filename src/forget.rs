//! Forgetting a user: everything that the cache holds of one person, in all tiers, and the proof.
//!
//! Owns: where something of a user may lie. Never: knows what else a host calls a user; it says so by keys and tags.

use std::fmt;

use crate::engine::key::Key;
use crate::engine::pattern::Pattern;
use crate::engine::scope::{Prefix, Scope};
use crate::engine::tag::Tag;
use crate::error::Result;
use crate::handle::Cache;
use crate::message::Invalidate;

/// The first segment of what belongs to users.
const USER: &str = "user";

/// What [`Cache::forget_user`] came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// Entries taken away.
    pub matched: u64,
    /// Bytes that they were charged with.
    pub bytes: u64,
    /// Loads under way whose values will not be stored.
    pub revoked_loads: u64,
    /// Entries that the same search finds afterwards, in a count of its own: zero, unless something of the user was stored
    /// meanwhile.
    pub left: u64,
}

impl Cache {
    /// Takes away everything of a user, in all tiers, and counts again whether anything is left.
    ///
    /// That is for user 42: `user::42` and all keys below it; the same below every other prefix of the tier of `user`, such
    /// as `user_orders::42`; every key in which `user::42` stand as two neighbouring segments, such as
    /// `query::orders::user::42`; and what was stored with the tag `user:42` or `user::42`. Keys that name the user in
    /// another way need one of these tags. `id` is encoded as a part of a key is.
    ///
    /// Errors: `InvalidKey` when the id is too long, and those of [`Invalidate`]; what was taken by then stays away.
    /// Order: as several invalidations, one after the other. Cost: a look at every entry of every tier, in slices.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// let gone = cache.forget_user(42).await?;
    /// assert_eq!(gone.left, 0, "{} entries were removed", gone.matched);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn forget_user(&self, id: impl fmt::Display) -> Result<Forgotten> {
        let scopes = self.scopes_of_user(id)?;
        let mut sum = Forgotten::default();
        for scope in &scopes {
            let taken = self.send(Invalidate::new(scope.clone())).await?;
            sum.matched += taken.matched;
            sum.bytes += taken.bytes;
            sum.revoked_loads += taken.revoked_loads;
        }
        for scope in scopes {
            sum.left += self.send(Invalidate::new(scope).dry_run()).await?.matched;
        }
        Ok(sum)
    }

    /// Everywhere that something of a user may lie.
    fn scopes_of_user(&self, id: impl fmt::Display) -> Result<Vec<Scope>> {
        let own = Key::of(USER).part(&id).finish()?;
        let plan = &self.wiring().plan;
        let tier = plan.prefixes.iter().find(|one| &*one.prefix == USER).map(|one| one.tier);
        let mut scopes = vec![Scope::Prefix(Prefix::parse(own.as_str())?)];
        let siblings = plan.prefixes.iter().filter(|one| Some(one.tier) == tier && &*one.prefix != USER);
        for sibling in siblings {
            // The prefix is text of the settings, taken as it is; only the id is encoded.
            let encoded = &own.as_str()[USER.len()..];
            scopes.push(Scope::Prefix(Prefix::parse(&format!("{}{encoded}", sibling.prefix))?));
        }
        for inside in [format!("*::{own}"), format!("*::{own}::*")] {
            scopes.push(Scope::Pattern(Pattern::parse(&inside)?));
        }
        // An id that makes no tag cannot have been used as one.
        let tags = [format!("{USER}:{id}"), format!("{USER}::{id}")];
        scopes.extend(tags.into_iter().filter_map(|tag| Tag::new(tag).ok()).map(Scope::Tag));
        Ok(scopes)
    }
}
