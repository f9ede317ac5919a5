//! Fingerprints: which type a value was written from, as a number.
//!
//! Owns: which types count as one. Never: looks at a value.

use std::any::{TypeId, type_name};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use parking_lot::Mutex;

/// A number that stands for a type, the same in every process and on every machine.
///
/// It is a hash of the path of the type that *owns* the value, so what one caller lends another can take:
/// `&T`, `&mut T`, `Arc<T>`, `Rc<T>`, `Box<T>`, `Cow<T>` and [`Hit<T>`](crate::Hit) count as `T`, `str` as `String`, slices as `Vec`, at
/// any depth (`Vec<&str>` is `Vec<String>`), and lifetimes do not count. Arrays do not count as `Vec`.
///
/// # Limits
///
/// Types are told apart by their path alone. Not told apart are: a type before and after a change of its fields,
/// the same path in two versions of one crate, and types declared inside the body of a generic function, for
/// which the compiler names no parameters. A type that is moved or renamed is another one: its old values count as
/// [`WrongType`](crate::Error::WrongType). The compiler does not promise to keep the form of paths, so values that
/// outlive the process may count as wrong after a change of the compiler; nothing worse comes of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// That of no type: of what is stored where the source has nothing.
    pub(crate) const NOTHING: Self = Self(0);

    /// The fingerprint of `T`. Cost: a few nanoseconds; some microseconds the first time on a thread, or after
    /// many other types.
    #[inline]
    pub fn of<T: ?Sized>() -> Self {
        remembered(type_name::<T>())
    }

    /// That of a native `T`: of the type itself, whatever it is called, in this process alone.
    pub(crate) fn native<T: ?Sized + 'static>() -> Self {
        Self(FixedState::default().hash_one(TypeId::of::<T>()))
    }

    /// As [`Fingerprint::native`]; from now on the log knows what it stands for.
    pub(crate) fn native_named<T: ?Sized + 'static>() -> Self {
        Self::native::<T>().named(|| format!("native {}", type_name::<T>()))
    }

    /// The number.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    fn of_name(name: &str) -> Self {
        let owned = owned_name(name);
        let hash = hmac_sha256::Hash::hash(owned.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        Self(u64::from_le_bytes(first)).named(|| owned)
    }

    /// Remembers the path of the type that it stands for, for the log.
    pub(crate) fn named(self, path: impl FnOnce() -> String) -> Self {
        let mut names = NAMES.lock();
        if names.len() < NAMES_MAX {
            names.entry(self.0).or_insert_with(|| path().into());
        }
        self
    }

    /// The path of the type that it stands for, as far as it is known.
    pub(crate) fn name(self) -> Arc<str> {
        let unknown = || if self == Self::NOTHING { "bytes".into() } else { format!("{self:?}").into() };
        NAMES.lock().get(&self.0).cloned().unwrap_or_else(unknown)
    }
}

/// Types whose paths are remembered, for the log.
const NAMES_MAX: usize = 1_024;
static NAMES: Mutex<BTreeMap<u64, Arc<str>>> = Mutex::new(BTreeMap::new());

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({:016x})", self.0)
    }
}

/// One remembered name: its address, its length, its fingerprint.
type Remembered = Cell<(usize, usize, Fingerprint)>;

const REMEMBERED: usize = 64;

thread_local! {
    static RECENT: [Remembered; REMEMBERED] =
        const { [const { Cell::new((0, 0, Fingerprint(0))) }; REMEMBERED] };
}

/// Names of types live for ever, so equal address and length mean equal text.
#[inline]
fn remembered(name: &'static str) -> Fingerprint {
    let (address, length) = (name.as_ptr().addr(), name.len());
    let found = RECENT.try_with(|recent| {
        let slot = &recent[(address ^ (address >> 6) ^ length) % REMEMBERED];
        let (slot_address, slot_length, fingerprint) = slot.get();
        if (slot_address, slot_length) == (address, length) {
            return fingerprint;
        }
        let fingerprint = Fingerprint::of_name(name);
        slot.set((address, length, fingerprint));
        fingerprint
    });
    found.unwrap_or_else(|_| Fingerprint::of_name(name)) // the thread is ending
}

/// The name of the type that owns what the type called `name` holds or lends.
fn owned_name(name: &str) -> String {
    let mut reader = Reader { rest: name };
    let mut owned = reader.one();
    owned.push_str(reader.rest); // nothing, unless the compiler changes how it writes names
    owned
}

