//! Names that the host has for itself: of arguments, of functions next to a cached one, of types that hide
//! those of `std`.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use apex_cache::testing::paused;
use apex_cache::{Cache, cache_invalidate, cached};

static RUNS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone)]
struct Jobs {
    c: Cache,
}

impl Jobs {
    #[cached(key_prefix = "jobs", cache = self.c)]
    async fn list(&self, cache: bool) -> u32 {
        1 + u32::from(cache)
    }

    #[cached(key = "jobs::{value}::{key}::{result}", cache = self.c)]
    async fn found(&self, value: u8, key: u8, result: u8) -> u8 {
        value + key + result
    }

    #[cached("jobs::alone::{this}::{__this}", cache = self.c, companions = false)]
    async fn alone(&self, this: u8, __this: u8) -> u8 {
        let _ = &self.c;
        this + __this
    }
}

/// Everything that the attributes call something like that themselves.
#[cached("query::all::{value}::{key}::{result}::{text}::{source}::{policy}::{tags}", tags = ["value:{value}"], skip(krate, outcome, kind, this))]
#[expect(clippy::too_many_arguments)]
async fn ordinary(
    cache: &Cache,
    value: u8,
    key: &str,
    result: u8,
    text: String,
    source: Option<&str>,
    policy: u8,
    tags: u8,
    krate: u8,
    outcome: u8,
    kind: u8,
    this: u8,
) -> u8 {
    value + result + policy + tags + krate + outcome + kind + this + text.len() as u8 + key.len() as u8
}

#[cached(
    key = "query::{__key}::{__value}::{__text}::{__source}",
    skip(__cache, __outcome, __kind, __tags, __kept, __borrowed, __arg0),
    cache = __host,
    none = "1m",
    tags = |value| [value.to_string()],
)]
#[expect(clippy::too_many_arguments)]
async fn prefixed(
    (__key, __value): (u8, u8),
    __host: &Cache,
    __text: u8,
    __source: u8,
    __cache: Option<&str>,
    __outcome: u8,
    __kind: u8,
    __tags: u8,
    __kept: &str,
    __borrowed: u8,
    __arg0: u8,
) -> Option<u8> {
    Some(__key + __value + __text + __source)
}

#[cache_invalidate(
    "query::{__text}::{__result}", on = ok, fence, cache = __source, after = ["query::{ret}::{__taken}"],
    report = |_| RUNS.store(u32::from(ret), Relaxed),
)]
async fn change(__text: u8, __result: u8, __invalidation: u8, __taken: u8, __source: &Cache, ret: u8) -> u8 {
    __text + __result + __invalidation + __taken
}

#[cache_invalidate("query::{ret}::{value}", tags = ["value:{ret}"])]
async fn change_of(cache: &Cache, ret: u8, value: u8) -> Result<u8, ()> {
    Ok(ret + value)
}

/// Functions of the names that companions have, in a module, a function and a type.
mod neighbours {
    use super::{Cache, cached};

    #[cached("query::api::{id}")]
    pub(super) async fn api(cache: &Cache, id: u32) -> Result<u32, String> {
        Ok(id)
    }

    pub(super) fn api_key(secret: &str) -> String {
        format!("{secret}!")
    }

    pub(super) const fn api_prime() -> u32 {
        7
    }

    pub(super) static RUNS: u32 = 1;

    pub(super) fn api_uncached() -> u32 {
        RUNS
    }

    /// An argument of that name.
    #[cached("query::argument::{argument_uncached}")]
    pub(super) async fn argument(cache: &Cache, (argument_uncached,): (u32,)) -> u32 {
        argument_uncached
    }

    // Not compiled, so that the companion is there.
    #[cfg(not(test))]
    pub(super) fn other_key() {}

    #[cached("query::other::{id}")]
    pub(super) async fn other(cache: &Cache, id: u32) -> u32 {
        id
    }

    pub(super) mod deeper {
        pub(in super::super) fn other_uncached() {}
    }
}

impl Jobs {
    #[cached("jobs::api::{id}", cache = self.c)]
    async fn api(&self, id: u32) -> u32 {
        id
    }

    #[cached("jobs::field::{id}", cache = self.cache(), skip(cache, c))]
    async fn field(&self, id: u32, cache: bool, c: bool) -> u32 {
        id + u32::from(cache) + u32::from(c)
    }

    #[cached("jobs::chosen::{id}", cache = self.c, companions(key))]
    async fn chosen(&self, id: u32) -> u32 {
        id
    }
}

impl Jobs {
    fn api_key() -> u32 {
        1
    }

