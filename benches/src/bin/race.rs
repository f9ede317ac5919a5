//! Who serves a row that was invalidated while it was being loaded? Us, moka, `quick_cache` and foyer, for every scope.
//!
//! Run: `cargo run --release -p apex-cache-bench --bin race -- [--json]`
//! Owns: what is printed, and the exit code: 1 when one of our rows is wrong. Never: hides a row.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use apex_cache_bench::race::{self, Finding};
use apex_cache_bench::{Failure, machine};
use tokio::runtime::Builder;

/// Threads that readers and loads run on.
const WORKERS: usize = 2;

const NOTES: &str = "\
A reader misses, and its load reads the old row. The row is changed and invalidated; the invalidation is answered. Then a
late reader comes, and then the load ends. Right is a late reader that got the fresh row, and no old one stored.";

fn main() -> ExitCode {
    match compare() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(wrong) => {
            eprintln!("race: {wrong} of our rows are wrong: a row that was invalidated came back");
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("race: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Prints all findings. Returns how many of ours are wrong.
fn compare() -> Result<usize, Failure> {
    let mut json = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => json = true,
            other => return Err(format!("there is no option {other}; there is --json").into()),
        }
    }
    // Rows alone go to standard output when a program reads it.
    if json {
        eprintln!("{}", machine::describe());
    } else {
        println!("{}\n{NOTES}\n{}", machine::describe(), Finding::heading());
    }
    let mut wrong = 0;
    let host = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    host.block_on(race::run(|finding| {
        println!("{}", if json { finding.json() } else { finding.line() });
        wrong += usize::from(finding.is_ours() && !finding.is_right());
    }))?;
    Ok(wrong)
}
