//! Dictionaries: what the values of one tier have in common, so that small ones can be compressed too.
//!
//! Owns: when a dictionary is trained, once for each tier and life, and the contexts of zstd. Never: trains in the task of a
//! caller: that takes some hundred milliseconds.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};

use super::pack::{Damaged, Work};

/// Samples that are enough.
const SAMPLES: usize = 1_000;
/// Bytes of samples that are enough.
const SAMPLE_BYTES: usize = 1 << 20;
/// Of a longer value the beginning is enough.
const SAMPLE_MAX: usize = 16 << 10;
/// Bytes of a dictionary; larger ones gain little on rows of some hundred bytes.
const DICTIONARY_BYTES: usize = 8 << 10;
/// Higher levels cost several times the time for a few percent.
const LEVEL: i32 = 3;
/// Contexts of each kind that are kept between two uses, some hundred KiB each.
const CONTEXTS: usize = 4;

/// A trained dictionary. One without content compresses as zstd does without a dictionary.
pub(crate) struct Dictionary {
    content: Vec<u8>,
    /// A context that has the dictionary costs ten times as much to make as to use.
    compressors: Mutex<Vec<Compressor<'static>>>,
    expanders: Mutex<Vec<Decompressor<'static>>>,
}

impl std::fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dictionary({} bytes)", self.content.len())
    }
}

impl Dictionary {
    fn new(content: Vec<u8>) -> Self {
        Self { content, compressors: Mutex::default(), expanders: Mutex::default() }
    }

    /// Lends a context, kept or new; `None` when zstd has no memory for one.
    fn with<C, R>(
        kept: &Mutex<Vec<C>>,
        new: impl FnOnce() -> Option<C>,
        run: impl FnOnce(&mut C) -> R,
    ) -> Option<R> {
        let waiting = kept.lock().pop();
        let mut context = waiting.or_else(new)?;
        let result = run(&mut context);
        let mut kept = kept.lock();
        if kept.len() < CONTEXTS {
            kept.push(context);
        }
        Some(result)
    }

    /// `None` when zstd fails; the bytes are then stored as they are.
    pub(crate) fn compress(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let new = || Compressor::with_dictionary(LEVEL, &self.content).ok();
        Self::with(&self.compressors, new, |context| context.compress(plain).ok())?
    }

    /// The `len` bytes that were compressed to `stored`.
    pub(crate) fn expand(&self, stored: &[u8], len: usize) -> Result<Vec<u8>, Damaged> {
        // Zstd has no bound on how much one byte can stand for, but the frame states it, and it is compared before anything
        // is allocated.
        if zstd::zstd_safe::get_frame_content_size(stored).ok().flatten() != Some(len as u64) {
            return Err(Damaged);
        }
        let new = || Decompressor::with_dictionary(&self.content).ok();
        let mut plain = vec![0; len];
        let expand =
            |context: &mut Decompressor<'_>| context.decompress_to_buffer(stored, plain.as_mut_slice());
        match Self::with(&self.expanders, new, expand) {
            Some(Ok(written)) if written == len => Ok(plain),
            _ => Err(Damaged),
        }
    }
}

/// The first values of a tier, then the dictionary that was trained from them.
#[derive(Debug, Default)]
pub(crate) struct Training {
    samples: Mutex<Samples>,
    dictionary: OnceLock<Arc<Dictionary>>,
}

#[derive(Debug, Default)]
struct Samples {
    bytes: Vec<u8>,
    sizes: Vec<usize>,
    are_enough: bool,
}

impl Training {
    pub(crate) fn dictionary(&self) -> Option<&Arc<Dictionary>> {
        self.dictionary.get()
    }

    /// Takes a sample. Returns the training itself when it was the last that was needed.
    pub(crate) fn sample(this: &Arc<Self>, plain: &[u8]) -> Option<Work> {
        let mut samples = this.samples.lock();
        if samples.are_enough {
            return None;
        }
        let sample = &plain[..plain.len().min(SAMPLE_MAX)];
        samples.bytes.extend_from_slice(sample);
        samples.sizes.push(sample.len());
        if samples.sizes.len() < SAMPLES && samples.bytes.len() < SAMPLE_BYTES {
            return None;
        }
        let Samples { bytes, sizes, .. } = std::mem::take(&mut *samples);
        samples.are_enough = true;
        drop(samples);
        let this = Arc::clone(this);
        Some(Box::new(move || {
            // Samples that have nothing in common, or all the same, make no dictionary.
            let content = zstd::dict::from_continuous(&bytes, &sizes, DICTIONARY_BYTES).unwrap_or_default();
            let _ = this.dictionary.set(Arc::new(Dictionary::new(content)));
        }))
    }
}
