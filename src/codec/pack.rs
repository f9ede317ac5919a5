//! Compression: how the bytes of a value are stored.
//!
//! Owns: which values are compressed, and the way back. Never: runs within an actor's turn; who writes a value compresses
//! it, and who reads it expands it. What a reader allocates for that is bounded before it is allocated.

#[cfg(feature = "zstd")]
use std::sync::Arc;

#[cfg(feature = "zstd")]
use super::dictionary::{Dictionary, Training};
use super::native::Native;
use super::value::Value;

/// How a tier compresses what is stored in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    Off,
    /// With LZ4, in safe Rust: about 400 MB/s in and 1 to 2 GB/s out on one core. Default.
    #[default]
    Lz4,
    /// With zstd and a dictionary that is trained for each tier: a third to a half of the bytes of LZ4, small values too, for
    /// about twice its time. It needs the feature `zstd`.
    Zstd,
}

impl Compression {
    /// All of them, as settings call them.
    pub(crate) const WORDS: [&str; 3] = ["lz4", "zstd", "off"];

    /// The one that settings call so.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "lz4" => Some(Self::Lz4),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// As settings call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Whether this build of the crate can do it.
    pub fn is_built(self) -> bool {
        self != Self::Zstd || cfg!(feature = "zstd")
    }

    /// Values of more bytes are compressed, where nothing else is said: 4 KiB for LZ4, 512 B for zstd. What is smaller
    /// saves little: less than LZ4's time is worth, and less than a dictionary of zstd can help.
    pub fn default_threshold(self) -> u64 {
        match self {
            Self::Off | Self::Lz4 => LZ4_THRESHOLD as u64,
            Self::Zstd => 512,
        }
    }
}

const LZ4_THRESHOLD: usize = 4 << 10;
/// LZ4 writes 255 bytes for one at most, so stored bytes that claim more are damaged.
const LZ4_RATIO_MAX: usize = 255;
/// How much larger than the largest entry a value may be when it is written out; see `Packer::new`.
const EXPANSION_MAX: u64 = 16;

/// How the bytes of a value are to be read.
#[derive(Debug, Clone, Default)]
pub(crate) enum Packed {
    /// As they are.
    #[default]
    Plain,
    /// Through LZ4, to so many bytes.
    Lz4 { plain_len: u32 },
    /// Through zstd with this dictionary, to so many bytes. The dictionary lives as long as a value needs it.
    #[cfg(feature = "zstd")]
    Zstd { plain_len: u32, with: Arc<Dictionary> },
    /// There are none: the value stands here.
    Native(Native),
}

/// That compressed bytes are not what they claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged;

impl Packed {
    /// The plain bytes of what is `stored` so, unless they are stored as they are. Allocates what was stated when it was
    /// compressed, and never more: what does not fit exactly is damaged.
    pub(crate) fn expand(&self, stored: &[u8]) -> Result<Option<Vec<u8>>, Damaged> {
        match self {
            Self::Plain => Ok(None),
            Self::Native(_) => Err(Damaged),
            Self::Lz4 { plain_len } => {
                let len = *plain_len as usize;
                if len > stored.len().saturating_mul(LZ4_RATIO_MAX) {
                    return Err(Damaged);
                }
                let mut plain = vec![0; len];
                match lz4_flex::block::decompress_into(stored, &mut plain) {
                    Ok(written) if written == len => Ok(Some(plain)),
                    _ => Err(Damaged),
                }
            }
            #[cfg(feature = "zstd")]
            Self::Zstd { plain_len, with } => with.expand(stored, *plain_len as usize).map(Some),
        }
    }

    /// The native value that stands here, if one does.
    pub(crate) fn native(&self) -> Option<&Native> {
        if let Self::Native(native) = self { Some(native) } else { None }
    }

