//! Hosts that touch the cache through `#[cached]` and `#[cache_invalidate]` alone.
//!
//! Owns: what the attributes promise, as a host sees it. Never: looks at what they write.

#[path = "macros/caches.rs"]
mod caches;
#[path = "macros/failures.rs"]
mod failures;
#[path = "macros/fallbacks.rs"]
mod fallbacks;
#[path = "macros/forms.rs"]
mod forms;
#[path = "macros/freshness.rs"]
mod freshness;
#[path = "macros/keys.rs"]
mod keys;
#[path = "common/log.rs"]
mod log;
#[path = "macros/names.rs"]
mod names;
#[path = "macros/native.rs"]
mod native;
#[path = "macros/outages.rs"]
mod outages;
#[path = "macros/priming.rs"]
mod priming;
#[path = "macros/returned.rs"]
mod returned;
#[path = "macros/shop.rs"]
mod shop;
#[path = "macros/storm.rs"]
mod storm;
#[path = "macros/tagging.rs"]
mod tagging;
#[path = "macros/takeover.rs"]
mod takeover;
#[path = "macros/waiting.rs"]
mod waiting;
