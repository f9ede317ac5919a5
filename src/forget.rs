//! Forgetting a user: everything that the cache holds of one person, in all tiers, and the proof.
//!
//! Owns: where something of a user may lie. Never: knows what else a host calls a user; it says so by keys and tags.

use std::collections::BTreeSet;
use std::fmt;

use crate::engine::key::Key;
use crate::engine::scope::{Runs, Scope};
use crate::engine::segment;
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
    /// Removes everything of a user, in all tiers, and counts again whether anything is left.
    ///
    /// For user 42 that is every key in which `user::42` stands as two neighbouring segments, such as `user::42::profile`
    /// or `query::orders::user::42`; the same with every other prefix of the tier of `user`, such as `user_orders::42`;
    /// and what was stored with the tag `user:42` or `user::42`. Keys that name the user in another way need one of these
    /// tags.
    ///
    /// `id` is found however it was written: encoded or hashed, as [`Key::of`] and the attributes write it; as serde
    /// writes it ([`KeyBuilder::value`](crate::KeyBuilder::value)); and as it is, in keys that were made from text.
    ///
    /// Errors: those of [`Invalidate`]; what was removed by then stays away. Order: as several invalidations, one after the
    /// other. Cost: a look at every entry of every tier, in slices.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// let gone = cache.forget_user(42).await?;
    /// assert_eq!(gone.left, 0, "{} entries were removed", gone.matched);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn forget_user(&self, id: impl fmt::Display) -> Result<Forgotten> {
        let scopes = self.scopes_of_user(&id.to_string());
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
    fn scopes_of_user(&self, id: &str) -> Vec<Scope> {
        let written = ways_to_write(id);
        let plan = &self.wiring().plan;
        let tier = plan.prefixes.iter().find(|one| &*one.prefix == USER).map(|one| one.tier);
        let siblings = plan.prefixes.iter().filter(|one| Some(one.tier) == tier).map(|one| &*one.prefix);
        let prefixes: BTreeSet<&str> = siblings.chain([USER]).collect();
        let runs = prefixes.iter().flat_map(|prefix| {
            // The prefix is text of the settings, taken as it is. A text that makes no key stands in none.
            written.iter().filter_map(move |id| Key::parse(&format!("{prefix}::{id}")).ok())
        });
        let runs: Runs = runs.collect();
        let tags = written.iter().flat_map(|id| [format!("{USER}:{id}"), format!("{USER}::{id}")]);
        std::iter::once(runs.into()).chain(tags.map(|tag| Scope::Tag(Tag::of(&tag)))).collect()
    }
}

/// Each way in which a host may have written `id` into a key or a tag, once.
fn ways_to_write(id: &str) -> BTreeSet<String> {
    let value = Key::of(USER).value(id).finish();
    let value = value.iter().filter_map(|key| key.segments().nth(1)).map(str::to_owned);
    value.chain([segment::encode(id), id.to_owned()]).collect()
}
