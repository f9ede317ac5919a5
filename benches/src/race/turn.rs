//! One turn of the race, and the two turns without it that show that the race proves anything.
//!
//! Owns: the order of events. Never: looks into a contestant; what counts is what its readers are handed.

use std::future::Future;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::table::{Row, Table};
use super::{Contestant, Outcome, Seen};
use crate::Failure;

/// How long the late reader may take before the old load is let go. A reader that loads by itself needs microseconds; one
/// that has joined the old load would wait for ever.
const PATIENCE: Duration = Duration::from_millis(200);
/// After which a contestant is taken to hang.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits for `event`, and fails with a sentence when it does not come.
async fn within<T>(what: &str, event: impl Future<Output = T>) -> Result<T, Failure> {
    timeout(LIMIT, event).await.map_err(|_| format!("{what} did not come within {LIMIT:?}").into())
}

/// A reader in a task of its own, and what tells that it is about to ask.
fn reader<C: Contestant>(
    cache: &C,
    load: super::Load,
) -> (JoinHandle<Result<Row, Failure>>, oneshot::Receiver<()>) {
    let cache = cache.clone();
    let (tell, arrived) = oneshot::channel();
    let task = tokio::spawn(async move {
        let _ = tell.send(()); // nobody listens to the first reader: its load tells more
        cache.get_or_load(load).await
    });
    (task, arrived)
}

/// The race. `way` is what the writer does after it has changed the row; without one it forgets to.
async fn run<C: Contestant>(way: Option<C::Way>) -> Result<Outcome, Failure> {
    let cache = C::start().await?;
    let table = Table::new();
    let (load, gate) = table.held();
    let (first, _) = reader(&cache, load);
    within("the first load", gate.has_read).await??;

    table.change();
    if let Some(way) = way {
        within("the answer to the invalidation", cache.take_away(way)).await??;
    }

    let (mut late, arrived) = reader(&cache, table.load());
    within("the late reader", arrived).await??;
    let unaided = timeout(PATIENCE, &mut late).await.ok();
    // Either it has its row, or it waits for the old load, which ends only now.
    let _ = gate.open.send(()); // fails when the contestant has thrown the old load away, as it may
    let late = match unaided {
        Some(ended) => ended,
        None => within("the row of the late reader", late).await?,
    }??;
    // What it is handed may be either row: it had asked before the invalidation. That it has ended counts.
    within("the row of the first reader", first).await???;

    let outcome = Outcome { late_reader: Seen::of(Some(late)), stored: Seen::of(cache.stored().await?) };
    cache.stop().await?;
    Ok(outcome)
}

/// The race of [`super`].
pub(super) async fn overtaken<C: Contestant>(way: C::Way) -> Result<Outcome, Failure> {
    run::<C>(Some(way)).await
}

/// The race with a writer who does not invalidate.
///
/// Errors: a sentence, unless all is old: then readers do not share a load, or nothing is stored, and what the race
/// shows of this contestant would be no merit of its invalidation.
pub(super) async fn nothing_taken<C: Contestant>() -> Result<(), Failure> {
    match run::<C>(None).await? {
        Outcome { late_reader: Seen::Old, stored: Seen::Old } => Ok(()),
        other => Err(format!("without an invalidation both should be old, not {other:?}").into()),
    }
}

/// The same operation when no load is under way.
///
/// Errors: a sentence, when the row was not stored before, or is still there afterwards: then the operation is not the
/// right one for this row, and it would be unfair to race with it.
pub(super) async fn nothing_in_flight<C: Contestant>(way: C::Way) -> Result<(), Failure> {
    let cache = C::start().await?;
    within("a row", cache.get_or_load(Table::new().load())).await??;
    let before = Seen::of(cache.stored().await?);
    within("the answer to the invalidation", cache.take_away(way)).await??;
    let after = Seen::of(cache.stored().await?);
    cache.stop().await?;
    if (before, after) == (Seen::Old, Seen::None) {
        return Ok(());
    }
    Err(format!(
        "a stored row should be there and then gone, not {} and then {}",
        before.word(),
        after.word()
    )
    .into())
}