    fn cache(&self) -> &Cache {
        &self.c
    }

    fn api_uncached(more: u32) -> u32 {
        more
    }

    fn chosen_prime() {}
}

/// Functions that a macro of the host writes, with what stands next to them.
mod written {
    use super::{Cache, cached};

    macro_rules! queries {
        ($($name:ident: $key:literal),*) => {$(
            #[cached($key, ttl = "1m", skip(value))]
            pub(super) async fn $name(cache: &Cache, id: u32, value: u32) -> Result<u32, String> {
                Ok(id + value)
            }
        )*};
    }
    macro_rules! with_neighbour {
        ($ty:ty) => {
            #[cached("query::fixed::{id}")]
            pub(super) async fn fixed(cache: &Cache, id: $ty) -> $ty {
                id
            }
            pub(super) fn fixed_key() -> $ty {
                3
            }
        };
    }
    macro_rules! typed {
        ($($name:ident($arg:ident: $ty:ty) -> $returned:ty;)*) => {$(
            #[cached(key_prefix = "query")]
            pub(super) async fn $name(cache: &Cache, $arg: $ty) -> $returned {
                Ok($arg.map(str::len))
            }
        )*};
    }
    typed! { typed(text: Option<&str>) -> Result<Option<usize>, std::io::Error>; }
    queries!(first: "query::first::{id}", second: "query::second::{id}");
    with_neighbour!(u32);
}

/// What the prelude has, under the same names, and modules of the names of crates.
mod shadows {
    use ::apex_cache::{Cache as Store, cache_invalidate, cached};

    #[allow(dead_code)]
    mod hidden {
        pub(super) struct Ok;
        pub(super) struct Err;
        pub(super) struct Some;
        pub(super) struct None;
        pub(super) struct Result;
        pub(super) struct Vec;
        pub(super) struct Default;
        pub(super) struct Cache;
        pub(super) struct Tags;
        pub(super) mod core {}
        pub(super) mod std {}
        pub(super) mod apex_cache {}
    }
    #[allow(unused_imports)]
    use hidden::*;

    #[cached("query::shadow::{id}", ttl = "1m", stale = "1m", tags = ["a:{id}", |value| [value.to_string()]], cache = store)]
    pub(super) async fn shadow(store: &Store, id: u32) -> u32 {
        id
    }

    #[cached("query::shadow::{id}", run = "caller", companions = false)]
    pub(super) async fn alone(cache: &Store, id: u32) -> u32 {
        id
    }

    #[cache_invalidate("query::shadow::{id}", after = ["query::shadow::{ret}"], on = ok, fence, report = |_| ())]
    pub(super) async fn change(cache: &Store, id: u32) -> u32 {
        id
    }
}

#[test]
fn an_argument_called_cache_that_is_none_is_an_argument_like_others() {
    paused(|| async {
        let jobs = Jobs { c: Cache::for_tests().await };
        for _ in 0..2 {
            assert_eq!((jobs.list(true).await, jobs.list(false).await), (2, 1));
        }
        assert_eq!(Jobs::list_key(true).unwrap().as_str(), "jobs::true::list");
        assert_eq!((jobs.c.loads("jobs::true::list"), jobs.c.loads("jobs::false::list")), (1, 1));
    });
}

#[test]
fn arguments_may_have_the_names_that_the_attributes_use() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        let jobs = Jobs { c: cache.clone() };
        for _ in 0..2 {
            assert_eq!((jobs.found(1, 2, 3).await, jobs.alone(4, 5).await), (6, 9));
            let found = ordinary(&cache, 1, "k", 2, "t".into(), Some("s"), 3, 4, 5, 6, 7, 8).await;
            assert_eq!(found, 38);
            let found = prefixed((1, 2), &cache, 3, 4, None, 5, 6, 7, "", 8, 9).await;
            assert_eq!(found, Some(10));
        }
        assert_eq!(cache.loads("query::1::2::3::4"), 1);
        jobs.found_prime(1, 2, 3, &9).await.unwrap();
        assert_eq!(jobs.found(1, 2, 3).await, 9);
        assert_eq!(jobs.found_uncached(1, 2, 3).await, 6);
        let key = ordinary_key(1, "k", 2, "t".into(), Some("s"), 3, 4).unwrap();
        assert!(cache.contains(key).unwrap());
        ordinary_prime(&cache, 1, "k", 2, "t".into(), Some("s"), 3, 4, &5).await.unwrap();
        prefixed_prime((1, 2), &cache, 3, 4, &5).await.unwrap();
        assert_eq!(prefixed((1, 2), &cache, 3, 4, None, 5, 6, 7, "", 8, 9).await, Some(5));

        for key in ["query::1::2", "query::7::3", "query::7::4"] {
            cache.set(key, &1).await.unwrap();
        }
        assert_eq!(change(1, 2, 1, 3, &cache, 100).await, 7);
        assert_eq!(RUNS.load(Relaxed), 100);
        let held = ["query::1::2", "query::7::3", "query::7::4"].map(|key| cache.contains(key).unwrap());
        assert_eq!(held, [false, false, true]);
        cache.set("query::5::6", &1).await.unwrap();
        assert_eq!(change_of(&cache, 5, 6).await, Ok(11));
        assert!(!cache.contains("query::5::6").unwrap());
    });
}

