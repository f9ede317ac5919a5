//! Routes: which tier a key belongs to, and which tiers a scope can reach.
//!
//! Owns: the table from first segments to tiers. Never: checks settings (they have been), sends anything, or
//! knows whether a tier is alive.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::key::{SEPARATOR, first_segment};
use super::scope::{Reach, Scope, segment_may_match};
use crate::error::{Error, Result, Shown};

/// A tier by its place in the settings, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TierId(pub u8);

impl TierId {
    /// The place as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Where a key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The tier that holds the key.
    pub tier: TierId,
    /// The time to live that the settings give this prefix, if it differs from the tier's.
    pub ttl: Option<Duration>,
    /// The place of that prefix in the settings, if one led here.
    pub prefix: Option<u16>,
    /// Whether a prefix of the settings led here; else it was the tier for unknown prefixes.
    pub known: bool,
}

/// The route table. Fixed once built, so it can be shared and read by all threads.
pub struct Routes {
    tiers: Vec<Arc<str>>,
    by_segment: HashMap<Arc<str>, Route, FixedState>,
    default: Option<Route>,
}

impl Routes {
    /// Tiers there may be, 64.
    pub const TIERS_MAX: usize = 64;

    /// Builds the table from settings that have been checked. `default` takes the keys of unknown prefixes;
    /// without it they are refused.
    ///
    /// # Panics
    ///
    /// When there are no tiers or more than 64, when a tier or a prefix occurs twice, when a prefix is empty or
    /// has more than one segment, or when a tier id is out of range: the settings refuse all of that.
    pub fn new(
        tiers: Vec<Arc<str>>,
        prefixes: Vec<(Arc<str>, TierId, Option<Duration>)>,
        default: Option<TierId>,
    ) -> Self {
        assert!((1..=Self::TIERS_MAX).contains(&tiers.len()), "settings allow 1 to 64 tiers");
        let twice = (1..tiers.len()).any(|at| tiers[..at].contains(&tiers[at]));
        assert!(!twice, "settings refuse a tier name that occurs twice");
        let known_tier =
            |tier: TierId| assert!(tier.index() < tiers.len(), "a route names a tier that exists");
        let mut by_segment = HashMap::with_capacity_and_hasher(prefixes.len(), FixedState::default());
        for (place, (prefix, tier, ttl)) in (0..).zip(prefixes) {
            known_tier(tier);
            assert!(!prefix.is_empty() && !prefix.contains(SEPARATOR), "a prefix is one whole segment");
            let before = by_segment.insert(prefix, Route { tier, ttl, prefix: Some(place), known: true });
            assert!(before.is_none(), "settings refuse a prefix that occurs twice");
        }
        let default = default.map(|tier| {
            known_tier(tier);
            Route { tier, ttl: None, prefix: None, known: false }
        });
        Self { tiers, by_segment, default }
    }

    /// Where `key` goes, by its first whole segment; `None` when no prefix has that name and unknown prefixes
    /// are refused. Cost: one hash of the first segment; no allocation.
    #[inline]
    pub fn route(&self, key: &str) -> Option<Route> {
        self.route_segment(first_segment(key))
    }

    #[inline]
    fn route_segment(&self, segment: &str) -> Option<Route> {
        self.by_segment.get(segment).copied().or(self.default)
    }

    /// The tiers that can hold keys which `scope` takes, in the order of the settings.
    ///
    /// A scope with a whole first segment reaches the tier of that segment; another reaches every tier with a
    /// prefix that could match, and the tier for unknown prefixes; a tag reaches all. May be empty when unknown prefixes are refused.
    /// Errors: `UnknownTier`. Cost: at most one look at each prefix.
    pub fn reached(&self, scope: &Scope) -> Result<Vec<TierId>> {
        if let Scope::Tier(name) = scope {
            return self.tier(name).map(|tier| vec![tier]);
        }
        if matches!(scope, Scope::All | Scope::Tag(_)) {
            return Ok(self.ids().collect());
        }
        let mut reached = [false; Self::TIERS_MAX];
        if let Scope::Keys(keys) = scope {
            for route in keys.as_slice().iter().filter_map(|key| self.route(key.as_str())) {
                reached[route.tier.index()] = true;
            }
            return Ok(self.ids().filter(|tier| reached[tier.index()]).collect());
        }
        let literal = match scope.reach() {
            Reach::Key(text) | Reach::Group(text) | Reach::Segment(text) => {
                return Ok(self.route(text).into_iter().map(|route| route.tier).collect());
            }
            Reach::Literal(literal) => literal,
            Reach::All => "",
        };
        let matching = self.by_segment.iter().filter(|(segment, _)| segment_may_match(literal, segment));
        for route in matching.map(|(_, route)| route).chain(&self.default) {
            reached[route.tier.index()] = true;
        }
        Ok(self.ids().filter(|tier| reached[tier.index()]).collect())
    }

