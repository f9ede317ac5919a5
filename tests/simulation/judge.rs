//! What a history must not show.
//!
//! Owns: fences, own writes, reads that only go forward, ages, single flight, deadlines, errors. Never: runs anything.
//!
//! An event follows another if it began after that had ended; what overlaps may have been in either order. Values are
//! unique and tell when their load or set began, so that each read is judged by itself.

use apex_cache::{ErrorKind, Source};

use crate::cells::{Cells, across};
use crate::client::SHUT_DOWN;
use crate::load::is_load;
use crate::plan::{KEYS, Kind, Plan, SHORTEST_TIMEOUT, TAGS, tier_of};
use crate::register;
use crate::world::{Did, Entrance, Event, Made, NEVER, Order, Record, Run};

/// A failure: which key, in words, and the events that show it.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) key: Option<u8>,
    pub(crate) words: String,
}

type Verdict = Result<(), Fault>;

fn fault(key: Option<u8>, words: String) -> Verdict {
    Err(Fault { key, words })
}

/// Judges a history.
pub(crate) fn judge(record: &Record, plan: &Plan, cells: &mut Cells) -> Verdict {
    for event in &record.events {
        on_time(event)?;
        allowed_error(event, plan)?;
    }
    // Where there is little room, loads run past the cache, and nobody can tell which.
    if !plan.is_narrow() {
        single_flight(record)?;
    }
    for key in 0..KEYS.len() as u8 {
        Line::new(record, key).judge(cells)?;
        register::check(record, key)?;
    }
    Ok(())
}

/// Every call ends by its deadline.
fn on_time(event: &Event) -> Verdict {
    let took = event.ended_ms - event.began_ms;
    if event.limit.is_none_or(|limit| took <= limit + 50) {
        return Ok(());
    }
    fault(None, format!("a call took {took} ms: {event:?}"))
}

fn allowed_error(event: &Event, plan: &Plan) -> Verdict {
    use ErrorKind::{
        Closed, LoadFailed, LoadPanicked, LoadTimeout, Overloaded, Partial, TierFailed, TierRestarting,
        Timeout,
    };
    let Did::Failed { call, kind } = event.did else { return Ok(()) };
    let allowed: &[ErrorKind] = match call {
        // Trouble of the cache is none of a call with a loader.
        "load" | "fill" | "reserve" => &[LoadFailed, LoadPanicked, LoadTimeout, Timeout],
        "set" => &[TierRestarting, TierFailed, Overloaded, Timeout],
        "ordered get" => &[TierRestarting, TierFailed, Overloaded],
        "invalidate" | "commit" => &[Partial],
        _ => &[],
    };
    // The end of the cache is told to all who come after it, and to who waited for it.
    let is_end = kind == Closed && (plan.ends_early || event.client == u8::MAX);
    if is_end || allowed.contains(&kind) {
        return Ok(());
    }
    fault(None, format!("nobody may be told this: {event:?}"))
}

/// One load of a key runs at a time; each invalidation or set may leave one behind that runs out, four at most.
fn single_flight(record: &Record) -> Verdict {
    let first_crash = |tier: usize| {
        let crash = |event: &Event| match event.did {
            Did::Broke { tier: broke } if broke as usize == tier => Some(event.began),
            Did::Other(words) if words == SHUT_DOWN => Some(event.began),
            _ => None,
        };
        record.events.iter().filter_map(crash).min().unwrap_or(NEVER)
    };
    // Some loads run past the cache: when it is in trouble, or when a caller that takes no `nothing` had joined a load that
    // found nothing. Only of those whose value came another way it is known that they did not.
    let mut is_known = vec![false; record.made.len()];
    for event in &record.events {
        if let Did::Read { id, from, .. } = event.did {
            is_known[id as usize] |= from != Source::Bypass;
        }
    }
    for key in 0..KEYS.len() {
        let crash = first_crash(tier_of(key));
        let counts = |run: &&Run| {
            let is_own = run.key as usize == key && is_load(run) && run.end < crash;
            is_own && is_known.get(run.id as usize) == Some(&true)
        };
        let runs = record.runs.iter().filter(counts);
        let runs: Vec<&Run> = runs.collect();
        for (place, run) in runs.iter().enumerate() {
            // A reservation may be held for longer than its time; then it is none any more.
            let is_late = |other: &Run| {
                other.entrance == Entrance::Reserve && run.start_ms - other.start_ms >= SHORTEST_TIMEOUT
            };
            let runs_on = |other: &&&Run| other.end > run.start && !is_late(other);
            let beside: Vec<&&Run> = runs[..place].iter().filter(runs_on).collect();
            let Some(last) = beside.last() else { continue };
            let apart = record.events.iter().any(|event| {
                let sets_apart = match event.did {
                    Did::Gone { keys, .. } | Did::Fenced { keys, .. } => keys >> key & 1 == 1,
                    Did::Set { key: set, .. } => set as usize == key,
                    _ => false,
                };
                sets_apart && event.ended_ms >= last.start_ms && event.began_ms <= run.start_ms
            });
            if beside.len() > 4 || !apart {
                let words = format!("{} loads run beside {run:?}: {beside:?}", beside.len());
                return fault(Some(key as u8), words);
            }
        }
    }
    Ok(())
}

