//! Counting what a value allocates, and how deep it is nested, while it is decoded: a deserializer around another one.
//!
//! Owns: which requests of a `Deserialize` lead to memory on the heap; `heap` knows how much a container takes. Never: changes
//! what is decoded. Every visitor that may ask for something inside goes through here, so that no bytes can nest deeper than
//! [`DEPTH_MAX`], whatever the type makes of them.
//!
//! A `Deserialize` tells a lot about the memory that its value will take: that a text is to be kept (`deserialize_string`),
//! which type each element of a list has (the seed's), and which type a visitor makes. What cannot be seen is that a value
//! goes into a box; that is taken from the name of the type in whose place it is read, or from its size, when the value is
//! larger than the place that is to hold it.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor,
};

use super::depth::{Levels, TOO_LARGE};
use super::heap::{Place, Shape, TEXT_KEPT};
use super::trail::{Names, Step, Trail};
use access::{Elements, Variants};

#[path = "counting_access.rs"]
mod access;

/// Levels that are read where the reader stands; a value with more is read again by a thread with [`Room::Large`]. The
/// frames of a level may be large, and those of a type that reads from a buffer of its own (`untagged`) are not seen here.
const LEVELS_NEAR: usize = 24;
/// Bytes that a part of a value may have which is read where the reader stands: without optimisation many frames hold one.
const PART_NEAR: usize = 16 << 10;

/// The stack that there is for reading a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// What the reader's thread has left.
    Near,
    /// Of so many bytes, for nothing else.
    Large(usize),
}

/// Decodes a `T`; returns it with the bytes on the heap that it is estimated to hold. Where it fails is noted in `trail`.
/// `None`: it needs a large room, whatever its `Deserialize` made of that.
pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
    trail: Option<&Trail>,
    room: Room,
) -> Option<Result<(T, usize), D::Error>> {
    let is_near = room == Room::Near;
    let notes = Notes { heap: Cell::new(0), trail, is_near, needs_room: Cell::new(false) };
    let levels = if let Room::Large(bytes) = room { Levels::within(bytes) } else { Levels::all() };
    let place = Place::of::<T>();
    let value = T::deserialize(Counting { inner: deserializer, notes: &notes, levels, place });
    (!notes.needs_room.get()).then(|| value.map(|value| (value, notes.heap.get())))
}

/// What was noted so far.
struct Notes<'t> {
    /// Bytes.
    heap: Cell<usize>,
    /// Whether the value is read where the reader stands.
    is_near: bool,
    /// Whether that was not enough.
    needs_room: Cell<bool>,
    /// Where in the value it is, if somebody wants to know that.
    trail: Option<&'t Trail>,
}

impl Notes<'_> {
    /// The levels inside one more that is opened in `levels`.
    #[inline]
    fn below<E: Error>(&self, levels: Levels) -> Result<Levels, E> {
        if self.is_near && levels.opened() >= LEVELS_NEAR {
            return Err(self.need_room());
        }
        levels.below(1).map_err(E::custom)
    }

    /// Stops before a `V` is read that is too large for the stack of any thread.
    #[inline]
    fn fits<V, E: Error>(&self) -> Result<(), E> {
        if self.is_near && size_of::<V>() > PART_NEAR { Err(self.need_room()) } else { Ok(()) }
    }

    #[cold]
    fn need_room<E: Error>(&self) -> E {
        self.needs_room.set(true);
        E::custom(TOO_LARGE)
    }

    #[inline]
    fn add(&self, bytes: usize) {
        self.heap.set(self.heap.get().saturating_add(bytes));
    }

    /// One step into a value, from where `levels` be opened inside.
    #[inline]
    fn enter(&self, levels: Levels, step: Step) {
        if let Some(trail) = self.trail {
            trail.enter(levels, step);
        }
    }

    /// As [`Notes::enter`], into the field or variant whose name was read last.
    #[inline]
    fn enter_named(&self, levels: Levels, names: Names) {
        if let Some(trail) = self.trail {
            trail.enter_named(levels, names);
        }
    }

    #[inline]
    fn leave(&self, levels: Levels) {
        if let Some(trail) = self.trail {
            trail.leave(levels);
        }
    }
}

/// A deserializer, or a seed for one, with the place that its value is for.
struct Counting<'c, I> {
    inner: I,
    notes: &'c Notes<'c>,
    /// Levels that may be opened inside.
    levels: Levels,
    place: Place,
}

/// What is made of what a visitor is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// It is kept, on the heap.
    Kept,
    /// It is looked at.
    Lent,
    /// It becomes part of the value itself.
    Inline,
    /// It is the name of a field or a variant.
    Name,
}

/// Requests whose visitors make no memory on the heap: the visitor is handed on as it is.
macro_rules! plain {
    ($($method:ident)*) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.notes.add(self.place.boxes::<V::Value>(false));
            self.inner.$method(visitor)
        }
    )* };
}

/// The names that a request tells of.
macro_rules! names {
    () => {
        &[]
    };
    ($names:ident) => {
        $names
    };
}

