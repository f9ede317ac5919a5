//! Settings that are read again: from the file to the changes that the supervisor is sent.
//!
//! Owns: where the file is read, which may block, and that two who read it do not mix. Never: puts a part of it into force.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::dispatch::{Pending, Request};
use super::wiring::Wiring;
use crate::error::Error;
use crate::message::{Changed, Reload, Reloaded};
use crate::settings::read_anew;

impl Request for Reload {
    type Reply = Reloaded;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        if let Err(error) = wiring.open() {
            return Pending::known(Err(error));
        }
        let (told, heard) = oneshot::channel();
        let shared = Arc::clone(wiring);
        wiring.spawner.run_aside(move || {
            // Order that bites: 1 one reads the old file 2 another reads the new one, and sends what it says 3 the first sends
            // what it read, and the old file is in force. So nobody reads before the one in front has sent.
            let _one_at_a_time = shared.reloading.lock();
            let read = read_anew(&shared.settings, &shared.plan, self.path.as_deref());
            let posted = read.map(|(keys, changes)| (keys, changes.clone(), shared.post_changes(changes)));
            let _ = told.send(posted);
        });
        Pending::task(async move {
            // Nobody tells when the cache's runtime has ended.
            let (keys, changes, posted) = match heard.await {
                Ok(posted) => posted.map_err(|problems| Error::NotReloaded { problems })?,
                Err(_) => return Err(Error::Closed),
            };
            let was = posted.await?;
            let before =
                was.into_iter().zip(&changes).map(|(was, change)| was.of(change)).collect::<Vec<_>>();
            let each = keys.into_iter().zip(before).zip(changes);
            let changed = each.map(|((key, old), new)| Changed::new(key, old, new));
            Ok(Reloaded { changed: changed.filter(|changed| changed.old != changed.new).collect() })
        })
    }
}