/// All that concerns one key.
struct Line<'r> {
    record: &'r Record,
    key: u8,
    reads: Vec<&'r Event>,
    /// In the order of their ends.
    gone: Vec<(&'r Event, Kind, Option<u8>)>,
    /// Which values were known to be held, in the order of when that was known.
    known: Vec<Known>,
    /// Values that a warm run or a batch brought beside.
    beside: Vec<u32>,
}

/// A value that a call saw, or set.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// When the call had ended.
    at: Order,
    /// Up to when the value may not have been held yet: the call had not begun, or what brought it had not ended.
    not_before: Order,
    id: u32,
}

/// The latest of what had ended before a read, as far as it has come.
#[derive(Default)]
struct Since {
    gone: usize,
    known: usize,
    /// Where the last removal began, for all values and for those with a tag; and the same with those that only expire.
    removed: [Order; TAGS.len() + 1],
    expired: [Order; TAGS.len() + 1],
    version: u32,
    /// Of what came beside: version, and when its load began.
    beside: Vec<(u32, Order)>,
}

impl<'r> Line<'r> {
    fn new(record: &'r Record, key: u8) -> Self {
        let of_key = |keys: u8| keys >> key & 1 == 1;
        let (mut reads, mut gone, mut known) = (Vec::new(), Vec::new(), Vec::new());
        // A reservation is filled before its run ends; to fill it is a call, which says when that began.
        let brings = |run: &&Run, id| run.id == id && run.entrance != Entrance::Reserve;
        let brought = |id| record.runs.iter().find(|run| brings(run, id)).map_or(0, |run| run.end);
        let known_by =
            |event: &Event, id| Known { at: event.ended, not_before: event.began.max(brought(id)), id };
        for event in &record.events {
            match event.did {
                Did::Read { key: read, id, from, stored, .. } if read == key => {
                    reads.push(event);
                    if stored && from != Source::Stale {
                        known.push(known_by(event, id));
                    }
                }
                Did::Set { key: set, id, told: true } if set == key => {
                    known.push(known_by(event, id));
                }
                Did::Gone { kind, keys, tag } if of_key(keys) => gone.push((event, kind, tag)),
                _ => {}
            }
        }
        reads.sort_unstable_by_key(|event| event.began);
        gone.sort_unstable_by_key(|(event, ..)| event.ended);
        known.sort_unstable_by_key(|known| known.at);
        let is_beside = |run: &&Run| matches!(run.entrance, Entrance::Warm | Entrance::Extra);
        let beside = record.runs.iter().filter(|run| run.key == key).filter(is_beside).map(|run| run.id);
        Self { record, key, reads, gone, known, beside: beside.collect() }
    }

    fn judge(&self, cells: &mut Cells) -> Verdict {
        let mut since = Since::default();
        let across = across(self.record, self.key, &self.gone);
        for event in &self.reads {
            while let Some((gone, kind, tag)) =
                self.gone.get(since.gone).filter(|gone| gone.0.ended < event.began)
            {
                let place = tag.map_or(0, |tag| tag as usize + 1);
                since.expired[place] = since.expired[place].max(gone.began);
                if *kind != Kind::Expire {
                    since.removed[place] = since.removed[place].max(gone.began);
                }
                since.gone += 1;
            }
            while let Some(&Known { id, .. }) =
                self.known.get(since.known).filter(|known| known.at < event.began)
            {
                let made = &self.record.made[id as usize];
                if self.beside.contains(&id) {
                    since.beside.push((made.version, made.born));
                } else {
                    since.version = since.version.max(made.version);
                }
                since.known += 1;
            }
            if let Some(across) = since.gone.checked_sub(1).and_then(|last| across.get(last)) {
                cells.count(across);
            }
            self.judge_read(event, &since)?;
        }
        self.kept_out()
    }

