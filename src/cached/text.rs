//! The text of a key or of a scope, written from the pieces of a template.
//!
//! Owns: what an argument looks like as a part of a key, and a text for each thread to write the next one into. Never: reads
//! a template; the macro has done that.

use std::cell::Cell;
use std::fmt::{Display, Write as _};

use serde::Serialize;

use crate::engine::key::{DISPLAY_FAILED, Hashed, Key, SEPARATOR};
use crate::engine::pattern::Pattern;
use crate::engine::scope::{Prefix, Scope};
use crate::engine::segment;
use crate::engine::tag::Tag;
use crate::error::{Error, Result, Shown};

/// Room for most keys.
const ROOM: usize = 64;

thread_local! {
    /// The text of a call that needs it no more: the next one on this thread writes into it, and so allocates nothing.
    static SPARE: Cell<String> = const { Cell::new(String::new()) };
}

/// Keeps `text` for the next call on this thread.
pub(super) fn give_back(text: String) {
    if text.capacity() <= 4 * ROOM {
        // Ignored: a thread that is ending needs none.
        let _ = SPARE.try_with(|spare| spare.set(text));
    }
}

/// Text that grows by literals, which the macro has checked, and by arguments, which are encoded with the literals that
/// stand in their segment.
#[derive(Debug, Default)]
pub struct Text {
    text: String,
    failed: Option<Error>,
    /// What the hashed segments were made of.
    hashed: Vec<Hashed>,
    /// Whether what was written since the segment began is encoded already.
    is_encoded: bool,
}

impl Text {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let mut text = SPARE.try_with(Cell::take).unwrap_or_default();
        text.clear();
        text.reserve(ROOM);
        Self { text, failed: None, hashed: Vec::new(), is_encoded: false }
    }

    /// Adds what stands in the template.
    #[inline]
    pub fn literal(&mut self, literal: &str) {
        self.text.push_str(literal);
    }

    /// Begins a segment with an argument; to be given to [`Text::encode`] at its end.
    #[inline]
    pub fn begin(&mut self) -> usize {
        self.is_encoded = false;
        self.text.len()
    }

    /// Ends the segment that began at `start`: as a built key has it of the same text.
    #[inline]
    pub fn encode(&mut self, start: usize) {
        if self.is_encoded {
            if segment::is_hash(&self.text[start..]) {
                self.note_hashed(start, None);
            }
        } else if let Some(id) = segment::encode_from(&mut self.text, start) {
            self.note_hashed(start, Some(id));
        }
    }

    #[cold]
    fn note_hashed(&mut self, start: usize, id: Option<Box<str>>) {
        let segment = self.text[..start].matches(SEPARATOR).count();
        self.hashed.push(Hashed { segment, id });
    }

    /// Adds an argument as people read it.
    #[inline]
    fn shown(&mut self, part: &(impl Display + ?Sized)) {
        if write!(self.text, "{part}").is_err() {
            let key = Shown::new(&self.text);
            self.failed.get_or_insert(Error::InvalidKey { key, reason: DISPLAY_FAILED });
        }
    }

    /// Adds an argument as serde writes it: plain while short, otherwise a hash.
    fn serialized<V: Serialize + ?Sized>(&mut self, part: &V) {
        self.is_encoded = true;
        match Key::of("v").value(part).finish() {
            Ok(key) => self.text.extend(key.segments().nth(1)),
            Err(error) => drop(self.failed.get_or_insert(error)),
        }
    }

    /// The text as a tag. Errors: `InvalidKey`, `Encode`.
    pub fn tag(self) -> Result<Tag> {
        self.finish().map(|text| Tag::of(&text))
    }

    /// The text as the scope of a tag. Text that makes none, because an argument cannot be shown, gives everything: one
    /// key too many costs a miss, one too few a stale answer.
    #[must_use]
    pub fn tag_scope(self, template: &'static str) -> Target {
        Target::of(self.tag().map(Scope::Tag), template, || Scope::All)
    }

    /// The text as a key, which is looked up as it is and checked when it is stored.
    #[inline]
    pub fn finish(self) -> Result<String> {
        self.failed.map_or(Ok(self.text), Err)
    }

    /// The text as a key. Errors: `InvalidKey`, `Encode`.
    pub fn key(self) -> Result<Key> {
        match self.failed {
            None => Key::built(&self.text, self.hashed),
            Some(error) => Err(error),
        }
    }

    /// The text as what an invalidation takes. Text that makes no scope gives one that takes more: `wider` and all below
    /// it, or everything. One key too many costs a miss, one too few a stale answer.
    #[must_use]
    pub fn scope(self, wider: &str, template: &'static str) -> Target {
        let exact = self.finish().and_then(|text| match text.strip_suffix("::*") {
            _ if !text.contains(['*', '?']) => Key::parse(&text).map(Scope::from),
            Some(before) if !before.contains(['*', '?']) => Prefix::parse(before).map(Scope::from),
            _ => Pattern::parse(&text).map(Scope::from),
        });
        Target::of(exact, template, || Prefix::parse(wider).map_or(Scope::All, Scope::from))
    }
}