/// Reads names of types as `type_name` writes them. Takes any text: what it does not know it copies.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Reads one type, up to what ends it in a list.
    fn one(&mut self) -> String {
        self.rest = self.rest.trim_start();
        if self.skip("&") {
            self.skip_lifetime();
            self.skip("mut ");
            return self.one();
        }
        if self.skip("[") {
            return self.slice_or_array();
        }
        let mut path = String::new();
        while let Some(next) = self.rest.chars().next() {
            match next {
                ',' | ';' | '>' | ')' | ']' => break,
                '<' => {
                    self.skip("<");
                    let mut arguments = self.list(">");
                    if arguments.len() == 1 && counts_as_content(&path) && !self.rest.starts_with("::") {
                        return arguments.swap_remove(0);
                    }
                    path = format!("{path}<{}>", arguments.join(", "));
                }
                '(' => {
                    self.skip("(");
                    path = format!("{path}({})", self.list(")").join(", "));
                }
                '&' | '[' => path.push_str(&self.one()),
                '-' if self.skip("->") => path.push_str("->"),
                '\'' if self.skip_lifetime() => {}
                '\'' => self.copy_character_literal(&mut path),
                _ => self.copy(&mut path),
            }
        }
        if path == "str" { "alloc::string::String".to_owned() } else { path }
    }

    /// Reads what follows `[`.
    fn slice_or_array(&mut self) -> String {
        let element = self.one();
        if self.skip("]") {
            return format!("alloc::vec::Vec<{element}>");
        }
        let end = self.rest.find(']').map_or(self.rest.len(), |end| end + 1);
        let (length, rest) = self.rest.split_at(end);
        self.rest = rest;
        format!("[{element}{length}")
    }

    /// Reads types with commas up to `close`, leaving out lifetimes.
    fn list(&mut self, close: &str) -> Vec<String> {
        let mut types = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.is_empty() || self.skip(close) {
                return types;
            }
            if self.skip(",") || self.skip_lifetime() {
                continue;
            }
            let one = self.one();
            if one.is_empty() {
                let mut unknown = String::new();
                self.copy(&mut unknown); // so that every turn takes something
                types.push(unknown);
            } else {
                types.push(one);
            }
        }
    }

    fn skip(&mut self, text: &str) -> bool {
        let after = self.rest.strip_prefix(text);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Leaves out `'name ` but not the character literal `'n'`, which can be a const argument.
    fn skip_lifetime(&mut self) -> bool {
        let Some(name) = self.rest.strip_prefix('\'') else { return false };
        let after = name.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        let is_lifetime = after.len() < name.len() && !after.starts_with('\'');
        if is_lifetime {
            self.rest = after.trim_start();
        }
        is_lifetime
    }

    fn copy_character_literal(&mut self, path: &mut String) {
        self.copy(path);
        if self.rest.starts_with('\\') {
            self.copy(path);
        }
        self.copy(path);
        while !self.rest.is_empty() && !path.ends_with('\'') {
            self.copy(path);
        }
        if self.rest.starts_with('\'') {
            self.copy(path);
        }
    }

    fn copy(&mut self, path: &mut String) {
        let mut characters = self.rest.chars();
        path.extend(characters.next());
        self.rest = characters.as_str();
    }
}

