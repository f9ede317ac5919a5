//! What a function returns, taken apart: its value, its error, and whether there was anything at all.
//!
//! Owns: telling `Result` and `Option` from other types, under whatever name they are written, and errors that can be
//! shared from those that cannot. Never: looks at a value.
//!
//! The compiler decides: of two methods of one name it takes the inherent one where that fits, else that of a trait.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::codec::value::Wanted;
use crate::hit::Hit;

/// Asks what `R` is.
#[derive(Debug)]
pub struct Probe<R>(PhantomData<fn() -> R>);

impl<R> Probe<R> {
    /// Asks.
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// A function's result as value or error.
pub trait Outcome: Copy {
    /// What the function returns.
    type Returned;
    /// Its value.
    type Value;
    /// Its error.
    type Error;

    /// Takes the result apart.
    fn split(returned: Self::Returned) -> Result<Self::Value, Self::Error>;

    /// Puts it together.
    fn join(result: Result<Self::Value, Self::Error>) -> Self::Returned;

    /// Looks at the value in it, if there is one.
    fn look(returned: &Self::Returned) -> Option<&Self::Value>;
}

/// A `Result`.
#[derive(Debug)]
pub struct ResultOutcome<T, E>(PhantomData<fn() -> (T, E)>);
/// Any other type.
#[derive(Debug)]
pub struct PlainOutcome<T>(PhantomData<fn() -> T>);

impl<T, E> Clone for ResultOutcome<T, E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, E> Copy for ResultOutcome<T, E> {}
impl<T> Clone for PlainOutcome<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for PlainOutcome<T> {}

impl<T, E> Outcome for ResultOutcome<T, E> {
    type Returned = Result<T, E>;
    type Value = T;
    type Error = E;

    fn split(returned: Result<T, E>) -> Result<T, E> {
        returned
    }

    fn join(result: Result<T, E>) -> Result<T, E> {
        result
    }

    fn look(returned: &Result<T, E>) -> Option<&T> {
        returned.as_ref().ok()
    }
}

impl<T> Outcome for PlainOutcome<T> {
    type Returned = T;
    type Value = T;
    type Error = Infallible;

    fn split(returned: T) -> Result<T, Infallible> {
        Ok(returned)
    }

    fn join(result: Result<T, Infallible>) -> T {
        match result {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    fn look(returned: &T) -> Option<&T> {
        Some(returned)
    }
}

impl<T, E> Probe<Result<T, E>> {
    /// It is a `Result`.
    #[must_use]
    pub fn outcome(self) -> ResultOutcome<T, E> {
        ResultOutcome(PhantomData)
    }
}

/// The compiler comes here when it is none.
pub trait PlainProbe {
    /// What it is.
    type Plain;

    /// It is no `Result`.
    fn outcome(self) -> PlainOutcome<Self::Plain>;
}

impl<R> PlainProbe for Probe<R> {
    type Plain = R;

    fn outcome(self) -> PlainOutcome<R> {
        PlainOutcome(PhantomData)
    }
}

/// Asks what the value is.
#[derive(Debug)]
pub struct ValueProbe<V>(PhantomData<fn() -> V>);
/// Asks what the error is.
#[derive(Debug)]
pub struct ErrorProbe<E>(PhantomData<fn() -> E>);

impl<T, E> ResultOutcome<T, E> {
    /// Asks what the value is.
    pub fn value(self) -> ValueProbe<T> {
        ValueProbe(PhantomData)
    }

    /// Asks what the error is.
    pub fn error(self) -> ErrorProbe<E> {
        ErrorProbe(PhantomData)
    }
}

impl<T> PlainOutcome<T> {
    /// Asks what the value is.
    pub fn value(self) -> ValueProbe<T> {
        ValueProbe(PhantomData)
    }

    /// There is no error.
    pub fn error(self) -> ErrorProbe<Infallible> {
        ErrorProbe(PhantomData)
    }
}

/// Makes one more error for a caller that waits.
pub type Copies<E> = Box<dyn Fn() -> E + Send>;

/// How all who wait can have an error, if they can.
#[derive(Debug)]
pub enum Share<E> {
    /// Only the caller whose body returned it can have it.
    Alone,
    /// Each is given a copy.
    Copied(fn(&E) -> E),
    /// It is kept, and each is given one that is made from it; so is the caller whose body returned it.
    Kept(fn(E) -> (E, Copies<E>)),
}

impl<E> Clone for Share<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for Share<E> {}

/// Keeps an error for all, who are given one each that is made from it.
fn keep<E: From<Arc<E>> + Send + Sync + 'static>(error: E) -> (E, Copies<E>) {
    let error = Arc::new(error);
    (E::from(Arc::clone(&error)), Box::new(move || E::from(Arc::clone(&error))))
}
/// All that was found out about what a function returns.
pub type Kind<O, A> = (O, A, Share<<O as Outcome>::Error>);

/// What a call of such a function comes to.
pub type Answer<O> = Result<Hit<<O as Outcome>::Value>, <O as Outcome>::Error>;

/// Whether a value is one, or says that there is none.
pub trait Absence<V>: Copy + Send + 'static {
    /// The type that others read it as.
    type Shared: 'static;

