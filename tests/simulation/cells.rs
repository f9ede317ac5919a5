//! How much was seen of what the simulation is for: reads behind an invalidation that a load was under way across.
//!
//! Owns: the table of scopes and entrances. Never: judges.

use std::fmt;

use crate::plan::{KINDS, Kind};
use crate::world::{Did, ENTRANCES, Entrance, Event, Faults, NEVER, Record, Run};

/// Reads of each cell, and what went wrong on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cells {
    pub(crate) seeds: u64,
    pub(crate) operations: u64,
    pub(crate) fence_reads: u64,
    pub(crate) cells: [[u64; ENTRANCES.len()]; KINDS.len()],
    pub(crate) faults: Faults,
}

/// What one invalidation of one key was across: how it was done, and the entrances as a mask.
pub(crate) struct Across {
    kind: usize,
    entrances: u16,
}

const SET: u16 = 1 << (ENTRANCES.len() - 1);

/// Cells that cannot be: a warm run, and what a batch brings beside, have no tags.
fn is_possible(kind: Kind, entrance: Entrance) -> bool {
    kind != Kind::Tag
        || !matches!(entrance, Entrance::Warm | Entrance::Member | Entrance::Extra | Entrance::Load)
}

fn place(entrance: Entrance) -> usize {
    ENTRANCES.iter().position(|(other, _)| *other == entrance).unwrap()
}

/// For each invalidation of `key`, the entrances of loads that began before it and ended after it.
pub(crate) fn across(record: &Record, key: u8, gone: &[(&Event, Kind, Option<u8>)]) -> Vec<Across> {
    let runs: Vec<&Run> = record.runs.iter().filter(|run| run.key == key).collect();
    let tier = crate::plan::tier_of(key as usize) as u8;
    let crashes: Vec<&Event> =
        record.events.iter().filter(|event| event.did == Did::Broke { tier }).collect();
    let sets = record.made.iter().filter(|made| made.is_set && made.key == key && made.done != NEVER);
    let mut sets = sets.peekable();
    let mut across = Vec::with_capacity(gone.len());
    for &(event, kind, tag) in gone {
        let tagged = |tags: u8| tag.is_none_or(|tag| tags >> tag & 1 == 1);
        let mut entrances = 0;
        for run in
            runs.iter().filter(|run| run.start < event.began && run.end > event.ended && tagged(run.tags))
        {
            entrances |= 1 << place(run.entrance);
            let died = |crash: &&Event| crash.began > run.start && crash.ended < run.end;
            if crashes.iter().any(died) {
                entrances |= 1 << place(Entrance::Restart);
            }
        }
        while let Some(made) = sets.next_if(|made| made.done < event.began) {
            entrances |= if tagged(made.tags) { SET } else { 0 };
        }
        across.push(Across { kind: kind as usize, entrances });
    }
    across
}

impl Cells {
    /// Counts a read behind an invalidation.
    pub(crate) fn count(&mut self, across: &Across) {
        self.fence_reads += u64::from(across.entrances & !SET != 0);
        for (place, cell) in self.cells[across.kind].iter_mut().enumerate() {
            *cell += u64::from(across.entrances >> place & 1);
        }
    }

    pub(crate) fn add(&mut self, record: &Record) {
        self.seeds += 1;
        self.operations += record.events.len() as u64;
        let Faults { crash, cancel, error, panic, hang, slices, shutdown, busy } = record.faults;
        self.faults.crash += crash;
        self.faults.cancel += cancel;
        self.faults.error += error;
        self.faults.panic += panic;
        self.faults.hang += hang;
        self.faults.slices += slices;
        self.faults.shutdown += shutdown;
        self.faults.busy += busy;
    }

    /// The cell with the fewest reads.
    pub(crate) fn smallest(&self) -> (&'static str, &'static str, u64) {
        let cells = KINDS.iter().zip(&self.cells).flat_map(|((kind, scope), row)| {
            let row = ENTRANCES.iter().zip(row).filter(|((entrance, _), _)| is_possible(*kind, *entrance));
            row.map(move |((_, entrance), count)| (*scope, *entrance, *count))
        });
        cells.min_by_key(|cell| cell.2).unwrap()
    }
}

impl fmt::Display for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>14}", "")?;
        for (_, entrance) in ENTRANCES {
            write!(f, " {entrance:>12}")?;
        }
        for ((kind, scope), row) in KINDS.iter().zip(&self.cells) {
            write!(f, "\n{scope:>14}")?;
            for ((entrance, _), count) in ENTRANCES.iter().zip(row) {
                if is_possible(*kind, *entrance) {
                    write!(f, " {count:>12}")?;
                } else {
                    write!(f, " {:>12}", "-")?;
                }
            }
        }
        let (scope, entrance, least) = self.smallest();
        let Self { seeds, operations, fence_reads, faults, .. } = self;
        let Faults { crash, cancel, error, panic, hang, slices, shutdown, busy } = faults;
        write!(f, "\nsimulation: seeds={seeds} operations={operations} fence_reads={fence_reads} ")?;
        write!(f, "smallest_cell={scope} x {entrance}: {least} faults: crash={crash} cancel={cancel} ")?;
        write!(f, "error={error} panic={panic} hang={hang} slices={slices} shutdown={shutdown} busy={busy}")
    }
}
