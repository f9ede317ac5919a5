//! What may be said about how values are stored and what they are charged with.
//!
//! Owns: the setters of these, and that a build can do what it is told to. Never: compresses or weighs.

use super::check::Check;
use super::{Compression, Eviction, Settings, TierSettings, Weigher};
use crate::codec::value::Value;
use crate::engine::key::Key;

impl Settings {
    /// Sets [`compression`](Self::compression).
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets [`compression_threshold`](Self::compression_threshold), in bytes.
    pub fn compression_threshold(mut self, bytes: u64) -> Self {
        self.compression_threshold = Some(bytes);
        self
    }
}

impl TierSettings {
    /// Sets how it chooses what goes when it is full.
    ///
    /// ```
    /// use apex_cache::settings::{Eviction, Settings};
    ///
    /// // In a file: [cache.tiers.query], and in it eviction = "lru".
    /// let settings = Settings::default().tier("query", |tier| tier.eviction(Eviction::Lru));
    /// # assert!(settings.check().is_ok());
    /// ```
    pub fn eviction(mut self, eviction: Eviction) -> Self {
        self.eviction = eviction;
        self
    }

    /// Sets whether what took long to load is kept rather than what took a moment.
    ///
    /// An entry is worth how often it is read, for each byte, times what a miss costs: 1 for what was set or took less than a
    /// millisecond, one more each time that it doubles, 15 from about eight seconds on. Damped, because one load is a weak
    /// witness: one that once took ten seconds counts as much as one of a millisecond that is read eight times as often, and it
    /// goes as others do when nobody reads it.
    pub fn weigh_load_time(mut self, weigh_load_time: bool) -> Self {
        self.weigh_load_time = weigh_load_time;
        self
    }

    /// Sets whether typed readers keep a decoded copy of a value beside its bytes: the first pays for decoding it, and those
    /// who follow are lent the copy. It is charged, as far as its `Deserialize` tells what it takes, is kept only while there is
    /// room, and when nobody used it lately goes before any entry does. Without it every typed read decodes, and the tier holds more entries.
    pub fn keep_decoded(mut self, keep_decoded: bool) -> Self {
        self.keep_decoded = keep_decoded;
        self
    }

    /// Sets how its values are compressed.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Lets `weigher` say what a value is charged with, in place of its stored bytes; key, tags and overhead are charged
    /// beside, and `max_entry_size` is compared with the sum. What it says is what the budget holds: less than a value takes
    /// is memory that nobody counts.
    ///
    /// It runs once for each value on its way in, in the task that brings it (the caller's, the loader's, that of a warm run).
    /// It is shown the value as it will be stored, see [`Value::len`](crate::Value::len) and
    /// [`Value::plain_len`](crate::Value::plain_len), and may decode it. When it panics, the stored bytes are charged. More
    /// than 4 GiB count as that.
    ///
    /// ```
    /// use apex_cache::{Key, Settings, Value};
    ///
    /// // The rows are kept decoded by those who read them: charge what they take then.
    /// fn decoded(key: &Key, value: &Value) -> u64 {
    ///     let heap = value.decode_weighed::<Vec<String>>(key.as_str()).map_or(0, |(_, heap)| heap);
    ///     (value.len() + heap) as u64
    /// }
    /// let settings = Settings::default().tier("query", |tier| tier.weigher(decoded));
    /// # assert!(settings.check().is_ok());
    /// ```
    pub fn weigher(mut self, weigher: fn(&Key, &Value) -> u64) -> Self {
        self.weigher = Some(Weigher::new(weigher));
        self
    }
}

impl Check<'_> {
    /// A build without zstd would store values in another way than it was told to.
    pub(super) fn compression(&mut self) {
        let settings = self.settings;
        let of_tier =
            |tier: &TierSettings| Some((format!("tiers.{}.compression", tier.name), tier.compression?));
        let all = [(String::from("compression"), settings.compression)];
        for (key, compression) in all.into_iter().chain(settings.tiers.iter().filter_map(of_tier)) {
            if !compression.is_built() {
                let allowed = "this needs the feature \"zstd\" of the crate apex-cache: add it to features in \
                               Cargo.toml, or use \"lz4\" or \"off\"";
                self.problem(&key, format!("{:?}", compression.as_str()), String::from(allowed), None);
            }
        }
    }
}
