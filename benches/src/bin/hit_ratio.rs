//! How many requests of real traces are hits: ours, its LRU, moka, `quick_cache`, foyer, and the best that can be.
//!
//! Run: `cargo run --release -p apex-cache-bench --bin hit_ratio -- [--quick] [--json] [--floors] [--tiers] [--only NAME] [TRACE...]`; with `--tiers`
//! the traces are the tiers of one cache, and the rows tell what its moving budget is worth.
//! Owns: what is printed: a table for each trace and the means, or with `--json` one object a line, `trace`, `policy`, `capacity`
//! and `hit_percent`. Never: hides a row.
//!
//! Without a TRACE those in `benches/traces` are replayed. Capacities are 0.5, 1, 2, 5, 10, 20 and 40 % of the keys of the trace,
//! rounded down; of the sum of all sizes in bytes, if the trace has sizes; with `--quick` only 1, 5 and 20 %. `--floors` replays only
//! ours, where there is a floor, and ends with exit code 1 when one is missed.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use apex_cache_bench::hit_ratio::table::Table;
use apex_cache_bench::hit_ratio::{self, CAPACITIES, QUICK, Trace, floors};
use apex_cache_bench::{Failure, machine};

#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of the command line
struct Options {
    json: bool,
    quick: bool,
    floors: bool,
    tiers: bool,
    only: Vec<String>,
    traces: Vec<PathBuf>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--quick" => options.quick = true,
                "--floors" => options.floors = true,
                "--tiers" => options.tiers = true,
                "--only" => options.only.push(arguments.next().ok_or("--only wants the name of a policy")?),
                option if option.starts_with('-') => {
                    let known = "--quick, --json, --floors, --tiers and --only NAME";
                    return Err(format!("there is no option {option}; there are {known}").into());
                }
                path => options.traces.push(path.into()),
            }
        }
        if let Some(name) =
            options.only.iter().find(|name| !hit_ratio::policies().any(|known| known == *name))
        {
            let known: Vec<&str> = hit_ratio::policies().collect();
            return Err(format!("there is no policy {name}; there are {}", known.join(", ")).into());
        }
        if options.traces.is_empty() {
            options.traces.extend(Trace::shipped());
        }
        Ok(options)
    }

    fn wants(&self, trace: &str, policy: &str, capacity: u64) -> bool {
        let named = self.only.is_empty() || self.only.iter().any(|name| name == policy);
        named && (!self.floors || (policy == "apex-cache" && floors::of(trace, capacity).is_some()))
    }
}

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
    let options = Options::parse(std::env::args().skip(1))?;
    if options.tiers {
        eprintln!("{}", machine::describe());
        return replay_tiers(&options.traces);
    }
    let versions = ["apex-cache", "moka", "quick_cache", "foyer-memory"].map(machine::versioned).join(", ");
    let command: Vec<String> = std::env::args().collect();
    let about = format!("{versions}\n{}\n{}", machine::describe(), command.join(" "));
    // Rows alone go to standard output when a program reads it.
    if options.json {
        eprintln!("{about}");
    } else {
        println!("{about}\nhits in % of requests, by capacity\n");
    }
    let (mut table, mut missed, mut failure) = (Table::default(), Vec::new(), None);
    for path in &options.traces {
        let trace = Trace::read(path)?;
        let capacities = if options.quick { &QUICK[..] } else { &CAPACITIES[..] };
        let (mut rows, name) = (0, trace.name().to_owned());
        let wanted = |policy: &str, capacity| options.wants(&name, policy, capacity);
        hit_ratio::run(&trace, capacities, wanted, |found| {
            rows += 1;
            if options.floors
                && let Some(floor) = floors::of(found.trace(), found.capacity())
                && found.hit_percent() < floor
            {
                missed.push(format!(
                    "{} at {}: {} is below {floor}",
                    found.trace(),
                    found.capacity(),
                    found.hit_percent()
                ));
            }
            if !options.json {
                return table.add(found);
            }
            match serde_json::to_string(&found) {
                Ok(line) => println!("{line}"),
                Err(error) => failure = Some(error),
            }
        })?;
        if rows > 0 && !options.json {
            println!("{}", table.end_trace());
        }
    }
    failure.map_or(Ok(()), Err)?;
    if !options.json {
        println!("{}", table.overall());
    }
    if missed.is_empty() { Ok(()) } else { Err(missed.join("; ").into()) }
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
