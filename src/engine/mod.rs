//! The core: what a tier holds and what each message does to it, decided by pure and synchronous code.
//!
//! Owns: keys, patterns and routes; entries, their order of eviction and expiry; loads and their right to store; the
//! budget; the read view.
//! Never: knows an actor, a runtime, a log, a clock or any input and output. Time and randomness are arguments, and
//! what has to be done is returned.

pub mod apportion;
mod batch;
#[cfg(test)]
mod batch_race_tests;
#[cfg(test)]
mod bench_tests;
pub mod budget;
#[cfg(test)]
mod budget_tests;
mod column;
pub(crate) mod copied;
#[cfg(all(test, shuttle))]
mod copies_shuttle;
#[cfg(test)]
mod copies_tests;
pub mod counters;
pub mod curve;
#[cfg(test)]
mod curve_tests;
pub mod departures;
pub mod effects;
pub mod entry;
mod expiry;
pub mod explain;
#[cfg(test)]
mod fence_race_tests;
pub mod fences;
pub mod flight;
mod front;
pub(crate) mod fruitless;
pub mod given;
mod groups;
#[cfg(test)]
mod groups_tests;
pub mod histogram;
mod index;
mod into_key;
pub mod item;
pub mod journal;
#[cfg(test)]
mod journal_tests;
mod kept;
pub mod key;
mod landing;
mod links;
mod marks;
pub mod miniature;
pub mod moment;
mod next_tick;
mod nothings;
pub mod often;
#[cfg(test)]
mod outcome_tests;
mod params;
mod path;
pub mod pattern;
pub mod places;
pub mod planner;
#[cfg(test)]
mod planner_tests;
pub mod policy;
pub mod provenance;
#[cfg(test)]
mod race_tests;
mod remains;
mod room;
pub mod route;
#[cfg(test)]
mod run_tests;
mod runs;
pub mod sampler;
pub mod scope;
#[doc(hidden)]
pub mod seeded;
pub mod segment;
mod served;
mod sets;
#[cfg(test)]
mod shed_tests;
pub mod slice;
mod slot;
mod slots;
pub mod stamp;
pub mod store;
#[cfg(test)]
mod store_tests;
mod stripe;
pub mod sweep;
mod table;
pub mod tag;
mod tag_fence;
#[cfg(test)]
mod tag_model_tests;
#[cfg(test)]
mod tag_race_tests;
mod tags;
mod tally;
#[cfg(test)]
mod tally_tests;
pub mod terms;
#[cfg(test)]
pub(crate) mod testing;
pub mod tier;
#[cfg(test)]
mod tier_model_tests;
pub mod top;
pub mod trips;
pub mod view;
#[cfg(all(test, shuttle))]
mod view_shuttle;
#[cfg(test)]
mod view_tests;
mod warming;
pub mod weigh;
pub mod what_if;
