//! Reads and changes of the same rows: one change for each six reads, without HTTP.
//!
//! Owns: the sizes, and the check of each turn. Never: prints a figure of a cache that has shown an old row.

use tokio::sync::Barrier;

use super::Bench;
use crate::Failure;
use crate::contestant::timed;
use crate::host::{each, nanos_as_seen};
use crate::samples::interleave;
use crate::storm::{Storm, StormPart};

/// Popular users are changed more often, as they are read more often.
pub(super) fn popular(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    storm(bench, measure, true)
}

/// All users are changed as often.
pub(super) fn even(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    storm(bench, measure, false)
}

/// Prints the nanoseconds of an operation, a read or a change, as each thread sees it.
fn storm(bench: &mut Bench<'_>, measure: &str, popular_changes: bool) -> Result<(), Failure> {
    let users = bench.many / 100; // of ten profiles each
    let (storms, changes) = (bench.host.block_on(Storm::all(users))?, bench.writes as usize / 2);
    let names: Vec<_> = storms.iter().map(|one| one.name).collect();
    for threads in [1, 2] {
        let parts: Vec<StormPart> =
            (1..=threads).map(|seed| StormPart::of(users, changes, popular_changes, seed)).collect();
        let (before, count) =
            (bench.host.block_on(storms[0].turns())?, parts.iter().map(StormPart::len).sum::<usize>());
        let mut loads = vec![0; storms.len()];
        let samples = interleave(&storms, bench.repetitions, |one| {
            let (gate, loaded) = (Barrier::new(parts.len()), one.loads());
            let done =
                each(&parts, |part, runtime| runtime.block_on(timed(&gate, async { one.run(part).await })))?;
            if let Some(place) = names.iter().position(|&name| name == one.name) {
                loads[place] = one.loads() - loaded;
            }
            check(one, done.iter().map(|done| done.count).sum(), count as u64)?;
            match bench.host.block_on(one.wrong_profiles(&parts))? {
                0 => Ok(nanos_as_seen(&done, count)),
                wrong => Err(format!("{} shows {wrong} profiles that are old", one.name).into()),
            }
        })?;
        bench.rows(measure, (parts.len(), users * 10), &names, &samples, "ns");
        let loads: Vec<_> = names.iter().zip(loads).map(|(name, loads)| format!("{name} {loads}")).collect();
        bench.report.remark(&format!(
            "{measure}: of {} reads of the last turn on {threads} threads these were loads: {}",
            count - parts.len() * changes,
            loads.join(", ")
        ));
        for times in bench.host.block_on(storms[0].turns())?.since(&before) {
            times.during(measure).beside(parts.len()).aside(bench.report);
        }
    }
    Ok(())
}

fn check(one: &Storm, right: u64, count: u64) -> Result<(), Failure> {
    match count - right {
        0 => Ok(()),
        stale => Err(format!(
            "{stale} of {count} operations of {} showed a row from before a confirmed change",
            one.name
        )
        .into()),
    }
}