    fn judge_read(&self, event: &Event, since: &Since) -> Verdict {
        let Did::Read { id, from, age, allowed, .. } = event.did else { return Ok(()) };
        let made = &self.record.made[id as usize];
        let says =
            |words: &str| fault(Some(self.key), format!("{words}\n  {event:?}\n  value {id}: {made:?}"));
        if made.key != self.key {
            return says("a value under the wrong key");
        }
        let is_stale = from == Source::Stale;
        let fences = if is_stale { &since.removed } else { &since.expired };
        let tagged = (0..TAGS.len()).filter(|tag| made.tags >> tag & 1 == 1).map(|tag| fences[tag + 1]);
        let fence = tagged.fold(fences[0], Order::max);
        if read_at(made, event.ended) < fence {
            return says(&format!("it was gone, by what began at {fence}"));
        }
        if is_stale && allowed == 0 {
            return says("a stale value for a call that did not allow it");
        }
        let ttl = made.renewed.iter().map(|renewed| renewed.2).fold(made.ttl, u32::max);
        let most = if is_stale { ttl.saturating_add(allowed) } else { ttl };
        if matches!(from, Source::Memory | Source::Stale) && age > most {
            return says("a value past its time");
        }
        if is_stale {
            return Ok(());
        }
        // A load may run beside a warm run or a batch that brings its key too. Of the two, what began later stays, though it
        // may have read the source sooner.
        let overtaken = since.beside.iter().filter(|(_, born)| *born > read_at(made, event.ended));
        let version = overtaken.map(|(version, _)| *version).max().unwrap_or_default();
        let version = version.max(self.known_before(made, since));
        if made.version < version {
            return says(&format!("version {version} was known to be held"));
        }
        Ok(())
    }

    /// The newest version that was known to be held and that counts against a reader who is served `made`.
    ///
    /// A set takes place at one moment between its beginning and its end, and its value is then what the host said last,
    /// whatever the source has come to meanwhile. So what a load brought does not count against a set that may have taken
    /// place behind it:
    ///   1 the source goes to version 1, which is being set   2 it goes to version 2   3 a load reads that, is stored, and
    ///   answered   4 the set takes place, is seen, and is answered   5 who wrote version 2 invalidates
    /// It does count if it was not held before the set had ended, or if a call that began after that still saw it. And sets
    /// are made in the order of the source, so what was set always counts.
    fn known_before(&self, made: &Made, since: &Since) -> u32 {
        if !made.is_set || made.version >= since.version {
            return since.version;
        }
        let counts = |known: &&Known| {
            let other = &self.record.made[known.id as usize];
            !self.beside.contains(&known.id) && (other.is_set || known.not_before > made.done)
        };
        let counted = self.known[..since.known].iter().filter(counts);
        counted.map(|known| self.record.made[known.id as usize].version).max().unwrap_or_default()
    }

    /// What was loaded while a fence was open is not in memory, then or later, unless the tier began anew.
    fn kept_out(&self) -> Verdict {
        let tier = tier_of(self.key as usize) as u8;
        for fence in &self.record.events {
            let Did::Fenced { keys, tag, opened, closed } = fence.did else { continue };
            let broke = |event: &Event| {
                event.did == Did::Broke { tier } && event.began < fence.ended && event.ended > fence.began
            };
            if keys >> self.key & 1 == 0 || self.record.events.iter().any(broke) {
                continue;
            }
            for run in self.record.runs.iter().filter(|run| run.key == self.key && run.id != NEVER) {
                let tagged = tag.is_none_or(|tag| run.tags >> tag & 1 == 1 && !is_untagged(run));
                // Across its whole end: how long a value takes from the loader to the tier, nobody sees.
                if !tagged || run.start < opened || run.end > closed {
                    continue;
                }
                let kept = self.reads.iter().find(|event| {
                    matches!(event.did, Did::Read { id, from: Source::Memory | Source::Stale, .. } if id == run.id)
                });
                if let Some(kept) = kept {
                    let words = format!("it was loaded behind a fence\n  {fence:?}\n  {run:?}\n  {kept:?}");
                    return fault(Some(self.key), words);
                }
            }
        }
        Ok(())
    }
}

fn is_untagged(run: &Run) -> bool {
    run.tags == 0
}

/// Up to when the source had not been read for what was served at `now`, or set, at the latest.
fn read_at(made: &Made, now: Order) -> Order {
    let first = if made.is_set { made.done } else { made.born };
    made.renewed.iter().filter(|(_, said, _)| *said < now).map(|(start, ..)| *start).fold(first, Order::max)
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
