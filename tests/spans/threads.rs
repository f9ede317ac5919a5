//! Where spans are made, entered and closed: a subscriber is the host's code, and has no business within an actor's turn.
//!
//! Owns: the one subscriber of the process; the other tests have each their own for their thread.

use std::collections::BTreeSet;
use std::sync::Mutex;

use apex_cache::message::{Break, Breaks, Remove, WarmScope};
use apex_cache::{Cache, Key, Scope};
use tracing::span::{Attributes, Id};
use tracing::{Instrument, Subscriber, info_span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::source::{self, Source};
use crate::{name, ok, sources};

/// Span, thread, and what was done there.
static TOUCHED: Mutex<BTreeSet<(String, String, &str)>> = Mutex::new(BTreeSet::new());

struct Touches;

fn touch<S>(id: &Id, context: &Context<'_, S>, act: &'static str)
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let (span, thread) = (context.span(id).expect("it is there"), std::thread::current());
    let touched = (span.name().to_owned(), thread.name().unwrap_or_default().to_owned(), act);
    TOUCHED.lock().expect("nobody panics with it").insert(touched);
}

impl<S> Layer<S> for Touches
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        touch(id, &context, "made");
    }
    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        touch(id, &context, "entered");
    }
    fn on_close(&self, id: Id, context: Context<'_, S>) {
        touch(&id, &context, "closed");
    }
}

#[test]
fn no_span_but_that_of_a_restart_is_touched_on_the_thread_of_the_actors() {
    tracing::subscriber::set_global_default(Registry::default().with(Touches)).expect("the only one");
    source::threads(async || {
        let cache = Cache::builder().warm(sources().0).start().await.unwrap();
        let source = Source::new();
        let gate = source.hold(&name(1));
        let asking: Vec<_> = (0..3)
            .map(|_| {
                let (cache, source) = (cache.clone(), source.clone());
                let ask = async move { source.get(&cache, &name(1)).await.unwrap() };
                source::go(async move { drop(ask.instrument(info_span!("request")).await) })
            })
            .collect();
        gate.begun().await;
        // All have joined: what they sent came before this.
        cache.written().await.unwrap();
        gate.open();
        for call in asking {
            source::join(call).await;
        }
        let keys = (10..13).map(|number| Key::parse(&name(number)).unwrap());
        let many = async |missing: Vec<Key>| {
            Ok::<_, std::io::Error>(missing.into_iter().map(|key| (key, 7_u64)).collect::<Vec<_>>())
        };
        cache.get_or_load_many(keys, many).into_future().instrument(info_span!("request")).await;
        let request = info_span!("request");
        async {
            cache.supervisor().send(Remove::new(Key::parse(&name(10)).unwrap())).await.unwrap();
            cache.invalidate(Scope::Tier("user".into())).await.unwrap();
            cache.invalidate(Scope::All).send().unwrap();
            drop(cache.invalidate(Scope::All).into_future());
            cache.warm(WarmScope::All).await.unwrap();
            cache.supervisor().send(Break::new(Breaks::Turn("user".into()))).await.unwrap();
            cache.get_or_load(name(20), ok).await.unwrap();
        }
        .instrument(request)
        .await;
        cache.shutdown().await.unwrap();
    });
    let touched = TOUCHED.lock().expect("nobody panics with it").clone();
    for name in ["request", "cache.load", "cache.invalidate", "cache.warm"] {
        for act in ["made", "entered", "closed"] {
            assert!(touched.iter().any(|one| one.0 == name && one.2 == act), "{name} was never {act}");
        }
    }
    let inside: Vec<_> = touched.iter().filter(|one| one.1 == "apex-cache").collect();
    assert!(inside.iter().all(|one| one.0 == "cache.restart"), "{inside:?}");
    assert!(touched.iter().any(|one| one.0 == "cache.restart"));
}
