//! One order for all that is sent to a tier.

use apex_cache::Scope;
use apex_cache::message::{Invalidate, Remove};

use super::common::paused;
use super::recorders::key;
use super::{Alone, set, subject};

#[test]
fn an_invalidation_keeps_its_place_between_the_sets_around_it() {
    paused(|| async {
        let alone = Alone::new();
        let _waits = (
            alone.post(set("user::1", 1)),
            alone.post(set("config::1", 1)),
            alone.post(Invalidate::new(Scope::All)),
            alone.post(set("user::1", 2)),
            alone.post(Remove::new(key("config::1"))),
        );
        let mut seen = Vec::new();
        for tier in ["user", "config", "reference"] {
            let batch = alone.tier(tier).batch().await;
            seen.push(batch.iter().map(|accepted| subject(&accepted.request)).collect::<Vec<_>>());
        }
        assert_eq!(seen[0], ["user::1", "all", "user::1"]);
        assert_eq!(seen[1], ["config::1", "all", "config::1"]);
        assert_eq!(seen[2], ["all"]);
    });
}
