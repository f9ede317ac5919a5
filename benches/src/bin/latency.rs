//! How long do single reads take while something large happens beside them?
//!
//! Run: `cargo run --release -p apex-cache-bench --bin latency -- [--quick] [--json] [--plot] [--only NAME]`
//! Owns: what stands above the rows. Never: measures by itself; see `measures`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use apex_cache_bench::cli::{Options, exit};
use apex_cache_bench::measures::latency;
use apex_cache_bench::report::Report;

const NOTES: &str = "\
Nanoseconds of single reads on one thread (Zipf 0.99), the clock's own included: half of them, all but one in a thousand,
and the longest. Beside them, on another thread: nothing; one invalidation of half of all entries, until their memory is
free; as many new entries as there were, in thousands; a quarter of the budget.";

fn main() -> ExitCode {
    exit("latency", || {
        let options = Options::parse(std::env::args().skip(1), &latency::NAMES, &[])?;
        let mut report = Report::open("latency", &options, &["apex-cache", "moka", "quick_cache"], NOTES);
        latency::run(&options, &mut report)?;
        report.close()
    })
}