    /// The first segment of all keys that `scope` takes, if no tier was made for it: of several keys, the first such one.
    /// `None` also for a scope that has no whole first segment, as `*::profile`, `us*` and tags have none.
    pub fn unclaimed<'s>(&self, scope: &'s Scope) -> Option<&'s str> {
        let unclaimed = |text: &'s str| {
            let first = first_segment(text);
            (!self.by_segment.contains_key(first)).then_some(first)
        };
        match scope.reach() {
            Reach::Key(text) | Reach::Group(text) | Reach::Segment(text) => unclaimed(text),
            Reach::Literal(_) | Reach::All => match scope {
                Scope::Keys(keys) => keys.as_slice().iter().find_map(|key| unclaimed(key.as_str())),
                _ => None,
            },
        }
    }

    /// The tier of that name. Errors: `UnknownTier`, which lists the names.
    pub fn tier(&self, name: &str) -> Result<TierId> {
        self.ids()
            .find(|tier| **self.name(*tier) == *name)
            .ok_or_else(|| Error::UnknownTier { name: Shown::new(name), known: self.tiers.join(", ") })
    }

    /// The name of a tier.
    ///
    /// # Panics
    ///
    /// When the id is not from this table.
    pub fn name(&self, tier: TierId) -> &Arc<str> {
        &self.tiers[tier.index()]
    }

    /// The names of all tiers, in the order of the settings: the place is the [`TierId`].
    pub fn tiers(&self) -> &[Arc<str>] {
        &self.tiers
    }

    /// The ids of all tiers, in the order of the settings.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = TierId> + use<> {
        (0..self.tiers.len() as u8).map(TierId)
    }

    /// The tier that takes keys of unknown prefixes; `None` when they are refused.
    pub fn default_tier(&self) -> Option<TierId> {
        self.default.map(|route| route.tier)
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut prefixes: Vec<_> =
            self.by_segment.iter().map(|(segment, route)| (segment, self.name(route.tier))).collect();
        prefixes.sort();
        f.debug_map().entries(prefixes).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::key::Key;
    use crate::engine::pattern::Pattern;
    use crate::engine::scope::Prefix;

    fn table(default: Option<u8>) -> Routes {
        let tiers = ["config", "user", "query"].map(Arc::from).to_vec();
        let half_an_hour = Some(Duration::from_secs(1_800));
        let prefixes = vec![
            ("config".into(), TierId(0), None),
            ("user".into(), TierId(1), None),
            ("user_orders".into(), TierId(1), half_an_hour),
        ];
        Routes::new(tiers, prefixes, default.map(TierId))
    }

    fn reached(routes: &Routes, pattern: &str) -> Vec<u8> {
        let scope = Pattern::parse(pattern).unwrap().into();
        routes.reached(&scope).unwrap().into_iter().map(|tier| tier.0).collect()
    }

    #[test]
    fn the_first_whole_segment_picks_the_tier() {
        let routes = table(Some(2));
        let known =
            |tier, ttl, prefix| Some(Route { tier: TierId(tier), ttl, prefix: Some(prefix), known: true });
        let half_an_hour = Some(Duration::from_secs(1_800));
        assert_eq!(routes.route("user::123456::profile"), known(1, None, 1));
        assert_eq!(routes.route("user"), known(1, None, 1));
        assert_eq!(routes.route("user_orders::7"), known(1, half_an_hour, 2), "user takes no user_orders");
        let unknown = Some(Route { tier: TierId(2), ttl: None, prefix: None, known: false });
        assert_eq!(routes.route("user:7"), unknown);
        assert_eq!(routes.route("users::7"), unknown);
        assert_eq!(table(None).route("users::7"), None);
    }

    #[test]
    fn a_pattern_reaches_the_tiers_that_can_hold_its_keys() {
        let routes = table(Some(2));
        assert_eq!(reached(&routes, "user::4*"), [1]);
        assert_eq!(reached(&routes, "user::*"), [1]);
        assert_eq!(reached(&routes, "user::42"), [1]);
        assert_eq!(reached(&routes, "nobody::*"), [2]);
        assert_eq!(reached(&routes, "user:*"), [1, 2], "user:x has an unknown prefix");
        assert_eq!(reached(&routes, "c*"), [0, 2]);
        assert_eq!(reached(&routes, "*"), [0, 1, 2]);
        assert_eq!(reached(&table(None), "nobody::*"), [0_u8; 0]);
        assert_eq!(reached(&table(None), "us*"), [1]);
        assert_eq!(routes.reached(&Scope::All).unwrap().len(), 3);
        assert_eq!(routes.reached(&Scope::Tier("query".into())).unwrap(), [TierId(2)]);
    }

    #[test]
    fn a_scope_with_a_first_segment_of_no_tier_is_unclaimed() {
        let routes = table(Some(2));
        for (text, unclaimed) in [
            ("users::7::*", Some("users")),
            ("users::*", Some("users")),
            ("users", Some("users")),
            ("query::*", Some("query")),
            ("user::7::*", None),
            ("user", None),
            ("us*", None),
            ("users:*", None),
            ("*::7", None),
        ] {
            assert_eq!(routes.unclaimed(&Pattern::parse(text).unwrap().into()), unclaimed, "{text}");
        }
        let key = |text: &str| Key::parse(text).unwrap();
        assert_eq!(routes.unclaimed(&Scope::from(vec![key("user::1"), key("usr::1")])), Some("usr"));
        assert_eq!(routes.unclaimed(&Scope::from(Prefix::parse("usr").unwrap())), Some("usr"));
        assert_eq!(routes.unclaimed(&Scope::All), None);
    }

    #[test]
    fn an_unknown_tier_is_refused_with_the_names_that_exist() {
        let error = table(None).reached(&Scope::Tier("usr".into())).unwrap_err();
        assert_eq!(error.to_string(), "there is no tier \"usr\"; there are config, user, query");
    }

    #[test]
    #[should_panic(expected = "one whole segment")]
    fn a_prefix_of_two_segments_is_a_mistake_of_the_caller() {
        let _ = Routes::new(vec!["a".into()], vec![("a::b".into(), TierId(0), None)], None);
    }

    fn small_table() -> impl Strategy<Value = Routes> {
        let prefixes = prop::collection::btree_map("[ab]{1,2}|[ab]:|:[ab]", 0_u8..3, 0..5);
        (prefixes, prop::option::of(0_u8..3)).prop_map(|(prefixes, default)| {
            let tiers = ["x", "y", "z"].map(Arc::from).to_vec();
            let prefixes =
                prefixes.into_iter().map(|(prefix, tier)| (prefix.into(), TierId(tier), None)).collect();
            Routes::new(tiers, prefixes, default.map(TierId))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn asking_the_reached_tiers_finds_what_asking_every_tier_finds(
            routes in small_table(),
            keys in prop::collection::vec("[ab:]{1,5}|(a|b|:|::){1,5}", 20),
            patterns in prop::collection::vec("[ab:?*]{1,5}|(a|b|:|::|[?*]){1,5}", 5),
        ) {
            let scopes = patterns.iter().flat_map(|text| {
                let pattern = Pattern::parse(text).ok().map(Scope::from);
                pattern.into_iter().chain(Prefix::parse(text).ok().map(Scope::from))
            });
            for scope in scopes {
                let reached = routes.reached(&scope).unwrap();
                for key in keys.iter().filter(|key| Key::parse(key).is_ok() && scope.matches(key)) {
                    if let Some(route) = routes.route(key) {
                        prop_assert!(reached.contains(&route.tier), "{} misses {}", scope, key);
                    }
                }
            }
        }
    }
}
