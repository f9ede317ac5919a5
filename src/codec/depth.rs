//! A serializer around another one that stops where a value is nested too deeply.
//!
//! Invariant: what is written can be read. Each level counted here is one that the reader in `counting` counts too, or
//! more: a variant with fields is two containers to a reader that does not know the type.
//!
//! Without a limit a tree of some thousand levels would overflow the stack of whoever writes it, which aborts the process.

use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// Levels that a value may have: sequences, maps, structs, `Some`, newtypes and variants, each inside the one before.
pub(crate) const DEPTH_MAX: u32 = 128;
/// Bytes of stack that writing or reading one value may take. Without optimisation the frames of very large structs would
/// come to more than a thread has before [`DEPTH_MAX`] is reached; others stay far below.
const STACK_MAX: usize = 3 << 19;
/// What a value with more levels is refused with.
pub(super) const TOO_DEEP: &str = "it is nested deeper than 128 levels";
/// What a value is refused with that takes too much stack.
pub(super) const TOO_LARGE: &str = "it is nested too deeply for values of its size";

/// How many more levels may be opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Levels {
    left: u32,
    /// Where the stack stood at the outermost level.
    top: usize,
    /// Bytes of stack that all of them may take.
    stack: usize,
}

impl Levels {
    /// Those of a whole value.
    #[inline]
    pub(super) fn all() -> Self {
        Self::within(STACK_MAX)
    }

    /// Those of a whole value, which may take so many bytes of stack.
    #[inline]
    pub(super) fn within(bytes: usize) -> Self {
        Self { left: DEPTH_MAX, top: stack(), stack: bytes }
    }

    /// Those inside a level, or inside two, that are opened here.
    #[inline]
    pub(super) fn below(self, opened: u32) -> Result<Self, &'static str> {
        match self.left.checked_sub(opened) {
            Some(left) if self.top.abs_diff(stack()) <= self.stack => Ok(Self { left, ..self }),
            Some(_) => Err(TOO_LARGE),
            None => Err(TOO_DEEP),
        }
    }

    /// How many levels there are around.
    pub(super) fn opened(self) -> usize {
        (DEPTH_MAX - self.left) as usize
    }
}

/// Where the stack stands.
#[inline(always)]
fn stack() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}

/// A serializer, or a part of one, inside which some more levels may be opened.
pub(crate) struct Limited<S> {
    inner: S,
    levels: Levels,
}

impl<S> Limited<S> {
    /// Lets `inner` write values of up to [`DEPTH_MAX`] levels.
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, levels: Levels::all() }
    }
}

/// A value on its way to `inner`, which hands it a serializer that is to be limited again.
struct Within<'v, T: ?Sized> {
    value: &'v T,
    levels: Levels,
}

impl<T: Serialize + ?Sized> Serialize for Within<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Limited { inner: serializer, levels: self.levels })
    }
}

/// Values without anything inside.
macro_rules! leaves {
    ($($method:ident($($argument:ident: $type:ty),*))*) => { $(
        #[inline]
        fn $method(self $(, $argument: $type)*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($argument),*)
        }
    )* };
}

/// Values with others inside, which open so many levels.
macro_rules! containers {
    ($($method:ident($($argument:ident: $type:ty),*) -> $part:ident, $levels:literal)*) => { $(
        #[inline]
        fn $method(self $(, $argument: $type)*) -> Result<Self::$part, S::Error> {
            let levels = self.levels.below($levels).map_err(S::Error::custom)?;
            Ok(Limited { inner: self.inner.$method($($argument),*)?, levels })
        }
    )* };
}

impl<S: Serializer> Serializer for Limited<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Limited<S::SerializeSeq>;
    type SerializeTuple = Limited<S::SerializeTuple>;
    type SerializeTupleStruct = Limited<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Limited<S::SerializeTupleVariant>;
    type SerializeMap = Limited<S::SerializeMap>;
    type SerializeStruct = Limited<S::SerializeStruct>;
    type SerializeStructVariant = Limited<S::SerializeStructVariant>;

    leaves! {
        serialize_bool(value: bool)
        serialize_i8(value: i8)
        serialize_i16(value: i16)
        serialize_i32(value: i32)
        serialize_i64(value: i64)
        serialize_u8(value: u8)
        serialize_u16(value: u16)
        serialize_u32(value: u32)
        serialize_u64(value: u64)
        serialize_f32(value: f32)
        serialize_f64(value: f64)
        serialize_char(value: char)
        serialize_str(value: &str)
        serialize_bytes(value: &[u8])
        serialize_none()
        serialize_unit()
        serialize_unit_struct(name: &'static str)
    }

    containers! {
        serialize_seq(len: Option<usize>) -> SerializeSeq, 1
        serialize_tuple(len: usize) -> SerializeTuple, 1
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct, 1
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeTupleVariant, 2
        serialize_map(len: Option<usize>) -> SerializeMap, 1
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct, 1
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeStructVariant, 2
    }

    // Numbers of 128 bits that need no more than 64 take their shortest form as all numbers do: 10 is 10 in a key, whatever
    // its type.
    #[inline]
    fn serialize_i128(self, value: i128) -> Result<S::Ok, S::Error> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.inner.serialize_i64(value),
            (_, Ok(value)) => self.inner.serialize_u64(value),
            _ => self.inner.serialize_i128(value),
        }
    }

    #[inline]
    fn serialize_u128(self, value: u128) -> Result<S::Ok, S::Error> {
        match u64::try_from(value) {
            Ok(value) => self.inner.serialize_u64(value),
            Err(_) => self.inner.serialize_u128(value),
        }
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.levels.below(1).map_err(S::Error::custom)?;
        self.inner.serialize_unit_variant(name, index, variant)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let levels = self.levels.below(1).map_err(S::Error::custom)?;
        self.inner.serialize_some(&Within { value, levels })
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let levels = self.levels.below(1).map_err(S::Error::custom)?;
        self.inner.serialize_newtype_struct(name, &Within { value, levels })
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let levels = self.levels.below(1).map_err(S::Error::custom)?;
        self.inner.serialize_newtype_variant(name, index, variant, &Within { value, levels })
    }

    #[inline]
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Parts that are written one after the other, the second argument of each being a value.
macro_rules! parts {
    ($($trait:ident { $($method:ident($($name:ident: $type:ty)?))* })*) => { $(
        impl<S: $trait> $trait for Limited<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            $(
                #[inline]
                fn $method<T: Serialize + ?Sized>(&mut self $(, $name: $type)?, value: &T) -> Result<(), S::Error> {
                    let levels = self.levels;
                    self.inner.$method($($name,)? &Within { value, levels })
                }
            )*

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )* };
}

parts! {
    SerializeSeq { serialize_element() }
    SerializeTuple { serialize_element() }
    SerializeTupleStruct { serialize_field() }
    SerializeTupleVariant { serialize_field() }
    SerializeMap { serialize_key() serialize_value() }
    SerializeStruct { serialize_field(key: &'static str) }
    SerializeStructVariant { serialize_field(key: &'static str) }
}

#[cfg(test)]
#[path = "depth_tests.rs"]
mod tests;