    /// How many bytes the plain form of what is `stored` so has.
    pub(crate) fn plain_len(&self, stored: &[u8]) -> usize {
        match *self {
            Self::Plain | Self::Native(_) => stored.len(),
            Self::Lz4 { plain_len } => plain_len as usize,
            #[cfg(feature = "zstd")]
            Self::Zstd { plain_len, .. } => plain_len as usize,
        }
    }
}

/// Compresses the values of one tier.
#[derive(Debug)]
pub(crate) struct Packer {
    compression: Compression,
    threshold: usize,
    plain_max: usize,
    #[cfg(feature = "zstd")]
    training: Arc<Training>,
}

/// What came of a value that was handed to a [`Packer`].
pub(crate) struct Packing {
    /// The value, compressed if that saved enough.
    pub(crate) value: Value,
    /// Its bytes before and after, if it was compressed.
    pub(crate) saved: Option<(u64, u64)>,
    /// What has to be done once, beside; it takes long.
    pub(crate) work: Option<Work>,
}

/// Work that was put off: the training of a dictionary.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

impl Packer {
    /// Compresses values of more than `threshold` bytes. What is more than 16 times as large as the largest entry stays as it
    /// is, and is refused for its size: else a few bytes in memory could cost each of their readers any amount.
    pub(crate) fn new(compression: Compression, threshold: u64, max_entry: u64) -> Self {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            compression,
            threshold: size(threshold),
            plain_max: size(max_entry.saturating_mul(EXPANSION_MAX)).min(u32::MAX as usize),
            #[cfg(feature = "zstd")]
            training: Arc::default(),
        }
    }

    /// Whether values of `len` bytes stay as they are.
    pub(crate) fn leaves(&self, len: usize) -> bool {
        self.compression == Compression::Off || len <= self.threshold
    }

    /// Compresses `value` if it is worth it: above the threshold, and a tenth is saved. Cost: for LZ4 one pass over its bytes.
    ///
    /// Until its dictionary is there, and where none could be trained, zstd does as LZ4.
    pub(crate) fn pack(&self, value: Value) -> Packing {
        let bytes = value.stored();
        let is_large = bytes.len() > self.threshold && bytes.len() <= self.plain_max;
        if !is_large || value.is_packed() {
            return Packing { value, saved: None, work: None };
        }
        let plain_len = bytes.len() as u32; // at most `plain_max`
        let (packed, work) = match self.compression {
            Compression::Off => (None, None),
            Compression::Lz4 => (lz4(bytes, plain_len), None),
            #[cfg(not(feature = "zstd"))]
            Compression::Zstd => (None, None), // refused with the settings
            #[cfg(feature = "zstd")]
            Compression::Zstd => self.zstd(bytes, plain_len),
        };
        match packed.filter(|(packed, _)| packed.len() * 10 <= bytes.len() * 9) {
            Some((packed, how)) => {
                let saved = Some((bytes.len() as u64, packed.len() as u64));
                Packing { value: value.packed_as(packed, how), saved, work }
            }
            None => Packing { value, saved: None, work },
        }
    }
}

#[cfg(feature = "zstd")]
impl Packer {
    /// With the dictionary if it is there; else through LZ4, with what is left to be done for a dictionary.
    fn zstd(&self, bytes: &[u8], plain_len: u32) -> (Option<(Vec<u8>, Packed)>, Option<Work>) {
        if let Some(with) = self.training.dictionary() {
            let packed = |bytes| (bytes, Packed::Zstd { plain_len, with: Arc::clone(with) });
            return (with.compress(bytes).map(packed), None);
        }
        let work = Training::sample(&self.training, bytes);
        let is_large = bytes.len() > LZ4_THRESHOLD.max(self.threshold);
        (is_large.then(|| lz4(bytes, plain_len)).flatten(), work)
    }
}

