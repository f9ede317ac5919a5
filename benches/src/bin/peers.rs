//! Measures the same work on Apex Cache and on its peers, in one run.
#![forbid(unsafe_code)]

fn main() {}
