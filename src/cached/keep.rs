//! Arguments that outlive their call: clones, and what was borrowed made owned.
//!
//! Owns: the message for what cannot be cloned. Never: lends anything beyond the load.

use std::borrow::Borrow;

/// An argument that a load can keep.
#[diagnostic::on_unimplemented(
    message = "this argument of a cached function cannot be kept for the load: `{Self}` is not `Clone`",
    label = "the load outlives its caller, so it needs a clone of every argument",
    note = "there are two ways out: pass it in an `Arc`, or write `run = \"caller\"` in the attribute (then nothing is \
            cloned, and a load dies with the caller that began it)"
)]
pub trait Keep {
    /// A clone.
    fn keep(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Keep for T {
    fn keep(&self) -> Self {
        self.clone()
    }
}

/// What an argument borrows, where a load can keep it.
#[diagnostic::on_unimplemented(
    message = "this argument of a cached function cannot be kept for the load: `{Self}` is neither `Clone` nor `ToOwned`, or not `Send`, `Sync` and `'static`",
    label = "the load outlives its caller, so it needs a clone of what is borrowed here",
    note = "there are two ways out: pass it in an `Arc`, or write `run = \"caller\"` in the attribute (then nothing is \
            cloned, and a load dies with the caller that began it)"
)]
pub trait KeepBorrowed {
    /// Makes it owned.
    fn keep_borrowed(&self) -> Kept<Self>;
}

#[diagnostic::do_not_recommend]
impl<T> KeepBorrowed for T
where
    T: ToOwned<Owned: Send + Sync + 'static> + ?Sized,
{
    fn keep_borrowed(&self) -> Kept<Self> {
        Kept(Box::new(self.to_owned()))
    }
}

/// What was borrowed, made owned. In a box, so that what cannot be kept is complained of once.
pub struct Kept<T: ?Sized>(Box<dyn Lend<T> + Send + Sync>);

impl<T: ?Sized> std::fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl<T: ?Sized> Kept<T> {
    /// Borrows it again.
    pub fn lend(&self) -> &T {
        (*self.0).lend()
    }
}

/// What owns a `T`.
trait Lend<T: ?Sized> {
    fn lend(&self) -> &T;
}

impl<T: ?Sized, O: Borrow<T>> Lend<T> for O {
    fn lend(&self) -> &T {
        self.borrow()
    }
}

/// A clone of `argument`.
pub fn keep<T: Keep>(argument: &T) -> T {
    argument.keep()
}

/// What `argument` borrows, made owned.
pub fn keep_borrowed<T: KeepBorrowed + ?Sized>(argument: &T) -> Kept<T> {
    argument.keep_borrowed()
}
