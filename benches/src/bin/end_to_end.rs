//! What does a whole program gain? A shop on axum and `SQLite` under load: without a cache, with moka, with a
//! bare map, with ours.
//!
//! Run: `cargo run --release -p apex-cache-bench --bin end_to_end -- [--quick] [--json] [--plot] [--only NAME]`
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
A shop on axum with a SQLite file of 10,000 products and 100,000 reviews; a page takes three queries. 16
threads of the same program ask on raw sockets that they keep, one request at a time each, popular products
more often (Zipf 0.99); one request of a hundred changes a product and invalidates its page, or, where a name
ends with _0, _5 or _20, that many. They share the cores with the shop; its seconds on a processor are counted
without theirs. moka holds an Arc<Page>, ours is #[cached]. bare_map is papaya with a cell for each page:
right, but no cache, so the limit.";

/// The percentage of requests that change a product, and the ending of the names of its measures.
const CHANGES: [(usize, &str); 4] = [(1, ""), (0, "_0"), (5, "_5"), (20, "_20")];

/// Name, unit, which is better, and the figure.
type Figure = (&'static str, &'static str, Better, fn(&Turn) -> f64);

const FIGURES: [Figure; 5] = [
    ("requests_per_second", "1/s", Better::Higher, |turn| turn.rate),
    ("p50", "us", Better::Lower, |turn| turn.latencies.within(500) / 1_000.0),
    ("p99", "us", Better::Lower, |turn| turn.latencies.within(990) / 1_000.0),
    ("p99_9", "us", Better::Lower, |turn| turn.latencies.within(999) / 1_000.0),
    ("cpu_per_1000", "s", Better::Lower, |turn| turn.cpu),
];

/// A shop that answers at an address.
struct OpenShop {
    name: &'static str,
    shop: Shop,
    address: SocketAddr,
}

fn main() -> ExitCode {
    exit("end_to_end", || {
        let names: Vec<String> = CHANGES
            .iter()
            .flat_map(|(_, ending)| FIGURES.map(|(name, ..)| format!("{name}{ending}")))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let options = Options::parse(std::env::args().skip(1), &names, &[])?;
        let packages = ["apex-cache", "moka", "axum", "rusqlite", "papaya"];
        let mut report = Report::open("end_to_end", &options, &packages, NOTES);
        let folder = tempfile::tempdir()?;
        let host = host::start()?;
        let shops: Vec<OpenShop> = host
            .block_on(Shop::all(folder.path()))?
            .into_iter()
            .map(|(name, shop)| open(&host, name, shop))
            .collect::<Result<_, Failure>>()?;
        for (percent, ending) in CHANGES {
            let wanted = |(name, ..): &Figure| options.wants(&format!("{name}{ending}"));
            let figures: Vec<(usize, Figure)> =
                FIGURES.into_iter().enumerate().filter(|(_, figure)| wanted(figure)).collect();
            if !figures.is_empty() {
                compare(&host, &shops, (percent, ending), &figures, &options, &mut report)?;
            }
        }
        report.close()
    })
}

/// Gives each shop its turns, and prints the wanted figures and how long the turns of our cache took. Then
/// compares every page with the file.
fn compare(
    host: &Runtime,
    shops: &[OpenShop],
    (percent, ending): (usize, &str),
    figures: &[(usize, Figure)],
    options: &Options,
    report: &mut Report,
) -> Result<(), Failure> {
    let (repetitions, duration) = options.pick((3, Duration::from_secs(1)), (7, Duration::from_secs(3)));
    let before = host.block_on(shops[0].shop.turns())?;
    let samples = interleave_all(shops, repetitions, |one| {
        let turn = turn(one.address, percent, duration)?;
        Ok(FIGURES.map(|(.., of)| of(&turn)))
    })?;
    let turns = host.block_on(shops[0].shop.turns())?.since(&before);
    for &(place, (name, unit, better, _)) in figures {
        for (open, theirs) in shops.iter().zip(&samples).skip(1) {
            report.row(Row {
                measure: format!("{name}{ending}"),
                keys: None,
                threads: CONNECTIONS,
                peer: open.name.to_owned(),
                ours: samples[0][place].clone(),
                theirs: theirs[place].clone(),
                unit,
                better,
            });
        }
    }
    for times in turns {
        times.during(&format!("{percent} % changes")).beside(CONNECTIONS).aside(report);
    }
    for OpenShop { name, shop, .. } in shops {
        match host.block_on(shop.wrong_pages())? {
            0 => {}
            // An invalidation of moka does not revoke a load, so the load may store the old page afterwards.
            wrong if *name == "moka_future" => {
                report.remark(&format!(
                    "{percent} % changes: {name} goes on to show {wrong} pages that are old"
                ));
            }
            wrong => return Err(format!("{name} goes on to show {wrong} pages that are old").into()),
        }
    }
    Ok(())
}

/// Opens a shop on a port of its own.
fn open(host: &Runtime, name: &'static str, shop: Shop) -> Result<OpenShop, Failure> {
    let listener = host.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let router = shop.clone().router();
    host.spawn(async move { axum::serve(listener, router).await });
    Ok(OpenShop { name, shop, address })
}
