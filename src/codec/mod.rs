//! Values as bytes: how they are written, and which type they were written from.
//!
//! Owns: the encoding, its compression, and the fingerprint of types. Never: knows keys beyond naming one in an error, or stores.

mod counting;
mod depth;
#[cfg(feature = "zstd")]
pub(crate) mod dictionary;
pub mod fingerprint;
mod heap;
pub(crate) mod native;
pub(crate) mod original;
pub mod pack;
mod reason;
mod trail;
pub mod value;
mod wanted;
