//! Ids in keys and tags: whichever way an id gets in, it makes the same text, and every other way finds it.
//!
//! Owns: the entrances that have to agree: attributes, built keys, text, tags, loaders, warm sources, `forget_user` and the
//! lines of operators. Never: looks at the encoding itself; the encoder's own tests do.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

#[path = "keys/agreement.rs"]
mod agreement;
#[path = "keys/forgetting.rs"]
mod forgetting;
#[path = "keys/loaders.rs"]
mod loaders;
#[path = "common/log.rs"]
mod log;
#[path = "keys/operators.rs"]
mod operators;
#[path = "keys/tags.rs"]
mod tags;

/// Ids that have made trouble: with separators, wildcards and control characters, empty, long, and longer than a key.
fn odd_ids() -> Vec<String> {
    let fixed =
        ["42", "oidc:123", "a::b", "", "*", "~x", "a=b", "100%", "%41", "Zoë 東京", "a\nb", "\u{85}", "?"];
    let hash = "~e9863389ec5c707c1d38fe910b81496c".to_owned();
    let lengths = [63, 64, 65, 300, 999, 7_000].map(|length| "x".repeat(length));
    fixed
        .map(str::to_owned)
        .into_iter()
        .chain([hash, "é".repeat(40), ":".repeat(22)])
        .chain(lengths)
        .collect()
}