/// Requests whose visitors may: what they are given is counted.
macro_rules! counted {
    ($($method:ident($($argument:ident: $type:ty),*) $what:ident $($names:ident)?;)*) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self $(, $argument: $type)*, visitor: V) -> Result<V::Value, D::Error> {
            self.notes.fits::<V::Value, D::Error>()?;
            self.notes.add(self.place.boxes::<V::Value>(What::$what == What::Inline));
            let Self { notes, levels, .. } = self;
            let visitor = Counted { inner: visitor, notes, levels, what: What::$what, names: names!($($names)?) };
            self.inner.$method($($argument,)* visitor)
        }
    )* };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Counting<'_, D> {
    type Error = D::Error;

    plain! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
    }

    counted! {
        deserialize_any() Kept;
        deserialize_string() Kept;
        deserialize_byte_buf() Kept;
        deserialize_seq() Kept;
        deserialize_map() Kept;
        deserialize_str() Lent;
        deserialize_bytes() Lent;
        deserialize_char() Lent;
        deserialize_unit() Inline;
        deserialize_ignored_any() Inline;
        deserialize_identifier() Name;
        deserialize_option() Inline;
        deserialize_unit_struct(name: &'static str) Inline;
        deserialize_newtype_struct(name: &'static str) Inline;
        deserialize_tuple(len: usize) Inline;
        deserialize_tuple_struct(name: &'static str, len: usize) Inline;
        deserialize_struct(name: &'static str, fields: Names) Inline fields;
        deserialize_enum(name: &'static str, variants: Names) Inline variants;
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Counting<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let Self { notes, levels, place, .. } = self;
        self.inner.deserialize(Counting { inner: deserializer, notes, levels, place })
    }
}

/// The seed of an `S::Value`, counted.
#[inline]
fn seed<'c, 'de, S: DeserializeSeed<'de>>(seed: S, notes: &'c Notes<'c>, levels: Levels) -> Counting<'c, S> {
    Counting { inner: seed, notes, levels, place: Place::of::<S::Value>() }
}

/// A visitor, and what becomes of what it is given.
struct Counted<'c, V> {
    inner: V,
    notes: &'c Notes<'c>,
    /// Levels that may be opened where it stands.
    levels: Levels,
    what: What,
    /// The names that the type gives its fields or variants.
    names: Names,
}

impl<V> Counted<'_, V> {
    #[inline]
    fn text<T>(&self, bytes: usize) {
        let is_kept = match self.what {
            What::Kept => true,
            What::Lent => bytes > TEXT_KEPT.max(size_of::<T>()),
            What::Inline | What::Name => false,
        };
        if is_kept {
            self.notes.add(bytes);
        }
    }

    /// Notes that something failed, here or further inside.
    fn failed(notes: &Notes<'_>, names: Names) {
        if let Some(trail) = notes.trail {
            trail.failed(names);
        }
    }
}

/// Values that are given as they are.
macro_rules! given {
    ($($method:ident: $type:ty),*) => { $(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )* };
}

/// Values that take memory if they are kept.
macro_rules! texts {
    ($($method:ident: $type:ty),*) => { $(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.text::<V::Value>(value.len());
            if self.what == What::Name && let Some(trail) = self.notes.trail {
                trail.named(value.as_ref());
            }
            self.inner.$method(value)
        }
    )* };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Counted<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    given! {
        visit_bool: bool, visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128, visit_u8: u8,
        visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128, visit_f32: f32, visit_f64: f64, visit_char: char
    }

    texts! {
        visit_str: &str, visit_borrowed_str: &'de str, visit_string: String, visit_bytes: &[u8],
        visit_borrowed_bytes: &'de [u8], visit_byte_buf: Vec<u8>
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let (notes, levels, place) =
            (self.notes, self.notes.below(self.levels)?, Place::inside::<V::Value>());
        self.inner.visit_some(Counting { inner: deserializer, notes, levels, place })
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let (notes, levels, place) =
            (self.notes, self.notes.below(self.levels)?, Place::within::<V::Value>());
        self.inner.visit_newtype_struct(Counting { inner: deserializer, notes, levels, place })
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        let hint = elements.size_hint();
        let mut elements = Elements::new(elements, self.notes, self.notes.below(self.levels)?);
        let value = self.inner.visit_seq(&mut elements)?;
        if self.what != What::Inline {
            elements.add(Shape::of::<V::Value>(), hint);
        }
        Ok(value)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let hint = entries.size_hint();
        let mut entries = Elements::new(entries, self.notes, self.notes.below(self.levels)?);
        let shape = Shape::of::<V::Value>();
        // The fields of a struct, or what will become one as like as not.
        entries.are_fields = self.what == What::Inline || shape == Shape::Buffer;
        entries.names = self.names;
        let (notes, names) = (self.notes, self.names);
        let value = self.inner.visit_map(&mut entries).inspect_err(|_| Self::failed(notes, names))?;
        if !entries.are_fields {
            entries.add(shape, hint);
        }
        Ok(value)
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variants: A) -> Result<V::Value, A::Error> {
        let (notes, names, levels) = (self.notes, self.names, self.notes.below(self.levels)?);
        self.inner.visit_enum(Variants::new(variants, notes, levels, names))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use crate::codec::value::Value;

    type Many = Vec<(Option<u8>, String, (i64, Vec<u16>))>;

    proptest! {
        #[test]
        fn counting_changes_neither_what_is_decoded_nor_what_is_refused(of: Many, at in any::<prop::sample::Index>(), byte: u8) {
            let value = Value::encode(&of).expect("it can be encoded");
            let (decoded, heap) = value.decode_weighed::<Many>("k").expect("it is one");
            prop_assert!(decoded == of && heap >= size_of_val(of.as_slice()));
            let mut bytes = value.stored().to_vec();
            let place = at.index(bytes.len());
            bytes[place] = byte;
            let reader = || rmp_serde::Deserializer::from_read_ref(&bytes).with_human_readable();
            let plain = Many::deserialize(&mut reader()).ok();
            let counted = super::deserialize::<Many, _>(&mut reader(), None, super::Room::Near).and_then(Result::ok).map(|(many, _)| many);
            prop_assert_eq!(plain, counted);
        }
    }
}
