//! What does an invalidation cost, by the entries there are and by those it takes?
//!
//! Run: `cargo run --release -p apex-cache-bench --bin invalidate -- [--quick] [--json] [--plot] [--only NAME]`
//! Owns: what stands above the rows. Never: measures by itself; see `measures`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use apex_cache_bench::cli::{Options, exit};
use apex_cache_bench::measures::scopes;
use apex_cache_bench::report::Report;

const NOTES: &str = "\
Nanoseconds for one invalidation, until no reader sees what it took. prefix_N takes a user with N entries, pattern_N the same by a
text that ends in the middle of a segment, nested_N so many of a user who has 100,000 (or all). Peers look at all entries, or, moka, at
each as it is read, and later at all.";

fn main() -> ExitCode {
    exit("invalidate", || {
        let options = Options::parse(std::env::args().skip(1), &scopes::NAMES, &[])?;
        let mut report = Report::open("invalidate", &options, &["apex-cache", "moka", "quick_cache"], NOTES);
        scopes::run(&options, &mut report)?;
        report.close()
    })
}
