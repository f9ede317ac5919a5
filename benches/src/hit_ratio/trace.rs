//! A trace of accesses from a file.
//!
//! Owns: the format: zstd over little-endian words of 32 bits: `HRT1`, the number of accesses, the number of keys, whether there
//! are sizes (0 or 1), the accesses as numbers of keys, and the size of each key in bytes if there are any.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::Failure;

const MAGIC: u32 = u32::from_le_bytes(*b"HRT1");

/// What was asked for, in order.
#[derive(Debug)]
pub struct Trace {
    name: String,
    keys: u32,
    accesses: Vec<u32>,
    sizes: Option<Vec<u32>>,
}

impl Trace {
    /// Where those lie that come with this package: what is replayed when none is named.
    #[must_use]
    pub fn shipped() -> [PathBuf; 2] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
        ["orm-busy.u32d.zst", "web12.u32d.zst"].map(|name| folder.join(name))
    }

    /// Reads the trace in `path`; its name is that of the file up to its first dot.
    ///
    /// Errors: a sentence, when the file cannot be read or is no trace.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = file.split('.').next().unwrap_or_default().to_owned();
        let failed = |why: &dyn std::fmt::Display| format!("{} cannot be read: {why}", path.display());
        let bytes = File::open(path).and_then(zstd::decode_all).map_err(|error| failed(&error))?;
        let (chunks, rest) = bytes.as_chunks::<4>();
        let words: Vec<u32> = chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
        let [MAGIC, count, keys, sized @ (0 | 1), ref words @ ..] = words[..] else {
            return Err(failed(&"it does not begin as a trace").into());
        };
        let sizes = if sized == 1 { keys as usize } else { 0 };
        if !rest.is_empty() || words.len() != count as usize + sizes || count == 0 {
            return Err(failed(&"its length is not what its head says").into());
        }
        let (accesses, sizes) = words.split_at(count as usize);
        if accesses.iter().any(|&id| id >= keys) {
            return Err(failed(&"it names a key that it does not have").into());
        }
        let sizes = (sized == 1).then(|| sizes.to_vec());
        Ok(Self { name, keys, accesses: accesses.to_vec(), sizes })
    }

    /// The name of its file up to the first dot.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn accesses(&self) -> &[u32] {
        &self.accesses
    }

    pub(super) fn sizes(&self) -> Option<&[u32]> {
        self.sizes.as_deref()
    }

    /// The number of keys, or the sum of their sizes.
    pub(super) fn total(&self) -> u64 {
        self.sizes().map_or(self.keys.into(), |sizes| sizes.iter().map(|&size| u64::from(size)).sum())
    }
}
