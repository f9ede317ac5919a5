//! The text of a key or of a scope, written from the pieces of a template.
//!
//! Owns: what an argument looks like as a part of a key, and a text for each thread to write the next one into. Never: reads
//! a template; the macro has done that.

use std::cell::Cell;
use std::fmt::{Display, Write as _};

use serde::Serialize;

use crate::engine::key::Key;
use crate::engine::pattern::Pattern;
use crate::engine::scope::{Prefix, Scope};
use crate::engine::tag::Tag;
use crate::error::{Error, Result, Shown};

/// Bytes that an argument may take in a key before a hash takes its place.
const READABLE_MAX: usize = 64;

/// The same for a tag, which may have 64 in all.
const TAG_PART_MAX: usize = 32;

thread_local! {
    /// The text of a call that needs it no more: the next one on this thread writes into it, and so allocates nothing.
    static SPARE: Cell<String> = const { Cell::new(String::new()) };
}

/// Keeps `text` for the next call on this thread.
pub(super) fn give_back(text: String) {
    if text.capacity() <= 4 * READABLE_MAX {
        // Ignored: a thread that is ending needs none.
        let _ = SPARE.try_with(|spare| spare.set(text));
    }
}

/// Text that grows by literals, which the macro has checked, and by arguments, which are encoded.
#[derive(Debug, Default)]
pub struct Text {
    text: String,
    failed: Option<Error>,
    /// A tag has no segments, so arguments stand in it as they are.
    is_tag: bool,
}

impl Text {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let mut text = SPARE.try_with(Cell::take).unwrap_or_default();
        text.clear();
        text.reserve(READABLE_MAX);
        Self { text, failed: None, is_tag: false }
    }

    /// Nothing yet, of what is to be a tag.
    #[must_use]
    pub fn new_tag() -> Self {
        Self { is_tag: true, ..Self::new() }
    }

    /// Adds what stands in the template.
    pub fn literal(&mut self, literal: &str) {
        self.text.push_str(literal);
    }

    /// Adds an argument as people read it; what is long becomes a hash.
    fn shown(&mut self, part: &(impl Display + ?Sized)) {
        let start = self.text.len();
        let written = write!(self.text, "{part}");
        let raw = &self.text[start..];
        let plain = |byte: u8| !byte.is_ascii_control() && byte < 0x80 && !b"%*?:=~".contains(&byte);
        if self.is_tag && written.is_ok() && raw.len() <= TAG_PART_MAX && !raw.chars().any(char::is_control) {
            return;
        }
        // Nearly every argument is a number or a short name, and stands in the key as it is.
        if written.is_ok() && (1..=READABLE_MAX).contains(&raw.len()) && raw.bytes().all(plain) {
            return;
        }
        let raw = self.text.split_off(start);
        if written.is_err() {
            let reason = "the Display of an argument failed";
            self.failed.get_or_insert(Error::InvalidKey { key: Shown::new(&self.text), reason });
            return;
        }
        match Key::of(&raw).finish() {
            Ok(encoded) if encoded.as_str().len() <= READABLE_MAX => self.text.push_str(encoded.as_str()),
            _ => self.serialized(&raw),
        }
    }

    /// Adds an argument as serde writes it: plain while short, else a hash.
    fn serialized<V: Serialize + ?Sized>(&mut self, part: &V) {
        match Key::of("v").value(part).finish() {
            Ok(key) => self.text.extend(key.segments().nth(1)),
            Err(error) => drop(self.failed.get_or_insert(error)),
        }
    }

    /// The text as a tag. Errors: `InvalidTag`, `Encode`.
    pub fn tag(self) -> Result<Tag> {
        self.finish().and_then(Tag::new)
    }

    /// The text as the scope of a tag. Text that makes none, because an argument cannot be shown, gives everything: one
    /// key too many costs a miss, one too few a stale answer.
    #[must_use]
    pub fn tag_scope(self) -> Scope {
        self.tag().map_or(Scope::All, Scope::Tag)
    }

    /// The text as a key, which is looked up as it is and checked when it is stored.
    pub fn finish(self) -> Result<String> {
        self.failed.map_or(Ok(self.text), Err)
    }

    /// The text as a key. Errors: `InvalidKey`, `Encode`.
    pub fn key(self) -> Result<Key> {
        self.finish().and_then(|text| Key::parse(&text))
    }

    /// The text as what an invalidation takes. Text that makes no scope gives one that takes more: `wider` and all below
    /// it, or everything. One key too many costs a miss, one too few a stale answer.
    #[must_use]
    pub fn scope(self, wider: &str) -> Scope {
        let wider = || Prefix::parse(wider).map_or(Scope::All, Scope::from);
        let Ok(text) = self.finish() else { return wider() };
        let exact = match text.strip_suffix("::*") {
            _ if !text.contains(['*', '?']) => Key::parse(&text).map(Scope::from),
            Some(before) if !before.contains(['*', '?']) => Prefix::parse(before).map(Scope::from),
            _ => Pattern::parse(&text).map(Scope::from),
        };
        exact.unwrap_or_else(|_| wider())
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
            `key_params(user_id)`; an argument that belongs in it needs `Display` or `serde::Serialize`"
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

    fn segment(part: &str) -> String {
        let mut text = Text::new();
        text.shown(part);
        text.finish().unwrap()
    }

    #[test]
    fn an_argument_is_the_segment_that_the_builder_gives_until_it_is_long() {
        for part in ["42", "a b", "ä", "", "*", "a::b", "~x", "a=b", &"x".repeat(64)] {
            assert_eq!(segment(part), Key::of(part).finish().unwrap().as_str(), "{part}");
        }
        for part in ["x".repeat(65), "*".repeat(40), "\u{7}".repeat(30)] {
            let hashed = segment(&part);
            assert!(hashed.starts_with('~') && hashed.len() == 33, "{hashed}");
        }
        assert_ne!(segment(&"x".repeat(65)), segment(&"x".repeat(66)));
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
        assert_eq!(text.scope("user").to_string(), "prefix:user");
    }

    #[test]
    fn a_template_becomes_the_narrowest_scope_that_takes_what_it_says() {
        let scope = |literal: &str| {
            let mut text = Text::new();
            text.literal(literal);
            text.scope("").to_string()
        };
        assert_eq!(scope("user::42::*"), "prefix:user::42");
        assert_eq!(scope("products:*"), "products:*");
        assert_eq!(scope("user::*::profile"), "user::*::profile");
        assert_eq!(scope("user::42"), "key:user::42");
        assert_eq!(scope(&"*?".repeat(200)), "all");
    }
}
