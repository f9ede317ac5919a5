//! What middleware of a web framework does for the cache: it says who is active, and sets the deadline of a request.
//!
//! Owns: a tower layer (feature `tower`; axum, tonic, hyper) and a middleware for actix-web 4 (feature `actix-web`).
//! Never: waits for the cache, refuses a request, or caches a response; what is cached are the values behind it.

use std::time::Duration;

use crate::deadline::Deadline;
use crate::handle::Cache;
use crate::message::UserActive;

#[cfg(feature = "tower")]
mod layer;
#[cfg(feature = "actix-web")]
mod middleware;

#[cfg(feature = "tower")]
pub use layer::{CacheLayer, CacheService};
#[cfg(feature = "actix-web")]
pub use middleware::{CacheMiddleware, CacheMiddlewareService};

/// A header that is often used for it: how long the client waits, in whole milliseconds.
pub const TIMEOUT_HEADER: &str = "x-request-timeout-ms";

/// What a header says that holds whole milliseconds. `None` for anything else: a client's mistake costs it its wish, and
/// nothing more.
fn milliseconds(header: Option<&str>) -> Option<Duration> {
    header?.trim().parse().ok().map(Duration::from_millis)
}

/// What the two kinds of middleware do when a request comes in: tell, without waiting, and begin the deadline.
fn begin(cache: &Cache, user: Option<UserActive>, deadline: Option<Duration>) -> Option<Deadline> {
    if let Some(user) = user {
        // Accepted or refused by now, and dropping the answer takes nothing back. A refusal (a flood, a cache that has
        // ended) is no trouble of this request: its user is warmed by the next.
        drop(cache.send(user));
    }
    deadline.map(Deadline::after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_is_no_number_of_milliseconds_says_nothing() {
        assert_eq!(milliseconds(Some(" 250 ")), Some(Duration::from_millis(250)));
        assert_eq!(milliseconds(Some("0")), Some(Duration::ZERO));
        assert_eq!(milliseconds(Some("18446744073709551615")), Some(Duration::from_millis(u64::MAX)));
        for wrong in ["", "-1", "1.5", "250ms", "18446744073709551616", "\u{661}"] {
            assert_eq!(milliseconds(Some(wrong)), None, "{wrong}");
        }
        assert_eq!(milliseconds(None), None);
    }
}
