//! The database of the race: a table of one row, and loads that read it.
//!
//! Owns: the row, and holding a load between reading and returning. Never: knows which cache asks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::TEAM;

const OLD: u32 = 1;
const NEW: u32 = 2;

/// The row, as one reader of the table saw it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Row {
    version: u32,
    /// What a tag would name.
    pub(super) team: u32,
}

impl Row {
    pub(super) fn is_new(self) -> bool {
        self.version == NEW
    }
}

/// Reads the row when it is first polled, as a query would.
pub(super) type Load = Pin<Box<dyn Future<Output = Row> + Send>>;

/// A clone is the same table.
#[derive(Clone)]
pub(super) struct Table(Arc<AtomicU32>);

/// The other end of a load that is held.
pub(super) struct Gate {
    /// Told when the load has read the row.
    pub(super) has_read: oneshot::Receiver<()>,
    /// Lets the load return what it has read. Dropping it does, too, so that a race that broke off leaves no load behind.
    pub(super) open: oneshot::Sender<()>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU32::new(OLD)))
    }

    /// What the writer does before it invalidates.
    pub(super) fn change(&self) {
        self.0.store(NEW, Ordering::SeqCst);
    }

    fn row(&self) -> Row {
        Row { version: self.0.load(Ordering::SeqCst), team: TEAM }
    }

    /// A load that returns at once.
    pub(super) fn load(&self) -> Load {
        let table = self.clone();
        Box::pin(async move { table.row() })
    }

    /// A load that reads at once and returns when the gate is opened.
    pub(super) fn held(&self) -> (Load, Gate) {
        let (tell, has_read) = oneshot::channel();
        let (open, opened) = oneshot::channel();
        let table = self.clone();
        let load = Box::pin(async move {
            let row = table.row();
            // Nobody to tell, or nobody to wait for: the race has broken off and says why itself.
            let _ = tell.send(());
            let _ = opened.await;
            row
        });
        (load, Gate { has_read, open })
    }
}
