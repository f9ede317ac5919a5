//! A question about one key, on its way to the key's tier.
//!
//! Owns: which prefix of the settings led there. Never: looks into a store.

use std::sync::Arc;

use super::dispatch::{Pending, Request};
use super::permit::Lane;
use super::request::TierRequest;
use super::wiring::Wiring;
use crate::message::{Explain, Explanation};

impl Request for Explain {
    type Reply = Explanation;
    fn post(self, wiring: &Arc<Wiring>) -> Pending<Self::Reply> {
        let Self { key } = self;
        let prefix = wiring.routes.route(key.as_str()).and_then(|route| route.prefix);
        let route = prefix.map(|place| Arc::clone(&wiring.plan.prefixes[usize::from(place)].prefix));
        // A question is no use of a key: a prefix that nobody knows is told in the answer, and not warned of.
        let posted = wiring.route(key.as_str()).and_then(|(tier, _)| {
            let (id, bytes) = (tier.id, key.as_str().len() as u64);
            wiring.post_to(id, Lane::Data, bytes, |reply| TierRequest::Explain { key, route, reply })
        });
        posted.into()
    }
}
