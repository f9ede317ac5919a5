//! What `peers`, `scale`, `invalidate`, `latency` and `looks` measure: one operation each, by us and by others.
//!
//! Owns: the measures of `peers` by name, their sizes, and the comparison that all of them are. Never: compares figures of different runs.

mod invalidations;
pub mod latency;
pub mod looks;
mod many;
mod reads;
pub mod scale;
pub mod scopes;
mod storms;
mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::cli::Options;
use crate::contestant::{Contestant, Done, Entrant, Setup, Work};
use crate::peers::{BareMap, Foyer, MokaFuture, MokaSync, QuickCache};
use crate::report::{Better, Report, Row};
use crate::samples::{Samples, interleave};
use crate::work::{Naming, Payload, Profile, Random, Requests};
use crate::{Failure, host};

/// Keys that most measures spread over.
const KEYS: u64 = 100_000;

/// What a measure is given.
struct Bench<'r> {
    /// Where its rows go.
    report: &'r mut Report,
    /// Where its tasks run.
    host: Runtime,
    /// Turns of each that count.
    repetitions: usize,
    /// Reads of one thread in one turn.
    reads: usize,
    /// Writes in one turn.
    writes: u64,
    /// Entries where many are in the cache.
    many: u64,
    /// What the last measure used, by our kind and the peers.
    kept: Option<(Kind, Vec<Entrant>)>,
}

/// Our type, and who else takes part.
type Kind = (&'static str, Vec<Peer>);

/// Measures by the name it is given.
type Measure = fn(&mut Bench<'_>, &str) -> Result<(), Failure>;

/// Those of `peers`, in the order in which they run.
const MEASURES: &[(&str, Measure)] = &[
    ("typed_hit", reads::typed_hit),
    ("hot_key", reads::hot_key),
    ("hit_under_writes", reads::hit_under_writes),
    ("typed_hit_str", reads::typed_hit_str),
    ("miss", reads::miss),
    ("cached_fn_hit", reads::cached_fn_hit),
    ("cached_fn_hit_arc", reads::cached_fn_hit),
    ("bytes_hit", reads::bytes_hit),
    ("get_or_load_hit", reads::get_or_load_hit),
    ("get_or_load_cold", writes::get_or_load_cold),
    ("set_awaited_1", writes::set_awaited_1),
    ("set_inline", writes::set_inline),
    ("set_awaited_64", writes::set_awaited_64),
    ("set_many_100", writes::set_many_100),
    ("set_unawaited", writes::set_unawaited),
    ("invalidate_key", invalidations::key),
    ("invalidate_visible", invalidations::visible),
    ("invalidate_visible_inline", invalidations::visible_inline),
    ("invalidate_freed", invalidations::freed),
    ("invalidate_freed_inline", invalidations::freed_inline),
    ("get_after_invalidate", invalidations::get_after),
    ("invalidate_pattern", invalidations::pattern),
    ("write_storm", storms::popular),
    ("write_storm_even", storms::even),
    ("many_threads", many::threads),
    ("expire_1m", invalidations::expire),
];

/// Their names.
#[must_use]
pub fn names() -> Vec<&'static str> {
    MEASURES.iter().map(|(name, _)| *name).collect()
}

/// Runs those that are wanted.
///
/// Errors: a sentence, when a cache fails, or does not do what it says.
pub fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let mut bench = Bench::new(options, report)?;
    for (name, measure) in MEASURES.iter().filter(|(name, _)| options.wants(name)) {
        measure(&mut bench, name).map_err(|failure| format!("{name}: {failure}"))?;
    }
    Ok(())
}

/// Who takes part beside us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    MokaSync,
    MokaFuture,
    QuickCache,
    Foyer,
    BareMap,
}

impl<'r> Bench<'r> {
    /// Of the usual sizes.
    fn new(options: &Options, report: &'r mut Report) -> Result<Self, Failure> {
        Ok(Self {
            report,
            host: host::start()?,
            repetitions: options.pick(3, 9),
            reads: options.pick(50_000, 200_000),
            writes: options.pick(2_000, 5_000),
            many: options.pick(100_000, 1_000_000),
            kept: None,
        })
    }

    /// One that holds `count` entries under the names of `naming`, stored in mixed order: who fills a cache in order of
    /// popularity puts what is hot side by side.
    fn entrant<V: Payload, C: Contestant<V>>(
        &self,
        setup: Setup,
        count: u64,
        naming: Naming,
    ) -> Result<Entrant, Failure> {
        let order: Arc<[u64]> = Random::new(count).shuffled(count).into();
        self.host.block_on(Entrant::start::<V, C>(setup, &order, naming))
    }

