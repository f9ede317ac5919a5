//! Values as bytes: how they are written, and which type they were written from.
//!
//! Owns: the encoding and the fingerprint of types. Never: knows keys beyond naming one in an error, or stores.

pub mod fingerprint;
pub mod value;