/// What an attribute takes away, and whether that is more than its template says.
#[derive(Debug)]
pub struct Target {
    pub(super) scope: Scope,
    pub(super) widened: Option<Widened>,
}

/// A template that made no scope, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct Widened {
    /// As it stands in the source: no argument is in it.
    pub(super) template: &'static str,
    pub(super) reason: &'static str,
}

impl Target {
    fn of(exact: Result<Scope>, template: &'static str, wider: impl FnOnce() -> Scope) -> Self {
        match exact {
            Ok(scope) => Self { scope, widened: None },
            Err(error) => {
                let reason = match error {
                    Error::InvalidKey { reason, .. }
                    | Error::InvalidPattern { reason, .. }
                    | Error::InvalidTag { reason, .. } => reason,
                    _ => "serde cannot write an argument",
                };
                Self { scope: wider(), widened: Some(Widened { template, reason }) }
            }
        }
    }
}

/// An argument that goes into a key.
#[derive(Debug)]
pub struct Hole<'a, T: ?Sized>(pub &'a T);

impl<T: Display + ?Sized> Hole<'_, T> {
    /// Writes what can be shown.
    pub fn write(self, text: &mut Text) {
        text.shown(self.0);
    }
}

/// What can be a part of a key without being shown: whatever serde can write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of a key",
    label = "neither `Display` nor `Serialize`",
    note = "name the arguments that make the key, as in `key = \"user::{{user_id}}::profile\"` or \
            `key_params(user_id)`; an argument that belongs in it needs `Display` or \
            `serde::Serialize`, and one that does not stands in `skip(..)`"
)]
pub trait KeyPart {
    /// Writes it.
    fn write_to(&self, text: &mut Text);
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {
    fn write_to(&self, text: &mut Text) {
        text.serialized(self);
    }
}

/// The compiler comes here when an argument cannot be shown.
pub trait SerializedHole {
    /// What it is.
    type Part: ?Sized;

    /// Writes what serde can write.
    fn write(self, text: &mut Text)
    where
        Self::Part: KeyPart;
}

impl<T: ?Sized> SerializedHole for Hole<'_, T> {
    type Part = T;

    fn write(self, text: &mut Text)
    where
        T: KeyPart,
    {
        self.0.write_to(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the template `user::{before}{part}{behind}::profile`.
    fn key(before: &str, part: &str, behind: &str) -> Key {
        let mut text = Text::new();
        text.literal("user::");
        let start = text.begin();
        text.literal(before);
        Hole(part).write(&mut text);
        text.literal(behind);
        text.encode(start);
        text.literal("::profile");
        text.key().expect("every argument makes a key")
    }

    #[test]
    fn a_template_makes_the_key_and_the_tag_that_are_built_of_the_same_text() {
        for number in 0..100_000 {
            let id = segment::tests::id(number);
            let (before, behind) = [("", ""), ("", ""), ("id-", ""), ("v2-", ".html")][number as usize % 4];
            let whole = format!("{before}{id}{behind}");
            let (written, built) =
                (key(before, &id, behind), Key::of("user").part(&whole).part("profile").finish());
            assert_eq!(written, built.unwrap(), "{whole:?}");
            assert_eq!(written.part(1).unwrap(), whole);
            let mut text = Text::new();
            text.literal("user:");
            Hole(&id).write(&mut text);
            assert_eq!(text.tag().unwrap(), Tag::new(format!("user:{id}")).unwrap(), "{id:?}");
        }
    }

    #[test]
    fn an_argument_that_only_serde_can_write_is_the_segment_of_its_value() {
        for id in [Some("x".repeat(70)), Some("plain".to_owned()), None] {
            let mut text = Text::new();
            text.literal("user::");
            let start = text.begin();
            Hole(&id).write(&mut text);
            text.encode(start);
            assert_eq!(text.key().unwrap(), Key::of("user").value(&id).finish().unwrap());
        }
    }

    #[test]
    fn a_display_that_fails_makes_no_key_and_a_wider_scope() {
        struct Fails;
        impl Display for Fails {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                Err(std::fmt::Error)
            }
        }
        let mut text = Text::new();
        text.literal("user::");
        text.shown(&Fails);
        assert!(text.key().is_err());
        let mut text = Text::new();
        text.shown(&Fails);
        let target = text.scope("user", "user::{id}");
        assert_eq!(target.scope.to_string(), "prefix:user");
        assert_eq!(target.widened.map(|widened| widened.template), Some("user::{id}"));
    }

    #[test]
    fn a_template_becomes_the_narrowest_scope_that_takes_what_it_says() {
        let scope = |literal: &str| {
            let mut text = Text::new();
            text.literal(literal);
            text.scope("", "").scope.to_string()
        };
        assert_eq!(scope("user::42::*"), "prefix:user::42");
        assert_eq!(scope("products:*"), "products:*");
        assert_eq!(scope("user::*::profile"), "user::*::profile");
        assert_eq!(scope("user::42"), "key:user::42");
        assert_eq!(scope(&"*?".repeat(200)), "all");
    }
}
