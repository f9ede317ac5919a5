//! What the measurements share: the work that all are given, repetition, and the rows that come out.
//!
//! Owns: values, keys and requests, medians, the description of the machine. Never: decides what is measured; that is
//! the matter of one program each in `bin/`.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods)] // what is measured here is the machine's own time, on threads of the host

pub mod calls;
pub mod contestant;
pub mod hit_ratio;
pub mod machine;
pub mod race;
pub mod report;
pub mod samples;
pub mod work;

/// What ends a measurement: a sentence.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
