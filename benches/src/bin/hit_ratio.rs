//! How many requests of real traces are hits: ours, its LRU, moka, `quick_cache`, foyer, and the best that can be.
//!
//! Run: `cargo run --release -p apex-cache-bench --bin hit_ratio -- [--only NAME] TRACE...`; with `--tiers` the traces are the
//! tiers of one cache, and the rows tell what its moving budget is worth.
//! Owns: what is printed: one JSON object a line, `trace`, `policy`, `capacity` and `hit_percent`. Never: hides a row.
//!
//! Capacities are 0.5, 1, 2, 5, 10, 20 and 40 % of the keys of the trace, rounded down; of the sum of all sizes in bytes, if
//! the trace has sizes. Ours is the engine below the actors, for a cache cannot be told to count entries instead of bytes.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use apex_cache_bench::hit_ratio::{self, Trace};
use apex_cache_bench::{Failure, machine};

fn main() -> ExitCode {
    match replay() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("hit_ratio: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn replay() -> Result<(), Failure> {
    let (mut only, mut traces, mut tiers) = (Vec::new(), Vec::<PathBuf>::new(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => only.push(arguments.next().ok_or("--only wants the name of a policy")?),
            "--tiers" => tiers = true,
            option if option.starts_with('-') => {
                return Err(format!("there is no option {option}; there are --only NAME and --tiers").into());
            }
            path => traces.push(path.into()),
        }
    }
    if traces.is_empty() {
        return Err("name the files of the traces to replay".into());
    }
    eprintln!("{}", machine::describe());
    if tiers {
        return replay_tiers(&traces);
    }
    for path in traces {
        let trace = Trace::read(&path)?;
        let mut failure = None;
        hit_ratio::run(
            &trace,
            |policy| only.is_empty() || only.iter().any(|name| name == policy),
            |found| match serde_json::to_string(&found) {
                Ok(line) => println!("{line}"),
                Err(error) => failure = Some(error),
            },
        )?;
        failure.map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// One JSON object a line, and the same as a table for people.
fn replay_tiers(paths: &[PathBuf]) -> Result<(), Failure> {
    let traces: Vec<Trace> = paths.iter().map(|path| Trace::read(path)).collect::<Result<_, _>>()?;
    let mut failure = None;
    hit_ratio::tiers::run(&traces, |found| {
        eprintln!("{found}");
        match serde_json::to_string(&found) {
            Ok(line) => println!("{line}"),
            Err(error) => failure = Some(error),
        }
    })?;
    Ok(failure.map_or(Ok(()), Err)?)
}