#[allow(clippy::unnecessary_wraps)] // as zstd, which can fail
fn lz4(bytes: &[u8], plain_len: u32) -> Option<(Vec<u8>, Packed)> {
    Some((lz4_flex::block::compress(bytes), Packed::Lz4 { plain_len }))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    const MAX: u64 = 1 << 20;

    fn lz4_above(threshold: u64) -> Packer {
        Packer::new(Compression::Lz4, threshold, MAX)
    }

    /// A packer whose dictionary is there; one for all tests, for training takes its time.
    #[cfg(feature = "zstd")]
    fn trained() -> Packer {
        static TRAINING: std::sync::OnceLock<Arc<Training>> = std::sync::OnceLock::new();
        let training = TRAINING.get_or_init(|| train().training);
        Packer { training: Arc::clone(training), ..Packer::new(Compression::Zstd, 512, MAX) }
    }

    #[cfg(feature = "zstd")]
    fn train() -> Packer {
        let packer = Packer::new(Compression::Zstd, 512, MAX);
        let mut work = None;
        for number in 0_u64.. {
            let packing = packer.pack(Value::encode(&rows(number, 12)).expect("rows can be encoded"));
            assert!(!packing.value.is_packed(), "before there is a dictionary small values stay plain");
            if let Some(found) = packing.work {
                work = Some(found);
                break;
            }
        }
        work.expect("some sample is the last")();
        packer
    }

    type Row = (u64, String, Vec<u16>, Option<bool>);

    fn rows(seed: u64, count: u64) -> Vec<Row> {
        let row = |number: u64| {
            let number = (seed * 1_000 + number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (
                number,
                format!("order of customer {number}"),
                vec![number as u16; 3],
                Some(number.is_multiple_of(3)),
            )
        };
        (0..count).map(row).collect()
    }

    fn packers() -> Vec<Packer> {
        vec![
            lz4_above(64),
            Packer::new(Compression::Off, 64, MAX),
            #[cfg(feature = "zstd")]
            trained(),
        ]
    }

    /// Texts with repetitions, lists of numbers, and bytes without any order.
    fn values() -> impl Strategy<Value = (Vec<String>, Vec<u64>, Bytes)> {
        let text = ("[a-d]{0,6}", 1_usize..200).prop_map(|(text, times)| text.repeat(times));
        (
            prop::collection::vec(text, 0..6),
            prop::collection::vec(0_u64..1 << 20, 0..400),
            prop::collection::vec(any::<u8>(), 0..2_000).prop_map(Bytes::from),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_value_reads_the_same_however_it_is_stored(of in values()) {
            let plain = Value::encode(&of).expect("it can be encoded");
            for packer in packers() {
                let Packing { value, saved, .. } = packer.pack(plain.clone());
                prop_assert_eq!(&value.decode::<(Vec<String>, Vec<u64>, Bytes)>("k").expect("it is one"), &of);
                prop_assert_eq!(value.bytes().expect("whole"), plain.bytes().expect("plain"));
                prop_assert_eq!((value.plain_len(), value.fingerprint()), (plain.len(), plain.fingerprint()));
                prop_assert_eq!(&value, &plain);
                prop_assert_eq!(saved, value.is_packed().then(|| (plain.len() as u64, value.len() as u64)));
                prop_assert!(!value.is_packed() || value.len() * 10 <= plain.len() * 9, "a tenth is saved");
                prop_assert!(plain.len() > packer.threshold || !value.is_packed());
                let again = packer.pack(value.clone());
                prop_assert!(again.saved.is_none() && again.value.len() == value.len(), "packed once only");
            }
        }

        #[test]
        fn damaged_bytes_give_an_error_or_a_value_of_the_stated_length(
            seed in 0_u64..50, at in any::<prop::sample::Index>(), byte: u8, cut: bool,
        ) {
            for packer in packers() {
                let value = packer.pack(Value::encode(&rows(seed, 60)).expect("rows can be encoded")).value;
                let mut bytes = value.stored().to_vec();
                let place = at.index(bytes.len());
                bytes[place] = byte;
                bytes.truncate(if cut { place } else { bytes.len() });
                let (plain_len, how) = (value.plain_len(), value.packed().clone());
                let is_packed = value.is_packed();
                let damaged = value.packed_as(bytes, how);
                if let Err(error) = damaged.decode::<Vec<Row>>("k") {
                    prop_assert_eq!(error.kind(), ErrorKind::Decode);
                }
                if is_packed && let Ok(bytes) = damaged.bytes() {
                    prop_assert!(bytes.len() == plain_len && !cut);
                }
            }
        }

        #[test]
        fn what_is_stated_is_believed_only_as_far_as_it_can_be_true(stored: Vec<u8>, plain_len: u32) {
            let how = Packed::Lz4 { plain_len };
            if let Ok(plain) = how.expand(&stored) {
                prop_assert_eq!(plain.map(|plain| plain.len()), Some(plain_len as usize));
            }
            let most = stored.len() * LZ4_RATIO_MAX;
            prop_assert!(plain_len as usize <= most || how.expand(&stored).is_err());
        }
    }

    #[test]
    fn values_at_the_threshold_and_those_that_do_not_shrink_stay_plain() {
        let zeros = Value::encode(&Bytes::from(vec![0; 5_000])).expect("bytes can be encoded");
        let at = zeros.len() as u64;
        assert!(!lz4_above(at).pack(zeros.clone()).value.is_packed());
        assert!(lz4_above(at - 1).pack(zeros).value.is_packed());
        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        let noise = Value::encode(&noise.take(50_000).collect::<Bytes>()).expect("bytes can be encoded");
        assert!(packers().iter().all(|packer| !packer.pack(noise.clone()).value.is_packed()));
    }

    #[test]
    fn what_would_expand_to_more_than_sixteen_entries_stays_plain() {
        let packer = Packer::new(Compression::Lz4, 64, 1_000);
        let zeros = |count| Value::encode(&Bytes::from(vec![0; count])).expect("bytes can be encoded");
        assert!(packer.pack(zeros(15_990)).value.is_packed());
        assert!(!packer.pack(zeros(16_000)).value.is_packed());
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn a_trained_dictionary_makes_small_values_smaller_than_lz4_does() {
        let packer = trained();
        let value = Value::encode(&rows(7_777, 12)).expect("rows can be encoded");
        let packing = packer.pack(value.clone());
        assert!(packing.work.is_none() && packing.value.is_packed(), "{value:?}");
        let other = lz4_above(64).pack(value).value;
        assert!(packing.value.len() < other.len(), "{:?} against {other:?}", packing.value);
        assert_eq!(packing.value.decode::<Vec<Row>>("k").expect("rows"), rows(7_777, 12));
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn zstd_allocates_nothing_for_what_the_frame_does_not_state() {
        let value = trained().pack(Value::encode(&rows(1, 12)).expect("rows can be encoded")).value;
        let Packed::Zstd { plain_len, with } = value.packed() else { panic!("not packed by zstd") };
        let stated = |plain_len| Packed::Zstd { plain_len, with: Arc::clone(with) }.expand(value.stored());
        assert!(stated(*plain_len).is_ok());
        assert!(stated(u32::MAX) == Err(Damaged) && stated(*plain_len - 1) == Err(Damaged));
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn samples_that_have_nothing_in_common_still_end_the_training() {
        let packer = Packer::new(Compression::Zstd, 64, MAX);
        let zeros = || Value::encode(&Bytes::from(vec![0; 16 << 10])).expect("bytes can be encoded");
        let work = std::iter::repeat_with(|| packer.pack(zeros()).work).take(100).flatten().next();
        work.expect("1 MiB of samples is enough")();
        let value = packer.pack(zeros()).value;
        assert!(matches!(value.packed(), Packed::Zstd { .. }));
        assert_eq!(value, zeros());
    }
}
