//! Measures the same work on Apex Cache and on its peers, in one run.
fn main() {}
