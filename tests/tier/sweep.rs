//! The sweep timer: what has expired is taken out without being touched.

use std::time::Duration;

use apex_cache::Settings;
use tokio::time::advance as jump;

use super::Alone;
use super::common::{advance, paused, settle};
use super::recorders::value;

const SECOND: Duration = Duration::from_secs(1);

/// A sweep is due every 900 s.
fn hourly() -> Alone {
    Alone::with(&Settings::default().cleanup_interval(3_600 * SECOND))
}

#[test]
fn an_expired_entry_is_gone_within_the_cleanup_interval_though_nobody_asks_for_it() {
    paused(|| async {
        for ttl in [1, 899, 900, 901, 5_000] {
            let tier = hourly();
            tier.set_for("user::1", value(1), ttl * SECOND).await.expect("it fits");
            advance((ttl - 1) * SECOND).await;
            assert_eq!(tier.shared().view.len(), 1, "it lives for {ttl} s");
            advance(3_601 * SECOND).await;
            assert!(tier.shared().view.is_empty(), "{ttl} s were over an hour ago");
            assert_eq!(tier.shared().counters.expired.get(), 1);
        }
    });
}

#[test]
fn an_entry_is_never_served_past_its_time_even_before_a_sweep_came() {
    paused(|| async {
        let tier = hourly();
        tier.set_for("user::1", value(1), 10 * SECOND).await.expect("it fits");
        advance(Duration::from_millis(9_999)).await;
        assert_eq!(tier.get("user::1").await, Some(1));
        jump(Duration::from_millis(1)).await;
        assert_eq!(tier.get("user::1").await, None);
        assert_eq!(tier.shared().view.len(), 1, "no sweep came yet");
    });
}

#[test]
fn more_expired_entries_than_one_turn_takes_are_all_gone_after_one_sweep() {
    paused(|| async {
        let tier = hourly();
        for number in 0..3_000 {
            tier.set_for(&format!("user::{number}"), value(number), SECOND).await.expect("it fits");
        }
        advance(901 * SECOND).await;
        assert!(tier.shared().view.is_empty());
        assert_eq!(tier.shared().counters.expired.get(), 3_000);
    });
}

#[test]
fn requests_have_their_turn_between_the_slices_of_a_sweep() {
    paused(|| async {
        let tier = hourly();
        for number in 0..9_000 {
            tier.set_for(&format!("user::{number}"), value(number), SECOND).await.expect("it fits");
        }
        jump(901 * SECOND).await;
        let mut left = Vec::new();
        while left.last() != Some(&0) {
            tier.get("user::1").await;
            left.push(tier.shared().view.len());
        }
        left.dedup();
        let between = left.iter().filter(|&&left| left > 0 && left < 9_000).count();
        assert!(between >= 3, "nine slices, and hardly a read between them: {left:?}");
    });
}

#[test]
fn a_stall_of_many_intervals_costs_one_late_sweep_and_the_next_is_due_a_whole_pause_later() {
    paused(|| async {
        let tier = hourly();
        tier.set_for("user::1", value(1), 9_960 * SECOND).await.expect("it fits");
        // Eleven sweeps were missed. Made up for in a burst, the next would come at 10,800 s.
        jump(9_950 * SECOND).await;
        settle().await;
        assert_eq!(tier.shared().view.len(), 1, "its time is not over");
        advance(890 * SECOND).await;
        assert_eq!(tier.shared().view.len(), 1, "10,840 s: no sweep since the late one");
        advance(12 * SECOND).await;
        assert!(tier.shared().view.is_empty(), "10,852 s: a pause after the late one");
    });
}

#[test]
fn a_tier_that_broke_goes_on_sweeping() {
    paused(|| async {
        use apex_cache::actor::request::TierRequest;
        let tier = hourly();
        tier.tell(TierRequest::Break);
        tier.set_for("user::1", value(1), SECOND).await.expect("it serves again");
        advance(901 * SECOND).await;
        assert!(tier.shared().view.is_empty());
    });
}
