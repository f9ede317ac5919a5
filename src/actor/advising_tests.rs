//! The arithmetic of curves: of all tiers together, and when twice as much is worth a warning.
#![allow(clippy::unwrap_used)]
#![allow(clippy::float_cmp)] // percents are rounded, and hits whole numbers

use super::*;

fn outlook(reads: f64, hits: [f64; 5]) -> Outlook {
    Outlook { reads, hits, off_by: 0.01 }
}

fn percents(curve: &WhatIfCurve) -> Vec<f64> {
    curve.points.iter().map(|point| point.hit_percent).collect()
}

fn full(bytes: u64) -> Held {
    Held { bytes, room: bytes }
}

#[test]
fn all_tiers_together_hit_what_each_hits_with_its_share() {
    let outlooks = [
        Some(outlook(1_000.0, [0.0, 200.0, 400.0, 600.0, 800.0])),
        None,
        Some(outlook(3_000.0, [300.0, 300.0, 600.0, 600.0, 600.0])),
    ];
    let curve = together(100, &[full(30), full(20), full(50)], &outlooks);
    assert_eq!(percents(&curve), [7.5, 12.5, 25.0, 30.0, 35.0]);
    assert_eq!(
        curve.points.iter().map(|point| point.budget_bytes).collect::<Vec<_>>(),
        [25, 50, 100, 200, 400]
    );
    assert_eq!((curve.hit_percent, curve.off_by, curve.tier), (Some(25.0), Some(1.0), None));
}

#[test]
fn what_nobody_uses_is_no_loss() {
    let known = Some(outlook(100.0, [10.0, 20.0, 40.0, 60.0, 80.0]));
    // Of 100 bytes 25 are used, of 30 that were granted: with a quarter of the budget all of it still fits.
    let curve = together(100, &[Held { bytes: 25, room: 30 }], &[known]);
    assert_eq!(percents(&curve), [40.0, 40.0, 40.0, 60.0, 80.0]);
    let curve = together(100, &[full(50)], &[known]);
    assert_eq!(percents(&curve), [20.0, 40.0, 40.0, 60.0, 80.0]);
    // Half of what it could hold it does hold, and a quarter of the budget is half of that.
    let curve = together(100, &[Held { bytes: 50, room: 100 }], &[known]);
    assert_eq!(percents(&curve)[0], 10.0);
}

#[test]
fn nothing_is_said_where_nothing_is_known_or_it_is_far_off() {
    let unknown = together(100, &[full(50), full(50)], &[None, None]);
    assert_eq!((unknown.hit_percent, unknown.points.len(), unknown.now_bytes), (None, 0, 100));
    let far_off = Some(Outlook { reads: 100.0, hits: [50.0; 5], off_by: 0.2 });
    let curve = together(100, &[full(100)], &[far_off]);
    assert_eq!((curve.hit_percent, curve.points.len(), curve.off_by), (Some(50.0), 0, Some(20.0)));
}

#[test]
fn between_two_sizes_hits_lie_on_a_straight_line() {
    let hits = [10.0, 20.0, 40.0, 60.0, 80.0];
    for (part, expected) in
        [(0.0, 10.0), (0.25, 10.0), (0.375, 15.0), (0.75, 30.0), (1.0, 40.0), (3.0, 70.0), (9.0, 80.0)]
    {
        assert!((with_part(&hits, part) - expected).abs() < 1e-9, "{part}");
    }
}

#[test]
fn twice_as_much_is_worth_a_warning_only_where_it_saves_a_good_part_of_the_misses() {
    let curve = |now: f64, doubled: f64| {
        let points = [0.0, 0.0, now, doubled, 100.0].map(|percent| WhatIfPoint::new(1, percent)).into();
        WhatIfCurve { points, ..WhatIfCurve::default() }
    };
    for (now, twice, worth) in [
        (40.0, 55.0, true),
        (40.0, 54.0, false), // less than a quarter of the misses
        (90.0, 95.0, true),
        (92.0, 96.0, false), // less than five points
        (99.0, 100.0, false),
    ] {
        assert_eq!(doubled(&curve(now, twice)).is_some(), worth, "{now} to {twice}");
    }
    assert_eq!(doubled(&WhatIfCurve::default()), None);
}
