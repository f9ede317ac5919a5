//! What outlives a tier's actor, and what readers see of the tier.
//!
//! Owns: its view, counters and permits, whether it serves, and how often it broke. Never: handles a message.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::live_terms::LiveTerms;
use super::mailbox::Mailbox;
use super::misreads::Misreads;
use super::permit::Permits;
use super::reply::Answerer;
use super::request::ToTier;
use super::throttle::Throttle;
use super::tier::TierWorker;
use super::wiring::{Place, tell};
use crate::codec::pack::Packer;
use crate::codec::value::INLINE_MAX;
use crate::engine::counters::Counters;
use crate::engine::moment::Moment;
use crate::engine::places::Places;
use crate::engine::route::TierId;
use crate::engine::view::View;
use crate::engine::weigh::Weigher;
use crate::error::Error;
use crate::message::TierState;
use crate::telemetry;

/// Crashes within [`CRASH_WINDOW`] after which a tier is bypassed.
pub const CRASHES_MAX: usize = 5;
/// See [`CRASHES_MAX`].
pub const CRASH_WINDOW: Duration = Duration::from_secs(60);
/// Where a tier's life stands.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    crashes: VecDeque<Moment>,
}

/// What is shared about one tier.
#[derive(Debug)]
pub struct TierShared {
    /// Its number.
    pub id: TierId,
    /// Its name.
    pub name: Arc<str>,
    /// How its values are loaded and kept when nothing else is said.
    pub terms: LiveTerms,
    /// What readers see.
    pub view: Arc<View>,
    /// Whether typed readers leave decoded copies beside the bytes.
    pub(crate) keeps_decoded: bool,
    /// Its counters.
    pub counters: Arc<Counters>,
    /// Its bound.
    pub permits: Arc<Permits>,
    /// From whom its answers are.
    pub(crate) answerer: Arc<Answerer>,
    pub(crate) place: Place<ToTier>,
    /// Its state, and what it was asked and has not done yet.
    pub(crate) mailbox: Mailbox<TierWorker>,
    /// Compresses its values.
    pub(crate) packer: Packer,
    /// Says what they are charged with.
    pub(crate) weigher: Option<Weigher>,
    /// The places for loaders: those that it runs, and those that run in callers' tasks because it could not serve them.
    pub(crate) places: Arc<Places>,
    /// It has a load that takes longer than it may, and has to know when a caller gives up.
    pub(crate) has_overdue: AtomicBool,
    /// A [`TierRequest::CallerLeft`](super::request::TierRequest::CallerLeft) is on its way.
    pub(crate) told_left: AtomicBool,
    pub(crate) incarnation: AtomicU64,
    /// What the cache has told of values that could not be read.
    pub(crate) misreads: Arc<Misreads>,
    pub(crate) warn_bypass: Throttle,
    pub(crate) warn_unawaited: Throttle,
    /// Writes that nobody awaited and that failed, as far as they were warned of.
    pub(crate) lost_writes_told: AtomicU64,
    pub(crate) warn_tags: Throttle,
    pub(super) failed: AtomicBool,
    pub(super) lives: Mutex<Lives>,
}

impl TierShared {
    /// Whether it serves.
    pub fn state(&self) -> TierState {
        if self.failed.load(Ordering::Acquire) { TierState::Failed } else { TierState::Running }
    }

    /// Whether a value of so many encoded bytes is stored as those bytes, beside its key.
    pub(crate) fn stores_as_it_is(&self, len: usize) -> bool {
        self.weigher.is_none() && len <= INLINE_MAX && self.packer.leaves(len)
    }

    /// Bytes held: entries as of the end of its last turn, and the decoded copies that readers added since.
    pub(crate) fn bytes(&self) -> u64 {
        self.counters.bytes.load(Ordering::Relaxed) + self.view.decoded()
    }

    /// Notes a crash; returns whether it was one too many.
    pub(crate) fn crashed(&self, now: Moment) -> bool {
        let mut lives = self.lives.lock();
        lives.crashes.push_back(now);
        while lives.crashes.front().is_some_and(|&first| now.since(first) > CRASH_WINDOW) {
            lives.crashes.pop_front();
        }
        let too_many = lives.crashes.len() >= CRASHES_MAX;
        if too_many {
            self.failed.store(true, Ordering::Release);
        }
        too_many
    }

    /// Forgets its crashes; returns whether it had failed.
    pub(crate) fn revive(&self) -> bool {
        self.lives.lock().crashes.clear();
        self.failed.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn failed_error(&self) -> Error {
        Error::TierFailed { tier: Arc::clone(&self.name), crashes: CRASHES_MAX as u32 }
    }

    /// Warns of writes that nobody awaited and that failed, once a minute.
    pub(crate) fn warn_of_lost_writes(&self, now: Moment) {
        let lost = self.counters.unawaited_failed.get();
        let told = self.lost_writes_told.load(Ordering::Relaxed);
        if lost > told
            && let Some(left_out) = self.warn_unawaited.pass(now)
        {
            self.lost_writes_told.store(lost, Ordering::Relaxed);
            telemetry::unawaited_failed(&self.name, lost - told, left_out);
        }
    }

    /// Tells the tier.
    pub(crate) fn tell(&self, message: ToTier) {
        tell(&self.place, message);
    }
}