    /// Ours and `peers`, likewise.
    fn entrants<V: Payload, C: Contestant<V>>(
        &self,
        setup: Setup,
        count: u64,
        naming: Naming,
        peers: &[Peer],
    ) -> Result<Vec<Entrant>, Failure> {
        let mut all = vec![self.entrant::<V, C>(setup, count, naming)?];
        for peer in peers {
            all.push(match peer {
                Peer::MokaSync => self.entrant::<V, MokaSync<V>>(setup, count, naming)?,
                Peer::MokaFuture => self.entrant::<V, MokaFuture<V>>(setup, count, naming)?,
                Peer::QuickCache => self.entrant::<V, QuickCache<V>>(setup, count, naming)?,
                Peer::Foyer => self.entrant::<V, Foyer<V>>(setup, count, naming)?,
                Peer::BareMap => self.entrant::<V, BareMap<V>>(setup, count, naming)?,
            });
        }
        Ok(all)
    }

    /// The usual ones: [`KEYS`] profiles, nothing evicted. Measures that follow each other may be given the same, so
    /// each leaves behind what it found.
    fn profiles<C: Contestant<Profile>>(&mut self, peers: &[Peer]) -> Result<Vec<Entrant>, Failure> {
        let kind = (std::any::type_name::<C>(), peers.to_vec());
        match &self.kept {
            Some((kept, entrants)) if *kept == kind => Ok(entrants.clone()),
            _ => {
                self.kept = None; // two sets at a time would share the caches of the machine
                let entrants = self.entrants::<Profile, C>(Setup::of(KEYS), KEYS, crate::work::key, peers)?;
                self.kept = Some((kind, entrants.clone()));
                Ok(entrants)
            }
        }
    }

    /// Gives each its turns, and prints a row for each peer; ours is the first.
    fn compare(
        &mut self,
        measure: &str,
        (threads, keys): (usize, u64),
        entrants: &[Entrant],
        turn: impl FnMut(&Entrant) -> Result<f64, Failure>,
    ) -> Result<(), Failure> {
        let samples = interleave(entrants, self.repetitions, turn)?;
        let names: Vec<_> = entrants.iter().map(|one| one.name).collect();
        self.rows(measure, (threads, keys), &names, &samples, "ns");
        Ok(())
    }

    /// As [`Bench::compare`], for measures that change entries: prints how long the turns of ours took meanwhile, too.
    fn compare_writes(
        &mut self,
        measure: &str,
        (threads, keys): (usize, u64),
        entrants: &[Entrant],
        turn: impl FnMut(&Entrant) -> Result<f64, Failure>,
    ) -> Result<(), Failure> {
        let before = self.host.block_on(entrants[0].turns())?;
        self.compare(measure, (threads, keys), entrants, turn)?;
        for times in self.host.block_on(entrants[0].turns())?.since(&before) {
            times.during(measure).beside(threads).aside(self.report);
        }
        Ok(())
    }

    /// A row for each of `names` but the first, who is us.
    fn rows(
        &mut self,
        measure: &str,
        (threads, keys): (usize, u64),
        names: &[&str],
        samples: &[Samples],
        unit: &'static str,
    ) {
        for (peer, theirs) in names.iter().zip(samples).skip(1) {
            self.report.row(Row {
                measure: measure.to_owned(),
                keys: Some(keys),
                threads,
                peer: (*peer).to_owned(),
                ours: samples[0].clone(),
                theirs: theirs.clone(),
                unit,
                better: Better::Lower,
            });
        }
    }

    /// Lets `entrant` do `work` alone.
    fn run(&self, entrant: &Entrant, work: &Work) -> Result<Done, Failure> {
        self.host.block_on(entrant.run(work))
    }
}

/// Fails unless what was counted is `expected`: an operation that does not do what it says is not measured.
fn check(entrant: &Entrant, done: &[Done], expected: u64) -> Result<(), Failure> {
    match done.iter().map(|done| done.count).sum::<u64>() {
        count if count == expected => Ok(()),
        count => {
            Err(format!("{} counted {count} operations where {expected} are right", entrant.name).into())
        }
    }
}

/// Whether what was taken away is gone. Ours must be; a peer that still serves some of it is measured all the same, and it
/// is said.
#[derive(Default)]
struct Gone {
    served: BTreeMap<&'static str, u64>,
}

impl Gone {
    /// Reads `keys`, none of which should be there.
    fn check(&mut self, host: &Runtime, one: &Entrant, keys: &Requests) -> Result<(), Failure> {
        let read = host.block_on(one.run(&Work::Get(keys.clone())))?;
        self.note(one, keys, read.count)
    }

    /// `served` of `keys` were read, none of which should be there.
    fn note(&mut self, one: &Entrant, keys: &Requests, served: u64) -> Result<(), Failure> {
        match served {
            0 => Ok(()),
            count if one.name == "apex" => {
                Err(format!("{count} of {} entries are served after they were taken", keys.len()).into())
            }
            count => {
                *self.served.entry(one.name).or_default() += count;
                Ok(())
            }
        }
    }

    fn tell(&self, measure: &str, report: &Report) {
        for (name, count) in &self.served {
            report
                .remark(&format!("{measure}: {name} served {count} entries after they had been invalidated"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_is_there_under_its_name_once() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MEASURES.len());
    }
}