fn counts_as_content(path: &str) -> bool {
    matches!(
        path,
        "alloc::sync::Arc"
            | "alloc::rc::Rc"
            | "alloc::boxed::Box"
            | "alloc::borrow::Cow"
            | "apex_cache::hit::Hit"
    )
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::{BTreeMap, HashMap, HashSet};
    use std::rc::Rc;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    struct Row<'a, T: ?Sized>(#[allow(dead_code)] &'a T);
    struct Letter<const C: char>;

    macro_rules! count_as_one {
        ($($left:ty = $right:ty),+ $(,)?) => {$(
            assert_eq!(
                Fingerprint::of::<$left>(), Fingerprint::of::<$right>(),
                "{} against {}", owned_name(type_name::<$left>()), owned_name(type_name::<$right>()),
            );
        )+};
    }

    #[test]
    fn what_lends_or_shares_a_value_counts_as_its_owner() {
        count_as_one!(
            &u8 = u8,
            &&mut u8 = u8,
            Arc<u8> = u8,
            Rc<Box<u8>> = u8,
            str = String,
            &str = String,
            Cow<'static, str> = String,
            Arc<str> = String,
            Box<[u8]> = Vec<u8>,
            &[&str] = Vec<String>,
            Cow<'static, [Arc<str>]> = Vec<String>,
            Vec<&str> = Vec<String>,
            HashMap<&str, Option<Box<[Rc<u8>]>>> = HashMap<String, Option<Vec<u8>>>,
            (&str, &[u8], [&str; 2]) = (String, Vec<u8>, [String; 2]),
            Result<Arc<Vec<Cow<'static, str>>>, &u8> = Result<Vec<String>, u8>,
            Row<'static, str> = Row<'static, String>,
            fn(&str) -> &u8 = fn(String) -> u8,
        );
    }

    #[test]
    fn types_that_differ_are_told_apart() {
        let all = [
            Fingerprint::of::<u8>(),
            Fingerprint::of::<u16>(),
            Fingerprint::of::<(u8,)>(),
            Fingerprint::of::<()>(),
            Fingerprint::of::<[u8; 3]>(),
            Fingerprint::of::<[u8; 4]>(),
            Fingerprint::of::<Vec<u8>>(),
            Fingerprint::of::<Option<u8>>(),
            Fingerprint::of::<Vec<Option<u8>>>(),
            Fingerprint::of::<Option<Vec<u8>>>(),
            Fingerprint::of::<(u8, u16)>(),
            Fingerprint::of::<(u16, u8)>(),
            Fingerprint::of::<((u8, u16), u8)>(),
            Fingerprint::of::<(u8, (u16, u8))>(),
            Fingerprint::of::<HashMap<u8, u16>>(),
            Fingerprint::of::<BTreeMap<u8, u16>>(),
            Fingerprint::of::<Row<'static, u8>>(),
            Fingerprint::of::<Letter<'a'>>(),
            Fingerprint::of::<Letter<'>'>>(),
            Fingerprint::of::<Letter<','>>(),
            Fingerprint::of::<Letter<'\''>>(),
            Fingerprint::of::<Option<Letter<'_'>>>(),
            Fingerprint::of::<fn(u8) -> u8>(),
            Fingerprint::of::<fn(u8)>(),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "{all:?}");
    }

    #[test]
    fn names_are_read_to_their_end() {
        for (name, owned) in [
            ("alloc::borrow::Cow<str>", "alloc::string::String"),
            ("&'static mut alloc::borrow::Cow<'_, [a::B<'_, u8>]>", "alloc::vec::Vec<a::B<u8>>"),
            ("a::W<'>'>", "a::W<'>'>"),
            ("a::W<'\\''>", "a::W<'\\''>"),
            ("a::O<_>::f::In", "a::O<_>::f::In"),
            ("alloc::sync::Arc<u8>::f::In", "alloc::sync::Arc<u8>::f::In"),
            ("a::f::<impl a::T for &str>::B", "a::f::<impl a::T for alloc::string::String>::B"),
            ("my::str", "my::str"),
        ] {
            assert_eq!(owned_name(name), owned);
        }
    }

    #[test]
    fn a_fingerprint_is_the_same_in_every_process() {
        assert_eq!(Fingerprint::of::<&str>(), Fingerprint::of_name("alloc::string::String"));
        assert_eq!(Fingerprint::of::<String>().as_u64(), 16_468_376_145_185_470_478);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic_and_to_its_end(
            name in "([a-c]|::|<|>|\\(|\\)|\\[|\\]|&|,|;| |'|\\\\|->|mut |str|alloc::sync::Arc<){0,16}",
        ) {
            let _ = owned_name(&name);
        }

        #[test]
        fn reading_an_owned_name_changes_nothing(name in type_text()) {
            let owned = owned_name(&name);
            prop_assert_eq!(owned_name(&owned), owned);
        }
    }

    fn type_text() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec!["u8", "str", "a::B", "()"]).prop_map(str::to_owned);
        leaf.prop_recursive(4, 16, 2, |inner| {
            prop_oneof![
                inner.clone().prop_map(|of| format!("&{of}")),
                inner.clone().prop_map(|of| format!("&'_ mut {of}")),
                inner.clone().prop_map(|of| format!("[{of}]")),
                inner.clone().prop_map(|of| format!("[{of}; 3]")),
                inner.clone().prop_map(|of| format!("alloc::sync::Arc<{of}>")),
                inner.clone().prop_map(|of| format!("alloc::borrow::Cow<'_, {of}>")),
                (inner.clone(), inner).prop_map(|(left, right)| format!("a::Map<{left}, {right}>")),
            ]
        })
    }
}
