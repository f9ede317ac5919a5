//! Decoded copies by place: where a typed read looks, so that it need not go by way of the entry.
//!
//! Owns: for some types, which copy stands in front of which place of a table. Never: knows which entry stands there; the
//! table empties a place here before it shows another entry there.
//!
//! A copy is put in front by a reader, who holds the writer's lock and has looked whether the place shows the entry that it is
//! a copy of. Order that bites without that lock:
//!   1 a reader has a copy of the old value   2 the writer empties the place and shows the new value there   3 the reader puts
//!   the old copy in front of it
//!
//! Room is made in parts, when the first copy comes to stand there: nobody waits for the whole, and few copies cost little.

use std::any::{Any, TypeId};
use std::sync::{Arc, OnceLock};

use super::copied::AsWritten;
use super::slot::{LoadedOf, SlotOf, nothing};

/// Types whose copies a table has in front; those of others are found by way of their entries.
const TYPES: usize = 4;
/// Places of a part.
pub(super) const PART: usize = 256;

/// The copies in front of some places.
type Part<T> = Box<[SlotOf<Arc<AsWritten<T>>>]>;

/// The copies of one type.
pub(super) struct Front<T> {
    /// Places of a part; fewer than [`PART`] where the whole table has fewer.
    part: usize,
    parts: Vec<OnceLock<Part<T>>>,
}

impl<T> Front<T> {
    fn for_places(places: usize) -> Self {
        let part = places.clamp(1, PART);
        Self { part, parts: (0..places.div_ceil(part)).map(|_| OnceLock::new()).collect() }
    }

    /// What stands in front of `place`.
    #[inline]
    pub(super) fn at(&self, place: usize) -> LoadedOf<Arc<AsWritten<T>>> {
        match self.parts[place / self.part].get() {
            Some(part) => part[place % self.part].load(),
            None => nothing(),
        }
    }

    pub(super) fn put(&self, place: usize, copy: Arc<AsWritten<T>>) {
        let part =
            self.parts[place / self.part].get_or_init(|| (0..self.part).map(|_| SlotOf::empty()).collect());
        // Whatever stood there is kept alive by its entry until the turn that takes it is over.
        drop(part[place % self.part].swap(Some(copy)));
    }
}

/// What a table asks of copies of a type that it does not know.
trait AnyFront: Any + Send + Sync {
    /// Lets nothing stand in front of `place`.
    fn clear(&self, place: usize);
    /// Where the copy lies that stands in front of `place`.
    fn address(&self, place: usize) -> Option<*const ()>;
    /// Ends the parts from `left` on, which is where one begins; see the end of a table.
    fn end_from(&mut self, left: usize, is_empty: &mut dyn FnMut(usize) -> bool);
}

impl<T: Send + Sync + 'static> AnyFront for Front<T> {
    fn clear(&self, place: usize) {
        if let Some(part) = self.parts[place / self.part].get()
            && part[place % self.part].load().is_some()
        {
            drop(part[place % self.part].swap(None));
        }
    }

    fn address(&self, place: usize) -> Option<*const ()> {
        self.at(place).as_ref().map(|copy| Arc::as_ptr(copy).cast())
    }

    fn end_from(&mut self, left: usize, is_empty: &mut dyn FnMut(usize) -> bool) {
        let first = left / self.part;
        for (number, mut part) in (first..).zip(self.parts.drain(first..)) {
            for (at, slot) in part.take().into_iter().flatten().enumerate() {
                if is_empty(number * self.part + at) {
                    std::mem::forget(slot);
                }
            }
        }
    }
}

/// The copies in front of one table, by type.
#[derive(Default)]
pub(super) struct Fronts([OnceLock<(TypeId, Box<dyn AnyFront>)>; TYPES]);

impl Fronts {
    /// Those of type `T`, if there are any.
    #[inline]
    pub(super) fn of<T: Send + Sync + 'static>(&self) -> Option<&Front<T>> {
        for front in &self.0 {
            let (of, front) = front.get()?;
            if *of == TypeId::of::<T>() {
                return (&**front as &dyn Any).downcast_ref();
            }
        }
        None
    }

    /// Those of type `T`, made if there is room for one more type.
    pub(super) fn of_or_new<T: Send + Sync + 'static>(&self, places: usize) -> Option<&Front<T>> {
        let new = || (TypeId::of::<T>(), Box::new(Front::<T>::for_places(places)) as Box<dyn AnyFront>);
        let (_, front) =
            self.0.iter().map(|front| front.get_or_init(new)).find(|(of, _)| *of == TypeId::of::<T>())?;
        (&**front as &dyn Any).downcast_ref()
    }

    /// Lets nothing stand in front of `place`.
    pub(super) fn clear(&self, place: usize) {
        self.0.iter().map_while(OnceLock::get).for_each(|(_, front)| front.clear(place));
    }

    /// Compares what stands in front of `place` with the copy of the entry that it shows.
    ///
    /// # Panics
    /// When it is another one.
    pub(super) fn check(&self, place: usize, of_entry: Option<*const ()>) {
        for (_, front) in self.0.iter().map_while(OnceLock::get) {
            let stands = front.address(place);
            assert!(
                stands.is_none() || stands == of_entry,
                "a copy of another entry stands in front of {place}"
            );
        }
    }

    /// Ends what stands in front of the places from `left` on, a multiple of [`PART`]; where `is_empty`, nothing does.
    pub(super) fn end_from(&mut self, left: usize, mut is_empty: impl FnMut(usize) -> bool) {
        for front in &mut self.0 {
            if let Some((_, front)) = front.get_mut() {
                front.end_from(left, &mut is_empty);
            }
        }
    }
}

impl std::fmt::Debug for Fronts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fronts").finish_non_exhaustive()
    }
}
