//! Why the admin does not start.
//!
//! Owns: the sentences. Never: repeats a token.

use std::net::SocketAddr;

/// Why the admin over HTTP did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// Others than this machine could reach it, and nothing would keep them out.
    #[error(
        "the admin was not started on {bind}: an address that other machines reach needs a token; set one with \
         AdminSettings::token or in APEX_CACHE_ADMIN_TOKEN (random_token() makes one), or bind to 127.0.0.1"
    )]
    NoToken {
        /// The address.
        bind: SocketAddr,
    },
    /// The token is too easy to guess.
    #[error(
        "the admin was not started: its token is too easy to guess, {reason}; use random_token(), or 32 and more random \
         characters"
    )]
    WeakToken {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What was given as the name of a host is none.
    #[error(
        "the admin was not started: {host:?} is no name of a host; expected one such as cache.example.com, without scheme, \
         port and path"
    )]
    BadHost {
        /// What was given.
        host: String,
    },
    /// The address cannot be listened on.
    #[error(
        "the admin was not started on {bind}: {source}; choose another address, or port 0 for any that is free"
    )]
    Bind {
        /// The address.
        bind: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}
