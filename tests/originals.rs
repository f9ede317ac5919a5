//! What a loader returned reaches those who waited for it, as it is, whatever serde makes of it; others are served only what
//! can be read back.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

#[path = "originals/entrances.rs"]
mod entrances;
#[path = "originals/functions.rs"]
mod functions;
#[path = "originals/told.rs"]
mod told;

use serde::{Deserialize, Serialize};

/// Written under one name and read under another: an answer of a foreign API that somebody caches as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(crate) struct Repo {
    pub(crate) open_issues: u32,
}

/// Deeper than may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comment {
    pub(crate) text: String,
    pub(crate) replies: Vec<Comment>,
}

/// A thread of so many comments.
pub(crate) fn thread(levels: usize) -> Comment {
    let none = Comment { text: "end".to_owned(), replies: Vec::new() };
    (0..levels).fold(none, |inner, _| Comment { text: "so".to_owned(), replies: vec![inner] })
}

/// Cannot be written, and is not `Clone`.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Handle(pub(crate) u32);

impl Serialize for Handle {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a secret that must not be logged"))
    }
}

/// Panics when it is written.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Bomb(pub(crate) u32);

impl Serialize for Bomb {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("a bug of the host's")
    }
}

/// Says what it is only by its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Peer {
    Ip(std::net::IpAddr),
    Other(serde_json::Value),
}

/// Comes back without its secret.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) user: String,
    #[serde(skip)]
    pub(crate) secret: u64,
}
