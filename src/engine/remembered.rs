//! The tables of views that each thread remembers, with their version: one load tells whether they are those in force.
//!
//! Owns: how a reader comes by tables without a lock and without a count. Never: walks them.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use super::View;
use crate::engine::table::Tables;

/// Views whose tables a thread remembers.
const REMEMBERED: usize = 16;

/// The tables of a view that a thread has seen.
struct Seen {
    id: u64,
    version: u64,
    tables: Arc<Tables>,
    /// Whether the view is there yet.
    alive: Weak<()>,
}

thread_local! {
    static SEEN: [RefCell<Option<Seen>>; REMEMBERED] = const { [const { RefCell::new(None) }; REMEMBERED] };
}

impl View {
    /// Shows `look` the tables of `version`, or newer ones.
    #[inline(always)] // what is found is told in registers then, and not in memory
    pub(super) fn with_tables<R>(&self, version: u64, look: impl Fn(&Tables) -> R) -> R {
        // The model's threads all run on one, and may change in the middle of a look.
        if cfg!(all(test, shuttle)) {
            return look(&self.newest());
        }
        let remembered = SEEN.try_with(|seen| {
            let seen = seen[self.id as usize % REMEMBERED].try_borrow().ok()?;
            let seen = seen.as_ref().filter(|seen| seen.id == self.id && seen.version == version)?;
            Some(look(&seen.tables))
        });
        match remembered {
            Ok(Some(found)) => found,
            _ => look(&self.remember(version)),
        }
    }

    /// The tables of `version`, or newer ones, which this thread remembers from now on.
    #[cold]
    fn remember(&self, version: u64) -> Arc<Tables> {
        let tables = self.newest();
        // Ignored: a thread that is ending asks for them each time.
        let _ = SEEN.try_with(|seen| {
            // Taken: what ends with the last look at an entry is the host's, and may read on its way out.
            let Ok(mut own) = seen[self.id as usize % REMEMBERED].try_borrow_mut() else { return };
            let (tables, alive) = (Arc::clone(&tables), Arc::downgrade(&self.alive));
            let before = own.replace(Seen { id: self.id, version, tables, alive });
            drop((own, before));
            forget_the_dead(seen);
        });
        tables
    }
}

/// Lets go of the tables of views that have ended. They are empty by then.
#[cold]
fn forget_the_dead(seen: &[RefCell<Option<Seen>>]) {
    for seen in seen {
        if let Ok(mut seen) = seen.try_borrow_mut() {
            seen.take_if(|seen| seen.alive.strong_count() == 0);
        }
    }
}
