//! The parts of a value inside others: elements, entries, fields and variants, counted as they are lent.
//!
//! Owns: which of them are fields, whose names take no memory. Never: decides what a value makes of them.

use std::any::type_name;

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::super::depth::Levels;
use super::super::heap::{Item, Shape};
use super::super::trail::{Names, Step};
use super::{Counted, Notes, What, seed};

/// What lends the elements of a list or the entries of a map.
pub(super) struct Elements<'c, A> {
    inner: A,
    notes: &'c Notes<'c>,
    /// Levels that may be opened inside.
    levels: Levels,
    count: usize,
    key: Item,
    value: Item,
    /// The names of fields take no memory.
    pub(super) are_fields: bool,
    /// The names that the type gives its fields.
    pub(super) names: Names,
}

impl<'c, A> Elements<'c, A> {
    #[inline]
    pub(super) fn new(inner: A, notes: &'c Notes<'c>, levels: Levels) -> Self {
        let (key, value) = (Item::NONE, Item::NONE);
        Self { inner, notes, levels, count: 0, key, value, are_fields: false, names: &[] }
    }

    #[inline]
    pub(super) fn add(&self, shape: Shape, hint: Option<usize>) {
        self.notes.add(shape.bytes(self.count, hint, self.key, self.value));
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, of: S) -> Result<Option<S::Value>, A::Error> {
        self.key = Item::of::<S::Value>();
        self.notes.enter(self.levels, Step::Index(self.count));
        let element = self.inner.next_element_seed(seed(of, self.notes, self.levels))?;
        self.notes.leave(self.levels);
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
        // A struct with flattened fields asks for a map.
        self.are_fields |= self.count == 0 && type_name::<S::Value>().contains("__Field");
        self.key = Item::of::<S::Value>();
        self.notes.enter(self.levels, Step::Key);
        let key = self.inner.next_key_seed(seed(of, self.notes, self.levels))?;
        match key {
            Some(_) => self.notes.enter_named(self.levels, self.names),
            None => self.notes.leave(self.levels),
        }
        self.count += usize::from(key.is_some());
        Ok(key)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, of: S) -> Result<S::Value, A::Error> {
        self.value = Item::of::<S::Value>();
        let value = self.inner.next_value_seed(seed(of, self.notes, self.levels))?;
        self.notes.leave(self.levels);
        Ok(value)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// What lends an enum, then its variant. The name of the variant takes no memory.
pub(super) struct Variants<'c, A> {
    inner: A,
    notes: &'c Notes<'c>,
    /// Levels that may be opened inside.
    levels: Levels,
    names: Names,
}

impl<'c, A> Variants<'c, A> {
    #[inline]
    pub(super) fn new(inner: A, notes: &'c Notes<'c>, levels: Levels, names: Names) -> Self {
        Self { inner, notes, levels, names }
    }
}

impl<'de, 'c, A: EnumAccess<'de>> EnumAccess<'de> for Variants<'c, A> {
    type Error = A::Error;
    type Variant = Variants<'c, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, of: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let Self { inner, notes, levels, names } = self;
        let (variant, inner) = inner.variant_seed(seed(of, notes, levels))?;
        notes.enter_named(levels, names);
        Ok((variant, Variants { inner, notes, levels, names }))
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
        self.inner.newtype_variant_seed(seed(of, self.notes, self.levels))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let Self { inner, notes, levels, .. } = self;
        inner.tuple_variant(len, Counted { inner: visitor, notes, levels, what: What::Inline, names: &[] })
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(self, fields: Names, visitor: V) -> Result<V::Value, A::Error> {
        let Self { inner, notes, levels, .. } = self;
        inner.struct_variant(
            fields,
            Counted { inner: visitor, notes, levels, what: What::Inline, names: fields },
        )
    }
}
