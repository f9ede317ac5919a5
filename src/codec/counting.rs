//! Counting what a value allocates while it is decoded: a deserializer around another one.
//!
//! Owns: which requests of a `Deserialize` lead to memory on the heap; `heap` knows how much a container takes. Never: changes
//! what is decoded.
//!
//! A `Deserialize` tells a lot about the memory that its value will take: that a text is to be kept (`deserialize_string`),
//! which type each element of a list has (the seed's), and which type a visitor makes. What cannot be seen is that a value
//! goes into a box; that is taken from the name of the type in whose place it is read, or from its size, when the value is
//! larger than the place that is to hold it.

use std::any::type_name;
use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::heap::{Item, Place, Shape, TEXT_KEPT};

/// Decodes a `T`; returns it with the bytes on the heap that it is estimated to hold.
pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<(T, usize), D::Error> {
    let heap = Heap::default();
    let value = T::deserialize(Counting { inner: deserializer, heap: &heap, place: Place::of::<T>() })?;
    Ok((value, heap.0.get()))
}

/// Bytes counted so far.
#[derive(Default)]
struct Heap(Cell<usize>);

impl Heap {
    #[inline]
    fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_add(bytes));
    }
}

/// A deserializer, or a seed for one, with the place that its value is for.
struct Counting<'c, I> {
    inner: I,
    heap: &'c Heap,
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
}

/// Requests whose visitors make no memory on the heap: the visitor is handed on as it is.
macro_rules! plain {
    ($($method:ident)*) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.heap.add(self.place.boxes::<V::Value>(false));
            self.inner.$method(visitor)
        }
    )* };
}

/// Requests whose visitors may: what they are given is counted.
macro_rules! counted {
    ($($method:ident($($argument:ident: $type:ty),*) $what:ident;)*) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self $(, $argument: $type)*, visitor: V) -> Result<V::Value, D::Error> {
            self.heap.add(self.place.boxes::<V::Value>(What::$what == What::Inline));
            self.inner.$method($($argument,)* Counted { inner: visitor, heap: self.heap, what: What::$what })
        }
    )* };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Counting<'_, D> {
    type Error = D::Error;

    plain! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    counted! {
        deserialize_any() Kept;
        deserialize_string() Kept;
        deserialize_byte_buf() Kept;
        deserialize_seq() Kept;
        deserialize_map() Kept;
        deserialize_str() Lent;
        deserialize_bytes() Lent;
        deserialize_option() Inline;
        deserialize_unit_struct(name: &'static str) Inline;
        deserialize_newtype_struct(name: &'static str) Inline;
        deserialize_tuple(len: usize) Inline;
        deserialize_tuple_struct(name: &'static str, len: usize) Inline;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) Inline;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) Inline;
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Counting<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Counting { inner: deserializer, heap: self.heap, place: self.place })
    }
}

/// The seed of an `S::Value`, counted.
#[inline]
fn seed<'c, 'de, S: DeserializeSeed<'de>>(seed: S, heap: &'c Heap) -> Counting<'c, S> {
    Counting { inner: seed, heap, place: Place::of::<S::Value>() }
}

/// A visitor, and what becomes of what it is given.
struct Counted<'c, V> {
    inner: V,
    heap: &'c Heap,
    what: What,
}

impl<V> Counted<'_, V> {
    #[inline]
    fn text<T>(&self, bytes: usize) {
        let is_kept = match self.what {
            What::Kept => true,
            What::Lent => bytes > TEXT_KEPT.max(size_of::<T>()),
            What::Inline => false,
        };
        if is_kept {
            self.heap.add(bytes);
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
        let place = Place::inside::<V::Value>();
        self.inner.visit_some(Counting { inner: deserializer, heap: self.heap, place })
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let place = Place::within::<V::Value>();
        self.inner.visit_newtype_struct(Counting { inner: deserializer, heap: self.heap, place })
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        let hint = elements.size_hint();
        let mut elements = Elements::new(elements, self.heap);
        let value = self.inner.visit_seq(&mut elements)?;
        if self.what != What::Inline {
            elements.add(Shape::of::<V::Value>(), hint);
        }
        Ok(value)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let hint = entries.size_hint();
        let mut entries = Elements::new(entries, self.heap);
        let shape = Shape::of::<V::Value>();
        // The fields of a struct, or what will become one as like as not.
        entries.are_fields = self.what == What::Inline || shape == Shape::Buffer;
        let value = self.inner.visit_map(&mut entries)?;
        if !entries.are_fields {
            entries.add(shape, hint);
        }
        Ok(value)
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variants: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Variants { inner: variants, heap: self.heap })
    }
}

/// What lends the elements of a list or the entries of a map.
struct Elements<'c, A> {
    inner: A,
    heap: &'c Heap,
    count: usize,
    key: Item,
    value: Item,
    /// The names of fields take no memory.
    are_fields: bool,
}

impl<'c, A> Elements<'c, A> {
    #[inline]
    fn new(inner: A, heap: &'c Heap) -> Self {
        Self { inner, heap, count: 0, key: Item::NONE, value: Item::NONE, are_fields: false }
    }

    #[inline]
    fn add(&self, shape: Shape, hint: Option<usize>) {
        self.heap.add(shape.bytes(self.count, hint, self.key, self.value));
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, of: S) -> Result<Option<S::Value>, A::Error> {
        self.key = Item::of::<S::Value>();
        let element = self.inner.next_element_seed(seed(of, self.heap))?;
        self.count += usize::from(element.is_some());
        Ok(element)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, of: S) -> Result<Option<S::Value>, A::Error> {
        if self.are_fields {
            return self.inner.next_key_seed(of);
        }
        // A struct with flattened fields asks for a map.
        self.are_fields = self.count == 0 && type_name::<S::Value>().contains("__Field");
        self.key = Item::of::<S::Value>();
        let key = self.inner.next_key_seed(seed(of, self.heap))?;
        self.count += usize::from(key.is_some());
        Ok(key)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, of: S) -> Result<S::Value, A::Error> {
        self.value = Item::of::<S::Value>();
        self.inner.next_value_seed(seed(of, self.heap))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// What lends an enum, then its variant. The name of the variant takes no memory.
struct Variants<'c, A> {
    inner: A,
    heap: &'c Heap,
}

impl<'de, 'c, A: EnumAccess<'de>> EnumAccess<'de> for Variants<'c, A> {
    type Error = A::Error;
    type Variant = Variants<'c, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, of: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (variant, inner) = self.inner.variant_seed(of)?;
        Ok((variant, Variants { inner, heap: self.heap }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Variants<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, of: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(seed(of, self.heap))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Counted { inner: visitor, heap: self.heap, what: What::Inline })
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Counted { inner: visitor, heap: self.heap, what: What::Inline })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            let changed = value.packed_as(bytes, super::super::pack::Packed::Plain);
            let (plain, counted) = (changed.decode::<Many>("k"), changed.decode_weighed::<Many>("k"));
            prop_assert_eq!(
                plain.map_err(|error| error.to_string()),
                counted.map(|(many, _)| many).map_err(|error| error.to_string())
            );
        }
    }
}
