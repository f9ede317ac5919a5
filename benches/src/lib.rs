//! What the measurements share: the work that all are given, who does it, repetition, and the rows that come out.
//!
//! Owns: values, keys and requests, the contestants, medians, the form of rows, the description of the machine. Never:
//! decides what a program prints; that is the matter of each in `bin/`.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods)] // what is measured here is the machine's own time, on threads of the host

pub mod calls;
pub mod cli;
pub mod contestant;
pub mod hit_ratio;
pub mod host;
pub mod http;
pub mod machine;
pub mod measures;
pub mod ours;
pub mod peers;
pub mod plot;
pub mod process;
pub mod race;
pub mod report;
pub mod samples;
pub mod shop;
pub mod storm;
pub mod turns;
pub mod work;

/// What ends a measurement: a sentence.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
