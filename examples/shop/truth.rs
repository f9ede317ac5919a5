//! The check for stale answers: what every answer must at least be as new as.
//!
//! Owns: per scope, the version of the last change whose invalidation was answered.
//! Never: looks into the cache or the database; it only compares what it is told.
//!
//! A read notes the acknowledged version of its scope BEFORE it begins. The answer carries the version of the data
//! it was built from. An answer below the noted version is stale: it shows a state from before a change that was
//! over, invalidation and all, when the read began.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::model::Version;

/// What a change touches and a read depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A user's profile and wallet.
    User(u32),
    /// A user's orders and transactions.
    Orders(u32),
    /// All that product pages, category lists and search show.
    Products,
    /// The discounts of a category.
    Discounts(&'static str),
    /// VIP tiers, roles, payment methods: nothing changes them here.
    Config,
    /// Leaderboard and sales: nothing invalidates them, they may be as old as the query tier's time to live.
    Aging,
}

/// The acknowledged versions of all scopes.
pub(crate) struct Truth {
    users: Vec<AtomicI64>,
    orders: Vec<AtomicI64>,
    products: AtomicI64,
    discounts: HashMap<&'static str, AtomicI64>,
    age_max: Duration,
}

impl Truth {
    /// Nothing acknowledged yet; `age_max` is the time to live of what only ages.
    pub(crate) fn new(users: u32, categories: impl Iterator<Item = &'static str>, age_max: Duration) -> Self {
        let versions = || (0..=users).map(|_| AtomicI64::new(0)).collect();
        Self {
            users: versions(),
            orders: versions(),
            products: AtomicI64::new(0),
            discounts: categories.map(|category| (category, AtomicI64::new(0))).collect(),
            age_max,
        }
    }

    /// The version below which an answer to a read that begins now is stale.
    pub(crate) fn acknowledged(&self, scope: Scope) -> Version {
        // Acquire: pairs with the Release in `acknowledge`, so that a read which saw the version begins after it.
        self.cell(scope).map_or(0, |version| version.load(Ordering::Acquire))
    }

    /// The change that made `version` is committed and its invalidation was answered.
    pub(crate) fn acknowledge(&self, scopes: &[Scope], version: Version) {
        for scope in scopes {
            if let Some(cell) = self.cell(*scope) {
                cell.fetch_max(version, Ordering::AcqRel);
            }
        }
    }

    /// Whether an answer is older than it may be.
    pub(crate) fn is_stale(&self, scope: Scope, noted: Version, served: Version, age: Duration) -> bool {
        match scope {
            Scope::Aging => age > self.age_max,
            _ => served < noted,
        }
    }

    fn cell(&self, scope: Scope) -> Option<&AtomicI64> {
        match scope {
            Scope::User(id) => self.users.get(id as usize),
            Scope::Orders(id) => self.orders.get(id as usize),
            Scope::Products => Some(&self.products),
            Scope::Discounts(category) => self.discounts.get(category),
            Scope::Config | Scope::Aging => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> Truth {
        Truth::new(3, ["yarn", "wood"].into_iter(), Duration::from_secs(1800))
    }

    #[test]
    fn an_answer_is_stale_only_below_what_was_acknowledged_when_the_read_began() {
        let truth = truth();
        let noted = truth.acknowledged(Scope::User(2));
        truth.acknowledge(&[Scope::User(2), Scope::Discounts("yarn")], 5);
        assert!(!truth.is_stale(Scope::User(2), noted, 0, Duration::ZERO), "the read began before");
        let noted = truth.acknowledged(Scope::User(2));
        assert!(truth.is_stale(Scope::User(2), noted, 4, Duration::ZERO));
        assert!(!truth.is_stale(Scope::User(2), noted, 5, Duration::ZERO));
        assert_eq!(truth.acknowledged(Scope::User(1)), 0);
        assert_eq!(truth.acknowledged(Scope::Discounts("wood")), 0);
    }

    #[test]
    fn acknowledged_versions_never_fall() {
        let truth = truth();
        truth.acknowledge(&[Scope::Products], 9);
        truth.acknowledge(&[Scope::Products], 7);
        assert_eq!(truth.acknowledged(Scope::Products), 9);
    }

    #[test]
    fn what_only_ages_is_judged_by_its_age() {
        let truth = truth();
        assert!(!truth.is_stale(Scope::Aging, 0, 0, Duration::from_secs(1800)));
        assert!(truth.is_stale(Scope::Aging, 0, 0, Duration::from_secs(1801)));
    }
}
