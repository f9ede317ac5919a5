//! What does a cache cost a host that does nothing, and what does it add to a build?
//!
//! Run: `cargo run --release -p apex-cache-bench --bin at_rest -- [--quick] [--json] [--build] [--only NAME]`
//! Owns: hosts that are programs of their own, and programs that are built for this. Never: measures its own process.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods)] // the machine's own time is what is measured

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use apex_cache::Cache;
use apex_cache_bench::cli::{Options, exit};
use apex_cache_bench::report::{Better, Report, Row};
use apex_cache_bench::samples::interleave_all;
use apex_cache_bench::{Failure, host, process};
use serde::{Deserialize, Serialize};

const NOTES: &str = "\
An idle host on tokio with two worker threads, as a program of its own: with our cache as it comes, without one, and with
moka for tasks. A wake-up is a thread that slept and went on. All figures are of the whole host, so what a cache adds is
its figure less that of no_cache. With --build: the same three as crates of their own, built from nothing, release.";

/// Asks this program to be a host.
const HOST: &str = "--host";
const HOSTS: [&str; 3] = ["apex", "no_cache", "moka_future"];

/// What an idle host costs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Cost {
    wakeups_per_second: f64,
    cpu_per_second: f64,
    threads: f64,
    resident: f64,
}

/// Name, unit, and the figure.
type Figure = (&'static str, &'static str, fn(&Cost) -> f64);

const FIGURES: [Figure; 4] = [
    ("wakeups_per_second", "1/s", |cost| cost.wakeups_per_second),
    ("cpu_per_second", "us", |cost| cost.cpu_per_second),
    ("threads", "", |cost| cost.threads),
    ("resident", "KiB", |cost| cost.resident),
];
/// Those of a build, by their place in what [`build`] returns.
const BUILT: [(&str, &str); 2] = [("build_time", "s"), ("binary", "KiB")];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, seconds] = arguments.as_slice()
        && flag == HOST
    {
        return exit("at_rest", || be_host(name, seconds.parse()?));
    }
    exit("at_rest", || {
        let names: Vec<_> = FIGURES.iter().map(|figure| figure.0).chain(BUILT.map(|built| built.0)).collect();
        let options = Options::parse(arguments.into_iter(), &names, &["--build"])?;
        let mut report = Report::open("at_rest", &options, &["apex-cache", "moka", "tokio"], NOTES);
        if FIGURES.iter().any(|(name, ..)| options.wants(name)) {
            let figures = FIGURES.map(|(name, unit, _)| (name, unit));
            let (repetitions, seconds) = options.pick((1, 2), (5, 10));
            compare(&mut report, &options, &figures, repetitions, |name| idle(name, seconds))?;
        }
        if options.extra.iter().any(|flag| flag == "--build") {
            compare(&mut report, &options, &BUILT, options.pick(1, 3), build)?;
        }
        report.close()
    })
}

/// Gives each host its turns, and prints a row for each figure and peer.
fn compare<const COUNT: usize>(
    report: &mut Report,
    options: &Options,
    figures: &[(&str, &'static str); COUNT],
    repetitions: usize,
    turn: impl Fn(&str) -> Result<[f64; COUNT], Failure>,
) -> Result<(), Failure> {
    let samples = interleave_all(&HOSTS, repetitions, |name| turn(name))?;
    for (place, (measure, unit)) in figures.iter().enumerate().filter(|(_, one)| options.wants(one.0)) {
        for (number, peer) in HOSTS.iter().enumerate().skip(1) {
            report.row(Row {
                measure: (*measure).to_owned(),
                keys: None,
                threads: host::WORKERS,
                peer: (*peer).to_owned(),
                ours: samples[0][place].clone(),
                theirs: samples[number][place].clone(),
                unit,
                better: Better::Lower,
            });
        }
    }
    Ok(())
}

// --- an idle host ---------------------------------------------------------------------------------------------------

/// Starts a host and asks what it cost.
fn idle(name: &str, seconds: u64) -> Result<[f64; FIGURES.len()], Failure> {
    let output = Command::new(std::env::current_exe()?).args([HOST, name, &seconds.to_string()]).output()?;
    if !output.status.success() {
        return Err(format!("the host {name} ended with {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let cost: Cost = serde_json::from_slice(&output.stdout)?;
    Ok(FIGURES.map(|(.., of)| of(&cost)))
}

/// Does nothing for so long, and says what that cost.
fn be_host(name: &str, seconds: u64) -> Result<(), Failure> {
    let runtime = host::start()?;
    let held: Box<dyn std::any::Any> = match name {
        "apex" => Box::new(runtime.block_on(Cache::builder().start())?),
        "moka_future" => Box::new(
            moka::future::Cache::<String, String>::builder().time_to_live(Duration::from_hours(1)).build(),
        ),
        "no_cache" => Box::new(()),
        other => return Err(format!("there is no host {other}").into()),
    };
    std::thread::sleep(Duration::from_millis(500)); // what starts may still be at work
    let (wakeups, cpu, began) = (process::wakeups(), process::cpu(None), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    let took = began.elapsed().as_secs_f64();
    let cost = Cost {
        wakeups_per_second: (process::wakeups() - wakeups) as f64 / took,
        cpu_per_second: process::cpu(None).saturating_sub(cpu).as_secs_f64() * 1e6 / took,
        threads: process::threads() as f64,
        resident: process::resident() as f64 / 1_024.0,
    };
    println!("{}", serde_json::to_string(&cost)?);
    drop(held);
    Ok(())
}

// --- what it adds to a build ----------------------------------------------------------------------------------------

/// The dependencies and the body of each program.
fn program(name: &str) -> (String, &'static str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match name {
        "apex" => (
            format!("apex-cache = {{ path = {:?} }}", root.display().to_string()),
            "let cache = apex_cache::Cache::builder().start().await.unwrap();
             cache.set(\"user::1::name\", \"Ann\").await.unwrap();
             println!(\"{}\", *cache.get::<String>(\"user::1::name\").await.unwrap().unwrap());",
        ),
        "moka_future" => (
            "moka = { version = \"0.12\", features = [\"future\"] }".to_owned(),
            "let cache = moka::future::Cache::<String, String>::builder()
                 .time_to_live(std::time::Duration::from_secs(3_600)).build();
             cache.insert(\"user::1::name\".to_owned(), \"Ann\".to_owned()).await;
             println!(\"{}\", cache.get(\"user::1::name\").await.unwrap());",
        ),
        _ => (String::new(), "println!(\"{}\", \"Ann\".to_owned());"),
    }
}

/// Builds a program from nothing. Returns seconds, and KiB of the binary.
fn build(name: &str) -> Result<[f64; BUILT.len()], Failure> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let (dependency, body) = program(name);
    fs::create_dir(root.join("src"))?;
    fs::write(
        root.join("Cargo.toml"),
        format!(
            "[package]\nname = \"host\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{dependency}\n\
             tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\", \"time\"] }}\n"
        ),
    )?;
    fs::write(root.join("src/main.rs"), format!("#[tokio::main]\nasync fn main() {{ {body} }}\n"))?;
    // The versions that are compared elsewhere; what the program does not need is dropped from it.
    let lock = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    fs::copy(lock, root.join("Cargo.lock"))?;
    cargo(root, &["fetch"])?;
    let began = Instant::now();
    cargo(root, &["build", "--release", "--offline"])?;
    let took = began.elapsed().as_secs_f64();
    let binary = fs::metadata(root.join("target/release/host"))?.len();
    Ok([took, binary as f64 / 1_024.0])
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(arguments).env("CARGO_TARGET_DIR", root.join("target"));
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("cargo {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)).into())
}
