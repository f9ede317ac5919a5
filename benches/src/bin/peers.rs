//! How do we compare with moka, `quick_cache`, foyer, the crate `cached` and a bare map, operation by operation?
//!
//! Run: `cargo run --release -p apex-cache-bench --bin peers -- [--quick] [--json] [--plot] [--only NAME]`
//! Owns: what stands above the rows. Never: measures by itself; see `measures`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use apex_cache_bench::cli::{Options, exit};
use apex_cache_bench::measures;
use apex_cache_bench::report::Report;

const NOTES: &str = "\
Nanoseconds for one operation, median of turns that alternate, with the smallest and the largest; a ratio above 1 means
that we are better. Of reads: as each thread sees it. Of writes: time of all by number of all; there `thr` counts tasks.
100,000 keys, popular ones more often (Zipf 0.99), unless `keys` says more. Peers hold an Arc<Profile>, or Bytes in
bytes_hit; ours holds encoded values. All have room for twice what they hold. moka and ours have a time to live; quick_cache
and foyer know none. bare_map is papaya with foldhash, and no cache.";

fn main() -> ExitCode {
    exit("peers", || {
        let options = Options::parse(std::env::args().skip(1), &measures::names(), &[])?;
        let packages = ["apex-cache", "moka", "quick_cache", "foyer-memory", "cached", "papaya"];
        let mut report = Report::open("peers", &options, &packages, NOTES);
        measures::run(&options, &mut report)?;
        report.close()
    })
}
