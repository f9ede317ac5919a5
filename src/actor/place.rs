//! A place to run a loader in, for those who run loaders: the tasks of a tier, and callers that a tier cannot serve.
//!
//! Owns: that each place is given back on every way out, and that the tier is told of one that came free.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::request::TierRequest;
use super::wiring::Wiring;
use crate::engine::route::TierId;

/// One of the places of a tier, given back when this is dropped.
pub(crate) struct LoadPlace {
    /// `None`: it is none any more.
    wiring: Option<Arc<Wiring>>,
    tier: TierId,
}

impl LoadPlace {
    /// The place that was taken for a load which is started now.
    pub(crate) fn held(wiring: &Arc<Wiring>, tier: TierId) -> Self {
        Self { wiring: Some(Arc::clone(wiring)), tier }
    }

    /// Of which tier.
    pub(crate) fn tier(&self) -> TierId {
        self.tier
    }
}

impl Drop for LoadPlace {
    fn drop(&mut self) {
        let Some(wiring) = self.wiring.take() else { return };
        let tier = wiring.tier(self.tier);
        if tier.places.give_back() {
            wiring.leave(self.tier, TierRequest::PlaceFree);
        }
    }
}

impl Wiring {
    /// Waits for a place of tier `id`, in the order of those who wait.
    pub(crate) async fn load_place(self: &Arc<Self>, id: TierId) -> LoadPlace {
        let (give, mut given) = oneshot::channel::<LoadPlace>();
        let place = LoadPlace::held(self, id);
        self.tier(id).places.wait(Box::new(move || {
            give.send(place).map_err(|mut refused| drop(refused.wiring.take())).is_ok()
        }));
        if let Ok(place) = given.try_recv() {
            return place;
        }
        let place = given.await.unwrap_or(LoadPlace { wiring: None, tier: id });
        // A caller that waited may have come to its time limit, and polls that after this. Without the pause each caller of
        // a herd would begin its loader, and at once hand the place to the next.
        tokio::task::yield_now().await;
        place
    }
}