    /// Which values of the cache the function can return.
    fn wanted() -> Wanted {
        Wanted::of::<Self::Shared>()
    }

    /// What it returns where the cache knows that there is none.
    fn none() -> Option<V> {
        None
    }

    /// Whether there is none.
    fn is_none(value: &V) -> bool;
}

/// An `Option`.
#[derive(Debug, Clone, Copy)]
pub struct OptionAbsence;
/// Any other type.
#[derive(Debug, Clone, Copy)]
pub struct AnyAbsence;

impl<T: 'static> Absence<Option<T>> for OptionAbsence {
    type Shared = T;

    /// Also an `Option`, as somebody may set it who thinks of what the function returns.
    fn wanted() -> Wanted {
        Wanted::of::<T>().or::<Option<T>>().or_nothing()
    }

    fn none() -> Option<Option<T>> {
        Some(None)
    }

    fn is_none(value: &Option<T>) -> bool {
        value.is_none()
    }
}

impl<V: 'static> Absence<V> for AnyAbsence {
    type Shared = V;

    fn is_none(_: &V) -> bool {
        false
    }
}

/// What can say that there is nothing: asked of a function with `none = ".."`.
#[diagnostic::on_unimplemented(
    message = "`none = \"..\"` says how long it is remembered that there is nothing, and this function always returns something",
    label = "this function returns no `Option`",
    note = "return an `Option<T>` or a `Result<Option<T>, E>`, whose `None` is then remembered; or leave `none` away: errors are \
            never remembered"
)]
pub trait Optional {}

impl Optional for OptionAbsence {}

/// Compiles only for what can say that there is nothing.
pub fn is_optional<A: Optional>(_: A) {}

impl<T> ValueProbe<Option<T>> {
    /// It is an `Option`.
    #[must_use]
    pub fn absence(self) -> OptionAbsence {
        OptionAbsence
    }
}

/// The compiler comes here when it is none.
pub trait ValuedProbe: Sized {
    /// It is no `Option`.
    fn absence(self) -> AnyAbsence {
        AnyAbsence
    }
}

impl<V> ValuedProbe for ValueProbe<V> {}

impl<E: Clone> ErrorProbe<E> {
    /// All who wait can have it.
    #[must_use]
    pub fn share(self) -> Share<E> {
        Share::Copied(E::clone)
    }
}

impl<E> ErrorProbe<E> {
    /// All who wait can have one that is made from it.
    #[must_use]
    pub fn shared(self) -> Share<E>
    where
        E: From<Arc<E>> + Send + Sync + 'static,
    {
        Share::Kept(keep)
    }

    /// All who wait can have one that `copy` makes.
    #[must_use]
    pub fn shared_by(self, copy: fn(&E) -> E) -> Share<E> {
        Share::Copied(copy)
    }
}

/// The compiler comes here when it is not `Clone`.
pub trait UnsharedProbe {
    /// What it is.
    type Error;

    /// Only one can have it.
    fn share(self) -> Share<Self::Error>;
}

impl<E> UnsharedProbe for ErrorProbe<E> {
    type Error = E;

    fn share(self) -> Share<E> {
        Share::Alone
    }
}

/// How the function hands its value out.
pub trait Deliver<O: Outcome> {
    /// What the function returns.
    fn deliver(self, outcome: O) -> O::Returned;

    /// What the function returns, where that is a [`Hit`].
    fn deliver_hit<R: FromHit<O>>(self, outcome: O) -> R;
}

/// A [`Hit`], alone or in a `Result`.
pub trait FromHit<O: Outcome>: Sized {
    /// Makes it.
    fn from_hit(result: Result<Hit<O::Value>, O::Error>) -> Self;
}

impl<T, E> FromHit<ResultOutcome<T, E>> for Result<Hit<T>, E> {
    fn from_hit(result: Self) -> Self {
        result
    }
}

impl<T> FromHit<PlainOutcome<T>> for Hit<T> {
    fn from_hit(result: Result<Self, Infallible>) -> Self {
        match result {
            Ok(hit) => hit,
            Err(never) => match never {},
        }
    }
}

impl<O: Outcome> Deliver<O> for Result<Hit<O::Value>, O::Error>
where
    O::Value: Clone,
{
    fn deliver(self, _: O) -> O::Returned {
        O::join(self.map(Hit::into_value))
    }

    fn deliver_hit<R: FromHit<O>>(self, _: O) -> R {
        R::from_hit(self)
    }
}
