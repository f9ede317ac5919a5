//! What tags cost: never more than is charged, and all of it is given back.

use std::time::Duration;

use apex_cache::{Tag, Tags};

use crate::common::{advance, cache, paused, settle};
use crate::source::info_of;
use crate::{alone, key, live};

/// How many tags an entry has, and how many entries share one.
const SHAPES: [(usize, usize); 5] = [(1, 1), (4, 1), (32, 1), (4, 50), (32, 1_000)];

#[test]
fn tags_cost_no_more_than_is_charged_and_leave_nothing_behind() {
    let _alone = alone();
    for (count, shared) in SHAPES {
        paused(async || {
            let cache = cache().await;
            cache.set("user::warm", &1).await.unwrap();
            cache.clear().await.unwrap();
            advance(Duration::from_secs(1)).await;
            let before = live();
            let entries = 4_000;
            for number in 0..entries {
                let name = |tag: usize| Tag::new(format!("tag:{tag}:{}", number / shared)).unwrap();
                let tags = Tags::new((0..count).map(name));
                cache.set(key(number, 20), &"x".repeat(100)).tags(tags).await.unwrap();
            }
            settle().await;
            let (counted, tier) = (live() - before, info_of(&cache, "user").await);
            assert_eq!(tier.entries, entries as u64, "something was evicted");
            let ratio = counted as f64 / tier.bytes as f64;
            println!(
                "{count} tags, shared by {shared}: {} accounted, {counted} counted, {ratio:.3} of it",
                tier.bytes
            );
            assert!(ratio <= 1.25, "{count} tags, shared by {shared}: {ratio:.3} of what is charged");
            assert!(shared > 1 || ratio >= 0.75, "{count} tags of their own: {ratio:.3} of what is charged");
            cache.clear().await.unwrap();
            advance(Duration::from_secs(1)).await;
            let left = live() - before;
            assert!(left < 64 << 10, "{count} tags, shared by {shared}: {left} bytes are left");
        });
    }
}
