//! What a loader may say beside a value: that there is none, that the old one is still right, how long it lives, which
//! tags it has.
//!
//! Owns: the words of a loader. Never: decides whether a value is stored; its load's ticket does.

use std::time::Duration;

use crate::engine::key::Key;
use crate::engine::tag::{Tag, Tags};
use crate::hit::Hit;

/// What a loader of [`Cache::get_or_load_with`](crate::Cache::get_or_load_with) brings.
///
/// ```
/// use std::time::Duration;
/// use apex_cache::{Loaded, Tag};
///
/// let article = Loaded::value(String::from("..."))
///     .ttl(Duration::from_secs(60))
///     .tag(Tag::new("author:7")?);
/// let nobody: Loaded<String> = Loaded::not_found();
/// # let _ = (article, nobody);
/// # Ok::<(), apex_cache::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is stored when the loader returns it"]
pub struct Loaded<T> {
    pub(crate) what: What<T>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) never_stale: bool,
    pub(crate) size: Option<u64>,
    pub(crate) tags: Vec<Tag>,
}

#[derive(Debug, Clone)]
pub(crate) enum What<T> {
    Value(T),
    NotFound,
    NotModified,
}

impl<T> Loaded<T> {
    fn new(what: What<T>) -> Self {
        Self { what, ttl: None, never_stale: false, size: None, tags: Vec::new() }
    }

    /// The source has this value.
    pub fn value(value: T) -> Self {
        Self::new(What::Value(value))
    }

    /// The source has nothing under the key. Kept for `not_found_ttl`, or for [`ttl`](Self::ttl) if that is shorter, and
    /// taken away by its tags as a value is.
    pub fn not_found() -> Self {
        Self::new(What::NotFound)
    }

    /// The value that the loader was given ([`LoadContext::old`]) is still right: it is fresh again. Its tags
    /// stay, and so does what was said about its time, by its loader or by the set that wrote it, until a
    /// loader says otherwise; a value about which nobody said anything lives as long as its route or tier
    /// says now. [`ttl`](Self::ttl), [`never_stale`](Self::never_stale) and [`tag`](Self::tag) say more about
    /// the old value, as they do about a new one.
    ///
    /// A loader that was given no value and says so fails.
    pub fn not_modified() -> Self {
        Self::new(What::NotModified)
    }

    /// Lets the value live for `ttl`, whatever the call, its route or its tier say; also when a later loader
    /// says [`not_modified`](Self::not_modified) and no other time. Default: as
    /// [`LoadPolicy`](crate::LoadPolicy) says.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The value is never served past its time to live, whatever the call, its route or its tier allow: not
    /// while it is refreshed, not when the source fails, and not after it was expired by hand. For tokens,
    /// leases and all else that is worthless from a certain moment on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use apex_cache::Loaded;
    ///
    /// let (token, expires_in) = (String::from("..."), 3_600);
    /// let token = Loaded::value(token).ttl(Duration::from_secs(expires_in - 30)).never_stale();
    /// # let _ = token;
    /// ```
    pub fn never_stale(mut self) -> Self {
        self.never_stale = true;
        self
    }

    /// Charges a native value with `bytes`, whatever the call or the weigher of its tier say; see
    /// [`Value::with_size`](crate::Value::with_size). Another value is charged as ever.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// The callers get the value, and it is not kept; nor is an older one of the key, for it is no longer what there is.
    pub fn do_not_store(self) -> Self {
        self.ttl(Duration::ZERO)
    }

    /// Gives the value one more name by which it can be taken away. With more than 32 the callers get the value, it is not
    /// stored, and the log says so.
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tags.push(tag);
        self
    }

    /// Gives the value more names by which it can be taken away.
    pub fn tags(mut self, tags: impl IntoIterator<Item = Tag>) -> Self {
        self.tags.extend(tags);
        self
    }

    /// Its tags, with `old` ones.
    pub(crate) fn take_tags(&mut self, old: &Tags) -> Tags {
        Tags::new(std::mem::take(&mut self.tags).into_iter().chain(old.as_slice().iter().cloned()))
    }
}

impl<T> From<Option<T>> for Loaded<T> {
    fn from(found: Option<T>) -> Self {
        found.map_or_else(Self::not_found, Self::value)
    }
}

/// What a loader is told.
#[derive(Debug)]
pub struct LoadContext<T> {
    pub(crate) key: Key,
    pub(crate) old: Option<Hit<T>>,
}

impl<T> LoadContext<T> {
    /// The key that is loaded. [`Key::part`] returns the ids that it was built from, decoded.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The value that this load is to renew, fresh or stale, as it was when the load began. Use it to ask the source
    /// whether anything changed, and say [`Loaded::not_modified`] if not.
    pub fn old(&self) -> Option<&Hit<T>> {
        self.old.as_ref()
    }
}
