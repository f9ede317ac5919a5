//! How many instructions does one hit take? Counted, not timed, so that it says the same on a busy machine.
//!
//! Run: `cargo run --release -p apex-cache-bench --bin instructions -- [--json]`
//! Owns: running itself under callgrind, which must be installed (Debian: `apt-get install valgrind`), and the difference
//! between a run with many hits and one with few. Never: says what a hit costs in time; a wait for memory is no instruction.
#![forbid(unsafe_code)]

use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use apex_cache_bench::Failure;
use apex_cache_bench::cli::{Options, exit};
use apex_cache_bench::contestant::{Entrant, Setup, Work};
use apex_cache_bench::ours::{Ours, Prepared};
use apex_cache_bench::peers::{BareMap, Foyer, MokaSync, QuickCache};
use apex_cache_bench::report::{Better, Report, Row};
use apex_cache_bench::samples::Samples;
use apex_cache_bench::work::{Profile, Requests, key};

/// Few, so that nothing is left of the first reads of each, which decode and make room for the threads.
const KEYS: u64 = 100;
/// Hits of one pass over the keys. The requests are made once, before the first.
const HITS: usize = 5_000;
const PASSES: usize = 4;

const NOTES: &str = "\
Instructions of one typed hit among 100 keys, the loop around it included, as valgrind's callgrind counts them: those of a run
with 20,000 hits, less those of one with 5,000. A ratio above 1 means that ours takes fewer. Ours is read by a prepared key; in
the row apex_str by a text, as its peers are.";

/// How each is started.
const CONTESTANTS: [&str; 6] = ["apex", "apex_str", "moka_sync", "quick_cache", "foyer", "bare_map"];

async fn started(name: &str, ids: &Arc<[u64]>) -> Result<Entrant, Failure> {
    let setup = Setup::of(KEYS);
    match name {
        "apex" => Entrant::start::<Profile, Prepared>(setup, ids, key).await,
        "apex_str" => Entrant::start::<Profile, Ours>(setup, ids, key).await,
        "moka_sync" => Entrant::start::<Profile, MokaSync<Profile>>(setup, ids, key).await,
        "quick_cache" => Entrant::start::<Profile, QuickCache<Profile>>(setup, ids, key).await,
        "foyer" => Entrant::start::<Profile, Foyer<Profile>>(setup, ids, key).await,
        "bare_map" => Entrant::start::<Profile, BareMap<Profile>>(setup, ids, key).await,
        other => Err(format!("there is no contestant {other:?}").into()),
    }
}

/// What is counted: a run of `name`.
fn counted(name: &str, passes: usize) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let ids: Arc<[u64]> = (0..KEYS).collect();
        let entrant = started(name, &ids).await?;
        // Who is given keys in a form of its own makes them once, whatever the number of passes.
        let requests = Requests::of((0..HITS as u64).map(|hit| hit % KEYS), key).repeated(passes);
        let hits = requests.len() as u64;
        match entrant.run(&Work::Get(requests)).await?.count {
            found if found == hits => Ok(()),
            found => Err(format!("{name} found {found} of {hits}").into()),
        }
    })
}

/// Instructions of a whole run of this program.
fn instructions(name: &str, passes: usize) -> Result<f64, Failure> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["counted", name, &passes.to_string()])
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind could not be run ({error}); Debian: apt-get install valgrind"))?;
    let told = String::from_utf8_lossy(&run.stderr);
    let collected = told.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    collected.filter(|_| run.status.success()).ok_or_else(|| format!("no count of {name}:\n{told}").into())
}

fn measure(name: &str) -> Result<Samples, Failure> {
    let (few, many) = (instructions(name, 1)?, instructions(name, PASSES)?);
    Ok(Samples::from(vec![(many - few) / ((PASSES - 1) * HITS) as f64]))
}

fn main() -> ExitCode {
    exit("instructions", || {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        if let [word, name, passes] = arguments.as_slice()
            && word == "counted"
        {
            return counted(name, passes.parse()?);
        }
        let options = Options::parse(arguments.into_iter(), &[], &[])?;
        let packages = ["apex-cache", "moka", "quick_cache", "foyer-memory", "papaya"];
        let mut report = Report::open("instructions", &options, &packages, NOTES);
        let ours = measure(CONTESTANTS[0])?;
        for peer in &CONTESTANTS[1..] {
            report.row(Row {
                measure: "typed_hit".to_owned(),
                keys: Some(KEYS),
                threads: 1,
                peer: (*peer).to_owned(),
                ours: ours.clone(),
                theirs: measure(peer)?,
                unit: "instr",
                better: Better::Lower,
            });
        }
        report.close()
    })
}
