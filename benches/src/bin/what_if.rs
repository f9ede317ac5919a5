//! How true the what-if curve is: the hit rate that it tells for half and for twice the room, against what tiers of that size hit.
//!
//! Run: `cargo run --release -p apex-cache-bench --bin what_if -- [--quick] [--json] [--lru] [--rate READS] [TRACE...]`
//! Owns: what is printed: a row for each trace, capacity and size, and the mean and the worst error; with `--json` one object a line.
//! Never: hides a row.
//!
//! Without a TRACE those in `benches/traces` are replayed. Capacities are 2, 5, 10 and 20 % of the keys, or of the sum of all sizes;
//! with `--quick` only 2 and 10 %. `--lru` asks about tiers that evict what was used least recently. READS a second, 100 if nothing
//! is said, decide how many of them are looked at: many thousand are more than the ring of a tier holds. It ends with exit code 1
//! when a row is off by more than two points.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use apex_cache::engine::policy::Eviction;
use apex_cache_bench::hit_ratio::{Trace, what_if};
use apex_cache_bench::{Failure, machine};

/// Points that a row may be off by.
const MOST: f64 = 2.0;

struct Options {
    json: bool,
    quick: bool,
    eviction: Eviction,
    rate: f64,
    traces: Vec<PathBuf>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options =
            Self { json: false, quick: false, eviction: Eviction::Lgtc, rate: 100.0, traces: Vec::new() };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--quick" => options.quick = true,
                "--lru" => options.eviction = Eviction::Lru,
                "--rate" => {
                    let rate = arguments.next().and_then(|text| text.parse().ok());
                    let rate = rate.filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
                    options.rate = rate.ok_or("--rate wants a number of reads a second")?;
                }
                option if option.starts_with('-') => {
                    let known = "--quick, --json, --lru and --rate READS";
                    return Err(format!("there is no option {option}; there are {known}").into());
                }
                path => options.traces.push(path.into()),
            }
        }
        if options.traces.is_empty() {
            options.traces.extend(Trace::shipped());
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    match replay() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("what_if: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn replay() -> Result<(), Failure> {
    let options = Options::parse(std::env::args().skip(1))?;
    let command: Vec<String> = std::env::args().collect();
    let about = format!("{}\n{}", machine::describe(), command.join(" "));
    // Rows alone go to standard output when a program reads it.
    if options.json {
        eprintln!("{about}");
    } else {
        println!("{about}\nhits in % of the reads, errors in points\n\n{}", what_if::HEAD);
    }
    let capacities = if options.quick { &what_if::QUICK[..] } else { &what_if::CAPACITIES[..] };
    let (mut errors, mut failure) = (Vec::new(), None);
    for path in &options.traces {
        let trace = Trace::read(path)?;
        what_if::run(&trace, options.eviction, capacities, options.rate, |found| {
            errors.push(found.error().abs());
            if !options.json {
                return println!("{found}");
            }
            match serde_json::to_string(&found) {
                Ok(line) => println!("{line}"),
                Err(error) => failure = Some(error),
            }
        })?;
    }
    failure.map_or(Ok(()), Err)?;
    let (mean, worst) =
        (errors.iter().sum::<f64>() / errors.len() as f64, errors.iter().copied().fold(0.0, f64::max));
    let summary =
        format!("{} rows: off by {mean:.2} points at the mean, by {worst:.2} at most", errors.len());
    if options.json {
        eprintln!("{summary}");
    } else {
        println!("\n{summary}");
    }
    if worst > MOST {
        Err(format!("a row is off by {worst:.2} points, more than {MOST}").into())
    } else {
        Ok(())
    }
}
