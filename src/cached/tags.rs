//! The tags of a cached function's value: from its arguments, and from the value itself.
//!
//! Owns: what a function in `tags = ..` is given, and what becomes of one that fails. Never: fails a call; a
//! value without its tags is returned, and not stored.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::outcome::{Outcome, ValueProbe};
use crate::engine::tag::{Tag, Tags};
use crate::error::{Error, Result, Shown};

/// Finds the tags of a value.
type Find<V> = Arc<dyn Fn(&V) -> Result<Vec<Tag>> + Send + Sync>;

/// How the values of a function are tagged.
pub struct Tagging<V> {
    /// An error in a box: it is seldom, and each call holds one of these while it waits.
    fixed: Result<Tags, Box<Error>>,
    of_value: Option<Find<V>>,
}

impl<V> Clone for Tagging<V> {
    fn clone(&self) -> Self {
        Self { fixed: self.fixed.clone(), of_value: self.of_value.clone() }
    }
}

impl<V> fmt::Debug for Tagging<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tagging").field("fixed", &self.fixed).finish_non_exhaustive()
    }
}

impl<V: 'static> Tagging<V> {
    /// With `tags`, whatever the value is; or with the reason why they cannot be told.
    #[must_use]
    pub fn fixed(tags: Result<Tags>) -> Self {
        Self { fixed: tags.map_err(Box::new), of_value: None }
    }

    /// Also with those that `find` adds. It is given what `layers` show of the value; where they show
    /// nothing, it is not asked.
    #[must_use]
    pub fn of_value<L: Layers<V>>(self, _: L, find: fn(&L::Inner, &mut Vec<Tag>) -> Result<()>) -> Self {
        let of_value = move |value: &V| {
            let mut found = Vec::new();
            L::show(value).map_or(Ok(()), |value| find(value, &mut found)).map(|()| found)
        };
        Self { of_value: Some(Arc::new(of_value)), ..self }
    }

    fn of_any_value(&self) -> Result<Tags> {
        self.fixed.clone().map_err(|error| *error)
    }

    /// The tags that do not depend on the value.
    pub(super) fn known(&self) -> Tags {
        self.fixed.clone().unwrap_or_default()
    }

    /// The tags of `value`. Errors: `InvalidTag`, also when the host's function panics.
    pub(super) fn of(&self, value: &V) -> Result<Tags> {
        let fixed = self.of_any_value()?;
        let Some(find) = &self.of_value else { return Ok(fixed) };
        let found = catch_unwind(AssertUnwindSafe(|| find(value))).unwrap_or_else(|_| {
            Err(Error::InvalidTag {
                tag: Shown::new(""),
                reason: "the function that names the tags panicked",
            })
        })?;
        Ok(Tags::new(fixed.as_slice().iter().cloned().chain(found)))
    }

    /// The tags of what a function returned, or would return. Errors: `InvalidTag`.
    pub fn of_returned<O: Outcome<Value = V>>(&self, _: O, returned: &O::Returned) -> Result<Tags> {
        O::look(returned).map_or_else(|| self.of_any_value(), |value| self.of(value))
    }
}

/// `fixed`, and the tags that `find` adds for `value`. Errors: `InvalidTag`.
pub fn tags_with<T: ?Sized>(
    fixed: Result<Tags>,
    value: &T,
    find: fn(&T, &mut Vec<Tag>) -> Result<()>,
) -> Result<Tags> {
    let mut tags = fixed?.as_slice().to_vec();
    find(value, &mut tags)?;
    Ok(Tags::new(tags))
}

/// Adds the tags that `name` finds in `value`.
pub fn tags_of<'v, T: ?Sized, I>(
    value: &'v T,
    tags: &mut Vec<Tag>,
    name: impl FnOnce(&'v T) -> I,
) -> Result<()>
where
    I: IntoIterator<Item: IntoTag>,
{
    for tag in name(value) {
        tags.push(tag.into_tag()?);
    }
    Ok(())
}

/// What a function in `tags = ..` may name tags by.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no tag",
    label = "the function in `tags = ..` returns tags or texts: anything that can be iterated over",
    note = "for example a `Vec<Tag>`, a `[String; 2]`, or an iterator of `&str`"
)]
pub trait IntoTag {
    /// The tag. Errors: `InvalidTag`.
    fn into_tag(self) -> Result<Tag>;
}

impl IntoTag for Tag {
    fn into_tag(self) -> Result<Tag> {
        Ok(self)
    }
}

impl IntoTag for &Tag {
    fn into_tag(self) -> Result<Tag> {
        Ok(self.clone())
    }
}

/// Makes tags of texts.
macro_rules! texts {
    ($($text:ty),*) => {$(
        impl IntoTag for $text {
            fn into_tag(self) -> Result<Tag> {
                let text: &str = self.as_ref();
                Tag::new(text)
            }
        }
    )*};
}

