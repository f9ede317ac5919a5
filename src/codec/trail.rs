//! Where in a value its reading failed, in words that show nothing of it.
//!
//! Owns: the way from the outermost value to the place. Never: keeps a text of the value; the names of fields and variants are
//! those that the type states, a key of a map is shown as `[key]`.
//!
//! A trail is kept only when a value that could not be read is read once more to find out why: it costs an allocation for each
//! level.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write as _};

use super::depth::Levels;

/// Names of fields or variants, as a type states them.
pub(super) type Names = &'static [&'static str];

/// One step into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Into what stands for the whole: `Some`, a newtype.
    Inside,
    /// Into a field or a variant.
    Named(&'static str),
    /// Into a key of a map, or the value under it.
    Key,
    /// Into an element.
    Index(usize),
}

/// The way to the place that is being read.
#[derive(Debug, Default)]
pub(super) struct Trail {
    steps: RefCell<Vec<Step>>,
    /// The bytes of the last name that was read.
    name: RefCell<Vec<u8>>,
    /// The names that the innermost type states that failed.
    failed: Cell<Option<Names>>,
}

impl Trail {
    /// One step from a container, of which `inside` says how many levels may be opened in it.
    #[cold]
    #[inline(never)]
    pub(super) fn enter(&self, inside: Levels, step: Step) {
        let at = Self::place(inside);
        let mut steps = self.steps.borrow_mut();
        steps.resize(at, Step::Inside);
        steps.push(step);
        self.name.borrow_mut().clear();
        self.failed.set(None);
    }

    /// As [`Trail::enter`], into what the last name that was read stands for.
    #[cold]
    #[inline(never)]
    pub(super) fn enter_named(&self, inside: Levels, names: Names) {
        let step = {
            let read = self.name.borrow();
            names.iter().find(|name| name.as_bytes() == *read).map_or(Step::Key, |name| Step::Named(name))
        };
        self.enter(inside, step);
    }

    /// What was entered has been read.
    #[cold]
    #[inline(never)]
    pub(super) fn leave(&self, inside: Levels) {
        self.steps.borrow_mut().truncate(Self::place(inside));
        self.failed.set(None); // a type may go on after a part of it failed
    }

    /// The name of a field or a variant was read.
    #[cold]
    #[inline(never)]
    pub(super) fn named(&self, name: &[u8]) {
        let mut read = self.name.borrow_mut();
        read.clear();
        read.extend_from_slice(name);
    }

    /// A type that states `names` failed.
    #[cold]
    #[inline(never)]
    pub(super) fn failed(&self, names: Names) {
        if self.failed.get().is_none() {
            self.failed.set(Some(names));
        }
    }

    /// The stated name that stands between backticks in `text`, if the type that failed states it.
    pub(super) fn stated(&self, text: &str) -> Option<&'static str> {
        let quoted = text.split('`').nth(1)?;
        self.failed.get()?.iter().find(|name| **name == quoted).copied()
    }

    fn place(inside: Levels) -> usize {
        inside.opened().saturating_sub(1)
    }
}

/// `items[3].owner`; nothing for the outermost value.
impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for step in self.steps.borrow().iter() {
            match step {
                Step::Inside => continue,
                Step::Named(name) => {
                    if !is_first {
                        f.write_char('.')?;
                    }
                    f.write_str(name)?;
                }
                Step::Key => f.write_str("[key]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
            is_first = false;
        }
        Ok(())
    }
}
