//! What does an operation cost with a thousand entries, and with ten million?
//!
//! Run: `cargo run --release -p apex-cache-bench --bin scale -- [--quick] [--json] [--plot] [--only NAME]`
//! Owns: what stands above the rows. Never: measures by itself; see `measures`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use apex_cache_bench::cli::{Options, exit};
use apex_cache_bench::measures::scale;
use apex_cache_bench::report::Report;

const NOTES: &str = "\
Nanoseconds for one operation on one thread. get: Zipf 0.99, prepared keys; set: an overwrite that is awaited; remove: of
a key that is there; invalidate: a prefix of ten entries, until no reader sees them. A full run needs some 10 GB.";

fn main() -> ExitCode {
    exit("scale", || {
        let options = Options::parse(std::env::args().skip(1), &scale::NAMES, &[])?;
        let mut report = Report::open("scale", &options, &["apex-cache", "moka", "quick_cache"], NOTES);
        scale::run(&options, &mut report)?;
        report.close()
    })
}
