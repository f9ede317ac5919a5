//! What the code that `#[cached]` and `#[cache_invalidate]` write calls. Not for hosts: it changes with the macros.
//!
//! Owns: how a key is written from arguments, how a call of a cached function ends, and which cache it uses.
//! Never: decides what is stored; the tier does.

mod call;
mod invalidate;
mod keep;
mod load;
mod native;
mod outcome;
mod source;
mod tags;
mod text;

pub use call::{at_hand, prime, run, run_in_caller};
pub use invalidate::{Invalidation, PlainSuccess, Rendered, Success};
pub use keep::{Keep, KeepBorrowed, Kept, keep, keep_borrowed};
pub use native::{NativeValue, prime_native, run_native};
pub use outcome::{
    Absence, Answer, AnyAbsence, Copies, Deliver, ErrorProbe, FromHit, Kind, OptionAbsence, Optional,
    Outcome, PlainOutcome, PlainProbe, Probe, ResultOutcome, Share, UnsharedProbe, ValueProbe, ValuedProbe,
    is_optional,
};
pub use source::{AsCache, HasCache, NoCache, cache_of, install, installed};
pub use tags::{
    Bare, InArc, InOption, InnerProbe, IntoTag, Layers, LayersProbe, OuterProbe, Tagging, Within, tags_of,
    tags_with,
};
pub use text::{Hole, KeyPart, SerializedHole, Target, Text};
