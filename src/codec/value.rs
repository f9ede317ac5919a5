//! Values: bytes that know which type they were written from, or a native value of the host.
//!
//! Owns: the encoding, `MessagePack` with named fields in the form for people. Never: compresses by itself (`pack` does); shows a value, in an error or otherwise.

use std::any::type_name;
use std::cell::Cell;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use rmp_serde::config::{DefaultConfig, HumanReadableConfig};
use rmp_serde::{decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::counting::{self, Room};
use super::depth::{Limited, TOO_LARGE};
use super::fingerprint::Fingerprint;
use super::native::Native;
use super::pack::{Damaged, Packed};
use super::reason::{decode_reason, encode_reason};
use super::trail::Trail;
pub use super::wanted::Wanted;
use crate::error::{Error, Result, Shown};

/// What a value is read with.
type Reader<'a> =
    rmp_serde::Deserializer<decode::ReadRefReader<'a, [u8]>, HumanReadableConfig<DefaultConfig>>;

/// Writes `value` behind `to`: `MessagePack` with named fields, in the form that types have for people, in which an address is
/// a text. Types without tags can be read back from that alone: serde reads them, from whatever format, as from JSON.
pub(crate) fn write<T: Serialize + ?Sized>(to: &mut Vec<u8>, value: &T) -> Result<(), encode::Error> {
    let mut serializer = rmp_serde::Serializer::new(to).with_struct_map().with_human_readable();
    value.serialize(Limited::new(&mut serializer))
}

/// Bytes of a value that stand in its entry itself. Longer ones keep the buffer that they came in: copying them would take
/// longer than a turn may.
pub const INLINE_MAX: usize = 4_096;

/// Stack of a thread that reads what is deep or large. Of the memory that it stands for only what is used is taken.
const LARGE_STACK: usize = 64 << 20;

const DAMAGED: &str = "its compressed bytes are damaged";
const NO_BYTES: &str = "it is a native value, which has no bytes";
/// Room to write in that a thread keeps.
const ROOM_MAX: usize = 64 << 10;

thread_local! {
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An encoded value with the fingerprint of its type, or a [native](Self::native) one. A clone shares the
/// bytes, or the value.
///
/// Fields are written by name, so a type may gain fields that have a default, and still read its old values.
/// Typed messages carry values in this form; its `Debug` shows the size alone. What a tier holds may be compressed, see
/// [`Compression`](super::pack::Compression): it reads the same, and counts as equal.
#[derive(Clone)]
pub struct Value {
    bytes: Bytes,
    fingerprint: Fingerprint,
    packed: Packed,
    /// What the host says that it is to be charged with.
    charged: Option<u32>,
}

impl Value {
    /// Encodes `value`, in an allocation of exactly its size.
    ///
    /// Errors: `Encode`, when its `Serialize` fails, or when it is nested deeper than 128 levels. Cost: one pass and a copy.
    ///
    /// ```
    /// use apex_cache::Value;
    /// let value = Value::encode("hello")?;
    /// assert_eq!(value.decode::<String>("greeting")?, "hello");
    /// assert!(value.decode::<u64>("greeting").is_err());
    /// # Ok::<(), apex_cache::Error>(())
    /// ```
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Self::encode_to(value, Self::of_written::<T>)
    }

    /// A native value: `value` itself, which no `serde` is asked for. Readers are given the same `Arc`.
    ///
    /// It is charged with its `size_of_val` and what stands around it, which is the least it takes: what it
    /// owns on the heap is not seen. Say more with [`with_size`](Self::with_size), or with the
    /// [weigher](crate::settings::TierSettings::weigher) of its tier. It is never compressed, and never
    /// leaves memory.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use apex_cache::Value;
    ///
    /// let lock = Arc::new(std::sync::Mutex::new(0));
    /// let value = Value::native(Arc::clone(&lock)).with_size(1_000);
    /// assert!(value.is_native());
    /// assert!(value.as_native::<std::sync::Mutex<i32>>().is_some_and(|same| Arc::ptr_eq(same, &lock)));
    /// ```
    pub fn native<T: ?Sized + Send + Sync + 'static>(value: Arc<T>) -> Self {
        let packed = Packed::Native(Native::new(value));
        let fingerprint = Fingerprint::native_named::<T>();
        Self { bytes: Bytes::new(), fingerprint, packed, charged: None }
    }

    /// Charges a native value with `bytes`, whatever its tier's weigher says. Another value stays as it is:
    /// its size is known.
    #[must_use]
    pub fn with_size(mut self, bytes: u64) -> Self {
        if let Packed::Native(native) = &mut self.packed {
            native.state_size(bytes);
        }
        self
    }

    /// Whether it is a native value: one that has no bytes, and must not be written anywhere.
    pub fn is_native(&self) -> bool {
        self.packed.native().is_some()
    }

    /// The native value, if it is one of type `T`.
    pub fn as_native<T: ?Sized + Send + Sync + 'static>(&self) -> Option<&Arc<T>> {
        self.packed.native()?.of()
    }

    /// As [`Value::as_native`]; `key` is named in errors. Errors: `WrongType`.
    pub(crate) fn native_of<T: ?Sized + Send + Sync + 'static>(&self, key: &str) -> Result<&Arc<T>> {
        self.as_native().ok_or_else(|| wrong_native::<T>(key, self.is_native()))
    }

    /// The value of `bytes` that were written from a `T`.
    pub(crate) fn of_written<T: ?Sized>(bytes: &[u8]) -> Self {
        Self {
            bytes: Bytes::from(Box::<[u8]>::from(bytes)),
            fingerprint: Fingerprint::of::<T>(),
            packed: Packed::Plain,
            charged: None,
        }
    }

    /// Encodes `value` and shows the bytes to `take`.
    pub(crate) fn encode_to<T: Serialize + ?Sized, R>(value: &T, take: impl FnOnce(&[u8]) -> R) -> Result<R> {
        // Written where there is room, then copied: a buffer that grows from nothing is moved five times on the way. Taken out
        // for the time, for a `Serialize` may encode something else.
        let mut room = ROOM.take();
        let written = write(&mut room, value);
        let taken = written.map(|()| take(&room));
        room.clear();
        if room.capacity() <= ROOM_MAX {
            ROOM.set(room);
        }
        taken.map_err(|error| Error::Encode {
            type_name: type_name::<T>(),
            reason: encode_reason(&error).into(),
        })
    }

    /// Decodes the value; `key` is named in errors.
    ///
    /// Errors: `WrongType` when it was encoded from another type, see [`Fingerprint`]; `Decode` when the bytes do
    /// not make a `T`, or more bytes than a `T`. Cost: one pass, and what `T` allocates; expanding it before, if it is
    /// compressed.
    pub fn decode<T: DeserializeOwned + Send>(&self, key: &str) -> Result<T> {
        self.decode_weighed(key).map(|(value, _)| value)
    }

    /// As [`Value::decode`], and tells how many bytes the decoded value holds on the heap, beside its own `size_of::<T>()`.
    ///
    /// An estimate from what its `Deserialize` asks for: within a quarter for types made of texts, byte strings, numbers,
    /// boxes, and the containers of the standard library; a type that keeps what it was lent, or makes something larger or
    /// smaller of what it reads, is misjudged by that. Cost: a little above decoding.
    ///
    /// ```
    /// use apex_cache::Value;
    /// let value = Value::encode(&vec!["Ann", "Bob"])?;
    /// let (names, heap) = value.decode_weighed::<Vec<String>>("names")?;
    /// assert_eq!(heap, names.len() * size_of::<String>() + "AnnBob".len());
    /// # Ok::<(), apex_cache::Error>(())
    /// ```
    pub fn decode_weighed<T: DeserializeOwned + Send>(&self, key: &str) -> Result<(T, usize)> {
        if !self.holds::<T>() {
            return Err(wrong_type::<T>(key, self.is_native()));
        }
        decode_stored(&self.bytes, &self.packed)
    }

    /// The value of those bytes, which were encoded from a type of that fingerprint.
    pub(crate) fn of_stored(
        bytes: Bytes,
        fingerprint: Fingerprint,
        packed: Packed,
        charged: Option<u32>,
    ) -> Self {
        Self { bytes, fingerprint, packed, charged }
    }

    /// The bytes as they are stored, how they are to be read, and what the host says that they are to be charged with.
    pub(crate) fn into_stored(self) -> (Bytes, Packed, Option<u32>) {
        let charged = self.charged.or_else(|| self.packed.native().map(Native::size));
        (self.bytes, self.packed, charged)
    }

    /// What is stored where the source said that there is nothing under the key. It decodes as no type.
    pub(crate) fn nothing() -> Self {
        Self { bytes: Bytes::new(), fingerprint: Fingerprint::NOTHING, packed: Packed::Plain, charged: None }
    }

    /// What stands for a `T` that could not be written. It decodes as no type.
    pub(crate) fn unwritten<T: ?Sized>() -> Self {
        Self::of_written::<T>(&[])
    }

    /// Whether it stands for a value that could not be written.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.bytes.is_empty() && !self.is_nothing() && !self.is_native()
    }

    /// As [`Value::decode`], whatever it was written from. Errors: `Decode`.
    pub(crate) fn decode_any<T: DeserializeOwned + Send>(&self) -> Result<T> {
        decode_stored(&self.bytes, &self.packed).map(|(value, _)| value)
    }

    /// Whether it says that the source has nothing under the key, see `not_found_ttl`.
    pub fn is_nothing(&self) -> bool {
        self.fingerprint == Fingerprint::NOTHING
    }

    /// From now on the same bytes as if they had been written from a `T`. `Option<T>` writes what `T` writes when it is `Some`, so
    /// that a function which returns one can share its entries with everybody else.
    pub(crate) fn count_as<T: ?Sized>(&mut self) {
        self.fingerprint = Fingerprint::of::<T>();
    }

    /// Whether the value was encoded from a type that counts as `T`. Cost: a few nanoseconds.
    #[inline]
    pub fn holds<T: ?Sized>(&self) -> bool {
        self.fingerprint == Fingerprint::of::<T>()
    }

    /// The encoded bytes, as `MessagePack`. Errors: `Decode`, when it is compressed and damaged, and when it
    /// is native. Cost: a shared reference; expanding it, if it is compressed.
    pub fn bytes(&self) -> Result<Bytes> {
        let reason = if self.is_native() { NO_BYTES } else { DAMAGED };
        let damaged = |Damaged| Error::Decode { type_name: "MessagePack", reason: reason.into() };
        let expanded = self.packed.expand(&self.bytes).map_err(damaged)?;
        Ok(expanded.map_or_else(|| self.bytes.clone(), Bytes::from))
    }

    /// The fingerprint of the type.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// How many bytes it takes, compressed if it is; none only where it [is nothing](Self::is_nothing) or
    /// native.
    #[allow(clippy::len_without_is_empty)] // that is what `is_nothing` is called
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes it has when it is expanded.
    pub fn plain_len(&self) -> usize {
        self.packed.plain_len(&self.bytes)
    }

    /// Whether it is compressed.
    pub fn is_packed(&self) -> bool {
        !matches!(self.packed, Packed::Plain | Packed::Native(_))
    }

    /// The bytes as they are stored.
    pub(crate) fn stored(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether there is more to keep than bytes that fit into an entry.
    pub(crate) fn is_rare(&self) -> bool {
        self.len() > INLINE_MAX || !matches!(self.packed, Packed::Plain) || self.charged.is_some()
    }

    /// What it is charged with: its bytes, unless the host says something else.
    pub(crate) fn charge(&self) -> u64 {
        let charged = self.charged.or_else(|| self.packed.native().map(Native::size));
        charged.map_or(self.len() as u64, u64::from)
    }

    /// Whether the host said of this very value what it is charged with.
    pub(crate) fn has_stated_size(&self) -> bool {
        self.packed.native().is_some_and(Native::is_stated)
    }

    /// The same value, to be charged with so many bytes; `None`: with its own.
    pub(crate) fn charged(self, bytes: Option<u64>) -> Self {
        Self { charged: bytes.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX)), ..self }
    }

    /// How the bytes are to be read.
    #[cfg(test)]
    pub(crate) fn packed(&self) -> &Packed {
        &self.packed
    }

    /// The same value, with these bytes, which are to be read so.
    pub(crate) fn packed_as(self, bytes: Vec<u8>, packed: Packed) -> Self {
        Self { bytes: bytes.into_boxed_slice().into(), packed, ..self }
    }
}

