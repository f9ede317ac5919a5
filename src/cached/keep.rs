//! Arguments that outlive their call: clones, and what was borrowed made owned.
//!
//! Owns: the message for what cannot be cloned. Never: lends anything beyond the load.

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
    message = "this argument of a cached function cannot be kept for the load: `{Self}` is neither `Clone` nor `ToOwned`",
    label = "the load outlives its caller, so it needs a clone of what is borrowed here",
    note = "there are two ways out: pass it in an `Arc`, or write `run = \"caller\"` in the attribute (then nothing is \
            cloned, and a load dies with the caller that began it)"
)]
pub trait KeepBorrowed {
    /// What owns it.
    type Owned;

    /// Makes it owned.
    fn keep_borrowed(&self) -> Self::Owned;

    /// Borrows it again.
    fn lend(owned: &Self::Owned) -> &Self;
}

#[diagnostic::do_not_recommend]
impl<T: ToOwned + ?Sized> KeepBorrowed for T {
    type Owned = T::Owned;

    fn keep_borrowed(&self) -> T::Owned {
        self.to_owned()
    }

    fn lend(owned: &T::Owned) -> &T {
        std::borrow::Borrow::borrow(owned)
    }
}

/// What was borrowed, made owned.
#[derive(Debug)]
pub struct Kept<T: KeepBorrowed + ?Sized>(T::Owned);

impl<T: KeepBorrowed + ?Sized> Kept<T> {
    /// Borrows it again.
    pub fn lend(&self) -> &T {
        T::lend(&self.0)
    }
}

/// A clone of `argument`.
pub fn keep<T: Keep>(argument: &T) -> T {
    argument.keep()
}

/// What `argument` borrows, made owned.
pub fn keep_borrowed<T: KeepBorrowed + ?Sized>(argument: &T) -> Kept<T> {
    Kept(argument.keep_borrowed())
}
