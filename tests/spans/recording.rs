//! A subscriber that writes down every span of this crate, and whether it is entered as it should be.
//!
//! Owns: what became of each span. Never: changes what is recorded; several threads may not be watched at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// One span, as far as it has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) target: String,
    pub(crate) level: String,
    pub(crate) name: String,
    pub(crate) fields: BTreeMap<String, String>,
    /// The name of the span that it is a child of.
    pub(crate) parent: Option<String>,
    /// That which it follows from.
    pub(crate) follows: Option<String>,
    pub(crate) entered: u32,
    /// How often it is entered now: less often than that it was left.
    pub(crate) inside: i32,
    pub(crate) is_closed: bool,
    /// The messages of events in it.
    pub(crate) events: Vec<String>,
}

impl Seen {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// All spans since the start, those of hosts included, in the order in which they began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording(Arc<Mutex<Vec<(u64, Seen)>>>);

impl Recording {
    /// Records what this thread does from now on, until the guard is dropped.
    pub(crate) fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let recording = Self::default();
        let guard = tracing::subscriber::set_default(Registry::default().with(recording.clone()));
        (recording, guard)
    }

    /// Those of this crate under `name`.
    pub(crate) fn of(&self, name: &str) -> Vec<Seen> {
        self.all().into_iter().filter(|seen| seen.name == name).collect()
    }

    /// The one under `name`.
    pub(crate) fn one(&self, name: &str) -> Seen {
        let found = self.of(name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found.into_iter().next().expect("one was counted")
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.0.lock().expect("nobody panics with it").iter().map(|(_, seen)| seen.clone()).collect()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().expect("nobody panics with it").clear();
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Seen)) {
        let mut all = self.0.lock().expect("nobody panics with it");
        if let Some((_, seen)) = all.iter_mut().rev().find(|(known, _)| *known == id.into_u64()) {
            change(seen);
        }
    }
}

struct Fields<'f>(&'f mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S> Layer<S> for Recording
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        let mut seen = Seen {
            target: metadata.target().to_owned(),
            level: metadata.level().to_string(),
            name: metadata.name().to_owned(),
            parent: context.span(id).and_then(|span| Some(span.parent()?.name().to_owned())),
            ..Seen::default()
        };
        attributes.record(&mut Fields(&mut seen.fields));
        self.0.lock().expect("nobody panics with it").push((id.into_u64(), seen));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.change(id, |seen| values.record(&mut Fields(&mut seen.fields)));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let name = context.span(follows).map(|span| span.name().to_owned());
        self.change(id, |seen| seen.follows = name);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        if let Some(span) = context.event_span(event) {
            let message = fields.remove("message").unwrap_or_default();
            self.change(&span.id(), |seen| seen.events.push(message));
        }
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        self.change(id, |seen| (seen.entered, seen.inside) = (seen.entered + 1, seen.inside + 1));
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        self.change(id, |seen| seen.inside -= 1);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.change(&id, |seen| seen.is_closed = true);
    }
}