/// As [`Value::decode_weighed`], of `bytes` that are stored so, whatever they were written from.
pub(crate) fn decode_stored<T: DeserializeOwned + Send>(bytes: &[u8], packed: &Packed) -> Result<(T, usize)> {
    let failed = |reason: &str| Error::Decode { type_name: type_name::<T>(), reason: reason.into() };
    let expanded = packed.expand(bytes).map_err(|Damaged| failed(DAMAGED))?;
    let bytes = expanded.as_deref().unwrap_or(bytes);
    decode_in(bytes, Room::Near).unwrap_or_else(|| decode_apart(bytes))
}

/// Decodes on a thread with a stack for values that are deep or large. Cost: starting a thread, some 30 microseconds.
#[cold]
fn decode_apart<T: DeserializeOwned + Send>(bytes: &[u8]) -> Result<(T, usize)> {
    let failed = |reason: &str| Error::Decode { type_name: type_name::<T>(), reason: reason.into() };
    let decode = || decode_in(bytes, Room::Large(LARGE_STACK / 4 * 3));
    thread::scope(|scope| {
        let reading = thread::Builder::new().stack_size(LARGE_STACK).spawn_scoped(scope, decode);
        let reading =
            reading.map_err(|_| failed("it is deep or large, and no thread could be started to read it"))?;
        let read = reading.join().unwrap_or_else(|panic| resume_unwind(panic));
        read.unwrap_or_else(|| Err(failed(TOO_LARGE)))
    })
}