#[test]
fn a_function_of_the_name_of_a_companion_stands_in_its_place() {
    #[cached("query::local::{id}")]
    async fn local(cache: &Cache, id: u32) -> u32 {
        id
    }
    fn local_key() -> u32 {
        3
    }
    fn local_uncached() -> u32 {
        4
    }
    paused(|| async {
        let cache = Cache::for_tests().await;
        let jobs = Jobs { c: cache.clone() };
        for _ in 0..2 {
            assert_eq!(neighbours::api(&cache, 1).await, Ok(1));
            assert_eq!((local(&cache, 2).await, jobs.api(3).await, jobs.chosen(4).await), (2, 3, 4));
            assert_eq!(neighbours::argument(&cache, (5,)).await, 5);
        }
        for key in
            ["query::api::1", "query::local::2", "jobs::api::3", "jobs::chosen::4", "query::argument::5"]
        {
            assert_eq!(cache.loads(key), 1, "{key}");
        }
        assert_eq!((neighbours::api_key("x"), neighbours::api_prime()), ("x!".to_owned(), 7));
        assert_eq!((neighbours::api_uncached(), local_key(), local_uncached()), (1, 3, 4));
        assert_eq!((Jobs::api_key(), Jobs::api_uncached(2)), (1, 2));
        Jobs::chosen_prime();
        // What has the name of a field or a method only is no argument that priming needs.
        jobs.field_prime(1, &2).await.unwrap();
        assert_eq!(jobs.field(1, false, false).await, 2);
        neighbours::deeper::other_uncached();
        // Where only one name is taken, the others are there.
        local_prime(&cache, 2, &9).await.unwrap();
        jobs.api_prime(3, &8).await.unwrap();
        assert_eq!((local(&cache, 2).await, jobs.api(3).await), (9, 8));
        assert_eq!(Jobs::chosen_key(4).unwrap().as_str(), "jobs::chosen::4");
        assert_eq!(neighbours::other_key(1).unwrap().as_str(), "query::other::1");
        assert_eq!(neighbours::other_uncached(&cache, 1).await, 1);
        assert_eq!(neighbours::argument_key((5,)).unwrap().as_str(), "query::argument::5");
    });
}

#[test]
fn functions_that_a_macro_writes_are_cached_like_others() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for _ in 0..2 {
            assert_eq!(
                (written::first(&cache, 1, 1).await, written::second(&cache, 1, 2).await),
                (Ok(2), Ok(3))
            );
            assert_eq!(written::fixed(&cache, 1).await, 1);
        }
        assert_eq!((cache.loads(written::first_key(1).unwrap()), written::fixed_key()), (1, 3));
        written::typed_prime(&cache, Some("a"), &7).await.unwrap();
        assert_eq!(written::typed(&cache, Some("a")).await.unwrap(), Some(7));
        assert_eq!(written::typed(&cache, Some("ab")).await.unwrap(), Some(2));
        written::fixed_prime(&cache, 1, &4).await.unwrap();
        assert_eq!(written::fixed(&cache, 1).await, 4);
    });
}

#[test]
fn names_of_the_prelude_and_of_crates_may_be_hidden() {
    paused(|| async {
        let cache = Cache::for_tests().await;
        for _ in 0..2 {
            assert_eq!((shadows::shadow(&cache, 1).await, shadows::alone(&cache, 2).await), (1, 2));
        }
        assert_eq!((cache.loads("query::shadow::1"), cache.loads("query::shadow::2")), (1, 1));
        shadows::shadow_prime(&cache, 2, &5).await.unwrap();
        assert_eq!(shadows::alone(&cache, 2).await, 5);
        assert_eq!(shadows::change(&cache, 1).await, 1);
        assert!(!cache.contains(shadows::shadow_key(1).unwrap()).unwrap());
    });
}
