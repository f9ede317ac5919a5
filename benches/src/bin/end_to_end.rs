//! What does a whole program gain? A shop on axum and `SQLite` under load: without a cache, with moka, with ours.
//!
//! Run: `cargo run --release -p apex-cache-bench --bin end_to_end -- [--quick] [--json] [--plot]`
//! Owns: turns, and the figures of a row. Never: lets two shops be asked at the same time.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods)] // the shops are tasks of this host

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use apex_cache_bench::cli::{Options, exit};
use apex_cache_bench::report::{Better, Report, Row};
use apex_cache_bench::samples::interleave_all;
use apex_cache_bench::shop::Shop;
use apex_cache_bench::shop::load::{CONNECTIONS, Turn, turn};
use apex_cache_bench::{Failure, host};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const NOTES: &str = "\
A shop on axum with a SQLite file of 10,000 products and 100,000 reviews; a page takes three queries. 16 threads of the same
program ask on raw sockets that they keep, one request at a time each, popular products more often (Zipf 0.99); one request
of a hundred changes a product and invalidates its page. They share the cores with the shop; its seconds on a processor
are counted without theirs. moka holds an Arc<Page>, ours is #[cached].";

/// Name, unit, which is better, and the figure.
type Figure = (&'static str, &'static str, Better, fn(&Turn) -> f64);

const FIGURES: [Figure; 5] = [
    ("requests_per_second", "1/s", Better::Higher, |turn| turn.rate),
    ("p50", "us", Better::Lower, |turn| turn.latencies.within(500) / 1_000.0),
    ("p99", "us", Better::Lower, |turn| turn.latencies.within(990) / 1_000.0),
    ("p99_9", "us", Better::Lower, |turn| turn.latencies.within(999) / 1_000.0),
    ("cpu_per_1000", "s", Better::Lower, |turn| turn.cpu),
];

fn main() -> ExitCode {
    exit("end_to_end", || {
        let names = FIGURES.map(|(name, ..)| name);
        let options = Options::parse(std::env::args().skip(1), &names, &[])?;
        let packages = ["apex-cache", "moka", "axum", "rusqlite"];
        let mut report = Report::open("end_to_end", &options, &packages, NOTES);
        let folder = tempfile::tempdir()?;
        let host = host::start()?;
        let shops = host.block_on(Shop::all(folder.path()))?;
        let shops: Vec<(&str, SocketAddr)> = shops
            .into_iter()
            .map(|(name, shop)| Ok((name, open(&host, shop)?)))
            .collect::<Result<_, Failure>>()?;
        let (repetitions, duration) = options.pick((3, Duration::from_secs(1)), (7, Duration::from_secs(3)));
        let samples = interleave_all(&shops, repetitions, |(_, address)| {
            let turn = turn(*address, duration)?;
            Ok(FIGURES.map(|(.., of)| of(&turn)))
        })?;
        for (place, (measure, unit, better, _)) in FIGURES.into_iter().enumerate() {
            for (number, (peer, _)) in shops.iter().enumerate().skip(1) {
                let (ours, theirs) = (samples[0][place].clone(), samples[number][place].clone());
                let (measure, peer) = (measure.to_owned(), (*peer).to_owned());
                if options.wants(&measure) {
                    report.row(Row {
                        measure,
                        keys: None,
                        threads: CONNECTIONS,
                        peer,
                        ours,
                        theirs,
                        unit,
                        better,
                    });
                }
            }
        }
        report.close()
    })
}

/// Opens a shop on a port of its own.
fn open(host: &Runtime, shop: Shop) -> Result<SocketAddr, Failure> {
    let listener = host.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    host.spawn(async move { axum::serve(listener, shop.router()).await });
    Ok(address)
}
