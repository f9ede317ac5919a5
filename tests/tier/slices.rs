//! Long work in slices: no turn changes more than its share, whatever was asked, and order and answers stay the same.

use std::time::Duration;

use apex_cache::Settings;
use apex_cache::actor::Reply;
use apex_cache::actor::request::{Bulk, Item, Made, TierRequest};
use apex_cache::engine::slice::CHANGES;
use tokio::time::advance as jump;

use super::common::{paused, settle};
use super::recorders::{key, number, value};
use super::{Alone, TTL, answer};

const SECOND: Duration = Duration::from_secs(1);

fn made(number: u64) -> Made {
    item(number).into()
}

fn item(number: u64) -> Item {
    Item::new(key(&format!("user::{number}::x")), value(number), TTL)
}

/// Lets everything go on until nothing changes any more; the most entries that came or went between two looks.
async fn largest_step(tier: &Alone) -> usize {
    let (mut largest, mut still, mut held) = (0, 0, tier.shared().view.len());
    while still < 64 {
        tokio::task::yield_now().await;
        let now = tier.shared().view.len();
        let step = held.abs_diff(now);
        still = if step == 0 { still + 1 } else { 0 };
        (largest, held) = (largest.max(step), now);
    }
    largest
}

#[test]
fn many_sets_and_many_removals_go_on_in_slices_and_nothing_sent_later_overtakes_them() {
    paused(|| async {
        let tier = Alone::new();
        let (sets, mut stored) = Reply::new("user".into());
        let (reads, mut read) = Reply::new("user".into());
        let (removals, mut removed) = Reply::new("user".into());
        let (last, mut set) = Reply::new("user".into());
        let keys = (0..5_000).map(|number| item(number).key).collect();
        tier.queue(vec![
            TierRequest::SetMany(Bulk::new((0..5_000).map(made).collect(), sets)),
            TierRequest::Get { key: item(4_999).key, reply: reads },
            TierRequest::RemoveMany(Bulk::new(keys, removals)),
        ]);
        // It comes while the first is under way.
        tokio::task::yield_now().await;
        tier.tell(TierRequest::Set { item: made(7), reply: last });
        let largest = largest_step(&tier).await;
        assert!((2..=CHANGES).contains(&largest), "a slice changed {largest} entries");
        let stored = stored.try_recv().expect("answered").expect("the tier serves");
        assert!(stored.len() == 5_000 && stored.iter().all(|one| one.as_ref().is_ok_and(|one| one.kept)));
        let given = read.try_recv().expect("answered").expect("the tier serves");
        assert_eq!(given.map(|given| number(&given.value)), Some(4_999), "all sets came before it");
        let removed = removed.try_recv().expect("answered").expect("the tier serves");
        assert!(removed.len() == 5_000 && removed.iter().all(|taken| taken.matched == 1));
        assert!(set.try_recv().expect("answered").is_ok());
        assert_eq!(tier.get("user::7::x").await, Some(7), "the last set came after all removals");
        assert_eq!(tier.shared().view.len(), 1);
    });
}

#[test]
fn a_hundred_thousand_entries_expire_in_slices_while_reads_and_writes_go_on() {
    paused(|| async {
        let tier = Alone::with(&Settings::default().max_size_mb(1_000));
        for first in (0..100_000).step_by(10_000) {
            let short = |number| Item::new(item(number).key, value(number), SECOND).into();
            let items = (first..first + 10_000).map(short).collect();
            let stored = tier
                .ask(|reply| TierRequest::SetMany(Bulk::new(items, reply)))
                .await
                .expect("the tier serves");
            assert!(stored.iter().all(Result::is_ok));
        }
        let bytes = || tier.shared().counters.bytes.load(std::sync::atomic::Ordering::Relaxed);
        assert!(tier.shared().view.len() == 100_000 && bytes() > 10_000_000);
        jump(901 * SECOND).await;
        let (mut held, mut writes) = (tier.shared().view.len(), 0);
        while tier.shared().view.len() > writes as usize {
            tier.set(&format!("user::{writes}::y"), value(writes)).await.expect("it fits");
            assert_eq!(tier.get(&format!("user::{writes}::y")).await, Some(writes));
            writes += 1;
            let now = tier.shared().view.len();
            // A write and a read: each waits for one slice at most.
            assert!(held.saturating_sub(now) <= 2 * CHANGES, "{} at once", held - now);
            held = now;
        }
        assert!(writes > 100, "only {writes} writes went on between the slices");
        tier.drained().await;
        assert_eq!(tier.shared().counters.expired.get(), 100_000);
        assert!(bytes() < writes * 1_000, "what expired gave its bytes back");
    });
}

/// Reads look into both tables until then, for as long as nobody writes.
#[test]
fn an_index_that_grows_has_moved_also_when_no_write_follows() {
    paused(|| async {
        let tier = Alone::new();
        let mut under_way = 0;
        for number in 0..500 {
            tier.set(&format!("user::{number}::x"), value(number)).await.expect("it fits");
            under_way += u32::from(tier.shared().view.is_moving());
            tier.drained().await;
            assert!(!tier.shared().view.is_moving(), "after {number}");
        }
        assert!(under_way > 2, "it grew {under_way} times");
    });
}

#[test]
fn a_pattern_that_takes_everything_goes_on_in_slices_of_changes_not_of_looks() {
    paused(|| async {
        let tier = Alone::new();
        tier.fill(5_000).await;
        // Until the index rests: else a slice of its own is on its way, and one of the walk comes with it.
        largest_step(&tier).await;
        let mut taken = tier.post_invalidate(apex_cache::Pattern::parse("*::x").expect("a pattern"), false);
        let largest = largest_step(&tier).await;
        assert!((2..=CHANGES).contains(&largest), "a slice took {largest} entries");
        assert_eq!(taken.try_recv().expect("answered").expect("it is carried out").matched, 5_000);
    });
}

#[test]
fn a_tier_that_breaks_between_two_slices_answers_all_who_wait_and_goes_on() {
    paused(|| async {
        let tier = Alone::new();
        let stored =
            tier.post(|reply| TierRequest::SetMany(Bulk::new((0..5_000).map(made).collect(), reply)));
        tier.tell(TierRequest::Break);
        tier.set("user::last", value(1)).await.expect("it serves again");
        assert_eq!(answer(stored).await.expect("it was done before").len(), 5_000);
        settle().await;
        assert_eq!(tier.shared().view.len(), 1, "what was set before it broke is gone");
    });
}
