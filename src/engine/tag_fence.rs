//! What an invalidation by tag tells the loads under way, whose tags are known only when they land.
//!
//! Owns: which tags were invalidated since the oldest load that runs began. Never: revokes a load; who lands one
//! asks here.
//!
//! Order that bites without it:
//!   1 a load reads the old row   2 its tag is invalidated, which finds nothing   3 the load stores the old row

use std::collections::HashMap;

use super::tag::{Tag, Tags};

/// Tags remembered; past it every load under way loses its right to store.
pub(super) const TAGS_MAX: usize = 1_024;

#[derive(Debug, Clone, Copy)]
struct Raised {
    first: u64,
    last: u64,
}

/// Tags that were invalidated while loads ran.
#[derive(Debug, Default)]
pub(crate) struct TagFence(HashMap<Tag, Raised>);

impl TagFence {
    /// Notes that `tag` was invalidated at `seq`; `false`: there is no room to remember it.
    pub(crate) fn raise(&mut self, tag: &Tag, seq: u64) -> bool {
        if let Some(raised) = self.0.get_mut(tag) {
            raised.last = seq;
            return true;
        }
        let fits = self.0.len() < TAGS_MAX;
        if fits {
            self.0.insert(tag.clone(), Raised { first: seq, last: seq });
        }
        fits
    }

    /// Whether one of `tags` was invalidated since the load of `ticket` began. If so, those who asked at the number that is
    /// returned, or later, must not be given what it brought.
    pub(crate) fn overtook(&self, ticket: u64, tags: &Tags) -> Option<u64> {
        let raised = tags.as_slice().iter().filter_map(|tag| self.0.get(tag));
        // Of several times only the first is known; if that was before the load, any moment since it began may be one.
        let since = |raised: &Raised| if raised.first > ticket { raised.first } else { ticket };
        raised.filter(|raised| raised.last > ticket).map(since).min()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets what no load can ask for any more: the oldest that runs is that of ticket `oldest`.
    pub(crate) fn forget(&mut self, oldest: Option<u64>) {
        match oldest {
            Some(oldest) => self.0.retain(|_, raised| raised.last > oldest),
            None => self.0 = HashMap::new(),
        }
    }

    /// Looks whether it remembers no more than it may, and for somebody.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub(crate) fn check(&self, oldest: Option<u64>) {
        assert!(self.0.len() <= TAGS_MAX);
        let wanted = |raised: &Raised| {
            raised.first <= raised.last && oldest.is_some_and(|oldest| oldest < raised.last)
        };
        assert!(self.0.values().all(wanted), "tags are remembered that no load asks for");
    }
}
