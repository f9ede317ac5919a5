//! Clients that change something: sets, invalidations of every scope, and fences.
//!
//! Owns: when an invalidation counts as done. Never: judges.

use std::time::Duration;

use apex_cache::{ErrorKind, Tag, Tags};

use crate::client::{Call, Client, Patience};
use crate::plan::{Aim, KEYS, Kind, LONG, TAGS, aim};
use crate::world::{Did, World, pause};

impl Client {
    /// Changes the source and tells the cache its new row in the same turn: the order of sets is that of the source.
    pub(crate) async fn set(&mut self) {
        let (key, patience, tags) = (self.key(), self.patience(), self.tags());
        let ttl = match self.random.below(6) {
            0 => 0,
            1 => self.random.below(200) as u32,
            _ => LONG,
        };
        let mut call = self.begin(Some(100));
        let (born, row) = self.world.write_to_set(key, tags, ttl);
        call.began = born;
        let tagged = Tags::new(tags_of(tags));
        let mut set = self.cache.set(KEYS[key], &row).tags(tagged).deadline(Duration::from_millis(100));
        if ttl != LONG {
            set = set.ttl(Duration::from_millis(ttl.into())).stale(Duration::from_millis(100));
        }
        let told = match self.wait(patience, set.into_future()).await {
            Some(Ok(stored)) => stored.kept,
            Some(Err(error)) => {
                self.end(&call, Self::failed("set", &error));
                return;
            }
            None => {
                pause(1).await;
                false
            }
        };
        let ended = self.world.tick();
        self.world.with(|record| record.made[row.id as usize].done = ended);
        self.end_at(&call, ended, Did::Set { key: key as u8, id: row.id, told });
    }

    pub(crate) fn tags(&mut self) -> u8 {
        (self.random.next() & self.random.next()) as u8 & ((1 << TAGS.len()) - 1)
    }

    /// Changes the source, or not, and takes away what a random scope takes.
    pub(crate) async fn invalidate(&mut self) {
        let aim = aim(&mut self.random);
        self.change(&aim).await;
        let patience = self.patience();
        let expire = self.random.below(6) == 0 && !matches!(aim.kind, Kind::Remove | Kind::RemoveMany);
        let call = self.begin(None);
        let gone =
            Did::Gone { kind: if expire { Kind::Expire } else { aim.kind }, keys: aim.keys, tag: aim.tag };
        let chosen = || (0..KEYS.len()).filter(|key| aim.keys >> key & 1 == 1).map(|key| KEYS[key]);
        let told = match aim.kind {
            Kind::Remove => {
                let only = chosen().next().unwrap();
                self.wait(patience, self.cache.remove(only).into_future()).await.map(|told| told.map(drop))
            }
            Kind::RemoveMany => {
                let told = self.wait(patience, self.cache.remove_many(chosen())).await;
                told.map(|told| told.map(drop))
            }
            _ => {
                let mut order = self.cache.invalidate(aim.scope.clone());
                if expire {
                    order = order.expire();
                }
                self.wait(patience, order.into_future()).await.map(|told| told.map(drop))
            }
        };
        self.told_gone(&call, told, gone, "invalidate").await;
        self.look_again(aim.keys);
    }

    /// Notes that something is gone: told so, or because nobody can stop what was accepted, or because the tier broke.
    async fn told_gone(
        &self,
        call: &Call,
        told: Option<apex_cache::Result<()>>,
        gone: Did,
        words: &'static str,
    ) {
        match told {
            Some(Err(error)) if error.kind() != ErrorKind::Partial => {
                self.end(call, Self::failed(words, &error));
            }
            Some(_) => self.end(call, gone),
            None => {
                pause(1).await;
                self.end(call, gone);
            }
        }
    }

    /// Asks for some of what is gone.
    fn look_again(&mut self, keys: u8) {
        let chosen = keys & self.random.next() as u8;
        (0..KEYS.len()).filter(|key| chosen >> key & 1 == 1).for_each(|key| self.look(key));
    }

    /// Changes some rows that `aim` takes, sooner or later before they are invalidated.
    async fn change(&mut self, aim: &Aim) {
        let changed = aim.keys & self.random.next() as u8;
        if self.random.below(4) > 0 {
            write(&self.world, changed);
            if self.random.below(2) == 0 {
                pause(self.random.below(12)).await;
            }
        }
    }

    /// Opens a fence, changes the source, and ends the fence in one of its four ways.
    pub(crate) async fn fence(&mut self) {
        let aim = aim(&mut self.random);
        let (patience, first) = (self.patience(), self.begin(None));
        let within = 4 + self.random.below(30);
        let ending = self.random.below(8);
        let open = self.cache.begin(aim.scope.clone()).within(Duration::from_millis(if ending == 0 {
            within
        } else {
            10_000
        }));
        let gone = |kind| Did::Gone { kind, keys: aim.keys, tag: aim.tag };
        let fence = match self.wait(patience, open.into_future()).await {
            Some(Ok(fence)) => fence,
            Some(Err(error)) => return self.end(&first, Self::failed("begin", &error)),
            None => {
                pause(1).await; // as if it had been dropped
                return self.end(&first, gone(Kind::Dropped));
            }
        };
        let opened = self.world.tick();
        write(&self.world, aim.keys & self.random.next() as u8);
        pause(if ending == 0 { within - 1 } else { self.random.below(40) }).await;
        let call = self.begin(None);
        let fenced = Did::Fenced { keys: aim.keys, tag: aim.tag, opened, closed: call.began };
        match ending {
            0 => {
                pause(3).await;
                self.end(&call, gone(Kind::Late));
                drop(fence);
            }
            1 => {
                let told = self.wait(patience, fence.abort()).await;
                if matches!(patience, Patience::Endless) && told.is_some_and(|told| told.is_ok()) {
                    self.end(&call, Did::Other("aborted"));
                }
            }
            2 | 3 => {
                drop(fence);
                pause(1).await;
                self.end(&call, gone(Kind::Dropped));
            }
            _ => {
                let told = self.wait(patience, fence.commit()).await.map(|told| told.map(drop));
                self.told_gone(&call, told, gone(Kind::Commit), "commit").await;
            }
        }
        self.end(&first, fenced);
        self.look_again(aim.keys);
    }
}

fn write(world: &World, keys: u8) {
    (0..KEYS.len()).filter(|key| keys >> key & 1 == 1).for_each(|key| world.write(key));
}

/// The tags of a mask.
pub(crate) fn tags_of(mask: u8) -> impl Iterator<Item = Tag> {
    let chosen = (0..TAGS.len()).filter(move |tag| mask >> tag & 1 == 1);
    chosen.map(|tag| Tag::new(TAGS[tag]).unwrap())
}
