//! What does it cost readers that somebody looks into the cache meanwhile?
//!
//! Run: `cargo run --release -p apex-cache-bench --bin looks -- [--quick] [--json] [--only NAME]`
//! Owns: what stands above the rows. Never: measures by itself; see `measures`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use apex_cache_bench::cli::{Options, exit};
use apex_cache_bench::measures::looks;
use apex_cache_bench::report::Report;

const NOTES: &str = "\
Reads of profiles in a second (Zipf 0.99, prepared keys), by a thread for each core, while 10,000 values a second are
overwritten: alone, and beside somebody who looks through the admin over HTTP, with the token. stats, entries (the 100 that
are read most, a walk over all) and metrics are asked for four times a second, events are a stream that is read as it comes;
all is all four. nonstop asks without a pause and leaves a core to it. change %: beside by alone in the same round.";

fn main() -> ExitCode {
    exit("looks", || {
        let options = Options::parse(std::env::args().skip(1), &looks::NAMES, &[])?;
        let mut report = Report::open("looks", &options, &["apex-cache", "actix-web"], NOTES);
        looks::run(&options, &mut report)?;
        report.close()
    })
}