/// Decodes all of `bytes`. `None`: it needs more room.
fn decode_in<T: DeserializeOwned>(bytes: &[u8], room: Room) -> Option<Result<(T, usize)>> {
    let failed = |reason: &str| Error::Decode { type_name: type_name::<T>(), reason: reason.into() };
    let mut reader = reader(bytes);
    let Ok(value) = counting::deserialize(&mut reader, None, room)? else {
        return Some(Err(failed(&why_unreadable::<T>(bytes, room))));
    };
    // The reader does not tell where it stands, but only at its end does no further value begin. A `bool` is
    // asked for because that looks into no list or map, which could end early in the same way.
    match bool::deserialize(&mut reader) {
        Err(decode::Error::InvalidMarkerRead(_)) => Some(Ok(value)),
        _ => Some(Err(failed("there are bytes left after the value"))),
    }
}

fn reader(bytes: &[u8]) -> Reader<'_> {
    rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable()
}

/// Reads `bytes` once more and notes where that fails.
#[cold]
fn why_unreadable<T: DeserializeOwned>(bytes: &[u8], room: Room) -> String {
    let trail = Trail::default();
    match counting::deserialize::<T, _>(&mut reader(bytes), Some(&trail), room) {
        Some(Err(error)) => decode_reason(&error, &trail),
        _ => "its Deserialize fails at times".to_owned(),
    }
}

/// Why what is under `key` is no encoded `T`.
pub(crate) fn wrong_type<T: ?Sized>(key: &str, is_native: bool) -> Error {
    let held = if is_native { "a native value, not an encoded" } else { "another type than" };
    Error::WrongType { key: Shown::new(key), held, asked: type_name::<T>() }
}

/// Why what is under `key` is no native `T`.
pub(crate) fn wrong_native<T: ?Sized>(key: &str, is_native: bool) -> Error {
    let held =
        if is_native { "a native value of another type than" } else { "an encoded value, not a native" };
    Error::WrongType { key: Shown::new(key), held, asked: type_name::<T>() }
}

/// Equal are values that read the same, compressed or not; native ones that are the same.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        let is_plain = !self.is_packed() && !other.is_packed();
        if let (Some(one), Some(other)) = (self.packed.native(), other.packed.native()) {
            return one.is(other);
        }
        self.fingerprint == other.fingerprint
            && if is_plain { self.bytes == other.bytes } else { self.bytes().ok() == other.bytes().ok() }
    }
}

impl Eq for Value {}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes, {:?})", self.len(), self.fingerprint)
    }
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