texts!(&str, &&str, String, &String, std::borrow::Cow<'_, str>, Box<str>, Arc<str>);

/// What a value is wrapped in, which a function of the value does not see.
pub trait Layers<V>: Copy + Send + Sync + 'static {
    /// What it sees.
    type Inner: ?Sized;

    /// Shows it, if there is anything.
    fn show(value: &V) -> Option<&Self::Inner>;
}

/// Nothing.
#[derive(Debug, Clone, Copy)]
pub struct Bare;
/// An `Option`.
#[derive(Debug, Clone, Copy)]
pub struct InOption;
/// An `Arc`.
#[derive(Debug, Clone, Copy)]
pub struct InArc;

impl<V: 'static> Layers<V> for Bare {
    type Inner = V;

    fn show(value: &V) -> Option<&V> {
        Some(value)
    }
}

impl<T: 'static> Layers<Option<T>> for InOption {
    type Inner = T;

    fn show(value: &Option<T>) -> Option<&T> {
        value.as_ref()
    }
}

impl<T: ?Sized + 'static> Layers<Arc<T>> for InArc {
    type Inner = T;

    fn show(value: &Arc<T>) -> Option<&T> {
        Some(value)
    }
}

/// The outer layers, then the inner ones, with the type between them.
pub struct Within<L, T, M>(PhantomData<Named<L, T, M>>);

/// Names types without holding any of them.
type Named<L, T, M> = fn() -> (L, T, M);

impl<L, T, M> Clone for Within<L, T, M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<L, T, M> Copy for Within<L, T, M> {}

impl<L, T, M> fmt::Debug for Within<L, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Within")
    }
}

impl<V, L, T: 'static, M> Layers<V> for Within<L, T, M>
where
    L: Layers<V, Inner = T>,
    M: Layers<T>,
{
    type Inner = M::Inner;

    fn show(value: &V) -> Option<&M::Inner> {
        L::show(value).and_then(M::show)
    }
}

/// Asks whether a `T`, found below the layer `L`, is in an `Arc`.
pub struct InnerProbe<L, T>(PhantomData<fn() -> (L, T)>);

impl<L, T> fmt::Debug for InnerProbe<L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InnerProbe")
    }
}

impl<T> ValueProbe<Option<T>> {
    /// It is an `Option`.
    #[must_use]
    pub fn outer_layer(self) -> InnerProbe<InOption, T> {
        InnerProbe(PhantomData)
    }
}

/// The compiler comes here when it is no `Option`.
pub trait OuterProbe {
    /// What it is.
    type Inner;

    /// It is no `Option`.
    fn outer_layer(self) -> InnerProbe<Bare, Self::Inner>;
}

impl<V> OuterProbe for ValueProbe<V> {
    type Inner = V;

    fn outer_layer(self) -> InnerProbe<Bare, V> {
        InnerProbe(PhantomData)
    }
}

impl<L, T: ?Sized> InnerProbe<L, Arc<T>> {
    /// It is an `Arc`.
    #[must_use]
    pub fn layers(self) -> Within<L, Arc<T>, InArc> {
        Within(PhantomData)
    }
}

/// The compiler comes here when it is no `Arc`.
pub trait LayersProbe {
    /// What was found.
    type Layers;

    /// It is no `Arc`.
    fn layers(self) -> Self::Layers;
}

impl<L, T> LayersProbe for InnerProbe<L, T> {
    type Layers = Within<L, T, Bare>;

    fn layers(self) -> Self::Layers {
        Within(PhantomData)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use parking_lot::Mutex;

    use super::super::outcome::{PlainProbe, Probe};
    use super::*;
    use crate::telemetry;

    /// What is written to the log.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<String>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().push_str(&String::from_utf8_lossy(bytes));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Tags as many as its value says, and an empty one for zero.
    fn tagging() -> Tagging<u32> {
        let layers = Probe::<u32>::new().outcome().value().outer_layer().layers();
        Tagging::fixed(Ok(Tags::new([Tag::of("fixed")]))).of_value(layers, |count, tags| {
            assert!(*count < 100);
            let names = (0..*count).map(|tag| tag.to_string()).chain((*count == 0).then(String::new));
            tags_of(&names.collect::<Vec<_>>(), tags, |names| names)
        })
    }

    #[test]
    fn tags_of_a_value_that_cannot_be_told_are_logged_once_for_each_reason() {
        assert_eq!(tagging().of(&31).unwrap().as_slice().len(), 32);
        let log = Log::default();
        let own = log.clone();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || own.clone()).finish();
        tracing::subscriber::with_default(lines, || {
            for count in [0, 100, 0, 101] {
                telemetry::not_tagged(&tagging().of(&count).expect_err("an empty tag, or a panic"));
            }
        });
        let log = log.0.lock();
        let told = |word: &str| log.lines().filter(|line| line.contains(word)).count();
        assert_eq!((told("not stored"), told("empty"), told("panicked")), (2, 1, 1), "{log}");
    }
}
