//! What the compiler says when an attribute is wrong: each file in `ui` is one mistake, or a few of one kind.
//!
//! Owns: the words, which stand in the `.stderr` files; `TRYBUILD=overwrite` writes them anew. Never: runs a cache.

#[test]
fn mistakes_are_pointed_at_and_the_message_says_what_to_write() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
