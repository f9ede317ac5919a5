//! The attributes `#[cached]` and `#[cache_invalidate]` of `apex-cache`; use them as `apex_cache::cached` and
//! `apex_cache::cache_invalidate`.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;

/// `quote!` for code that a host compiles: what it binds cannot meet names of the host.
macro_rules! code {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}

mod arguments;
mod body;
mod cached;
mod companions;
mod invalidate;
mod neighbours;
mod options;
mod signature;
mod tags;
mod template;

/// Caches what an async function or method returns.
///
/// ```
/// use apex_cache::{Cache, cache_invalidate, cached};
/// # use std::sync::Arc;
/// # #[derive(Clone)] pub struct Pool;
/// # impl Pool { async fn user(&self, id: u64) -> Result<User, DbError> { Ok(User { id }) } }
/// # pub struct DbError;
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// pub struct User {
///     id: u64,
/// }
///
/// #[derive(Clone)]
/// pub struct Users {
///     cache: Cache,
///     pool: Pool,
/// }
///
/// impl Users {
///     fn cache(&self) -> &Cache {
///         &self.cache
///     }
///
///     #[cached(key = "user::{user_id}::profile", ttl = "1h")]
///     pub async fn profile(&self, user_id: u64) -> Result<User, DbError> {
///         self.pool.user(user_id).await
///     }
///
///     #[cache_invalidate("user::{user_id}::*")]
///     pub async fn rename(&self, user_id: u64, name: &str) -> Result<(), DbError> {
///         // changes the source; when that succeeded, the profile is gone from the cache
/// #       let _ = name;
///         Ok(())
///     }
/// }
/// ```
///
/// Ten thousand calls at the same moment run the body once; it belongs to the cache and goes on when they give up. An
/// invalidation during a load keeps the old value out. The first segment of the key picks the tier.
///
/// # Options
///
/// | option | means | default |
/// | --- | --- | --- |
/// | `"user::{id}::profile"` or `key = ".."` | the key, a template | a key or `key_prefix` is needed |
/// | `key_prefix = "user"` | the key `user::{p1}::{p2}::function` | |
/// | `key_params(id, lang)` | which arguments those are | all but those in `skip` and those that say which cache |
/// | `skip(pool, _, ..)` | arguments on which the value does not depend, see [Keys](#keys) | none |
/// | `ttl = "1h"` | how long a value lives: text, a number of seconds, or a `Duration` | what the route or tier says |
/// | `stale = "5m"` | for so long after its `ttl` a value may still be served, while one load runs behind and when the body fails | what the route or tier says, otherwise never |
/// | `soft_timeout = "200ms"` | how long a call waits for a fresh value before it is served a stale one | what the route or tier says, otherwise not at all |
/// | `none = "30s"` | how long it is remembered that there is nothing | it is not |
/// | `tags = ["author:{author_id}", Page::tags]` | names by which the value can be invalidated: templates, and functions of the value | none |
/// | `cache = self.app.cache` | which cache: any expression | an argument `cache`, else `self.cache()` |
/// | `native` | the value is kept as it is, see [Native values](#native-values) | it is encoded |
/// | `size = 4_000` | bytes that a native value is charged with | what its tier's weigher says, otherwise its `size_of_val` |
/// | `error = "shared"` | an error is for all who wait, each made by `From<Arc<E>>` | shared if it is `Clone` |
/// | `share = path` | the same, each made by a function `fn(&E) -> E` | |
/// | `run = "caller"` | the body runs in the caller's task | `"cache"` |
/// | `companions(key, prime)` | which companions are written; `companions = false`: only the function itself | `key`, `prime`, `uncached` |
/// | `crate = my::cache` | the crate under another name | `::apex_cache` |
///
/// Of the times, `ttl` is more than zero. `stale = "0s"`, `soft_timeout = "0s"` and `none = "0s"` mean
/// "never", whatever the route or tier says. `none` needs a function that returns an `Option`.
///
/// # Keys
///
/// **Every argument is in the key, or in `skip(..)`.** An argument in neither is a compile error, because
/// calls that differ in it would share one entry; a tag does not tell entries apart. `{user.id}` counts for
/// `user`. Each name of a pattern counts for itself; what `_` or `..` leaves out needs `skip(_)` or
/// `skip(..)`. `self`, and the argument that says [which cache](#which-cache), need neither.
///
/// ```
/// # use apex_cache::{Cache, cached};
/// # #[derive(Clone)] pub struct App { cache: Cache }
/// # #[derive(Clone)] pub struct Pool;
/// #[cached("query::list::{project}::{page}", skip(pool), cache = app.cache)]
/// async fn list(app: &App, pool: &Pool, project: i64, page: u32) -> Vec<String> {
/// #   let _ = (app, pool, project, page);
///     vec![]
/// }
/// ```
///
/// Between braces stands an argument, with fields (`{user.id}`, `{self.tenant}`, `{pair.0}`) and a format (`{page:03}`).
/// An argument that can be shown (`Display`) is encoded as `Key::of(..).part(..)` encodes it, together with the text around
/// it in its segment: no value reaches into another segment or acts as a wildcard, and a segment of more than 64 bytes
/// becomes a hash of 128 bits. An argument that can only be serialised (`Option`, `Vec`, structs) stands there as
/// `.value(..)` writes it: readable while it is a number or a short word, otherwise as a hash. A segment holds one argument at
/// most, a template 12 of them and 256 bytes of other text.
/// Type parameters are no part of a key: give each its own where they differ.
///
/// # Which cache
///
/// A [`Cache`], a reference, an `Arc` or an `Option` of one. In order: `cache = ..`; an argument named
/// `cache`, also inside of a pattern such as `State(cache): State<Cache>`; `self.cache()`. The argument at
/// which the expression begins (`app` of `app.cache`, of `app.caches[0]` and of `cache_of(&app)`) need not be
/// in the key; others that it names do, and so does an argument named `cache` that is not the cache. One for
/// the whole program has to be installed, and asked for:
///
/// ```
/// # use apex_cache::cached;
/// #[cached(ttl = 3600, key_prefix = "user", key_params(user_id), cache = apex_cache::installed())]
/// async fn get_user_profile(user_id: u64) -> String {
///     format!("user {user_id}") // under the key user::42::get_user_profile
/// }
/// ```
///
/// # Stale values
///
/// With `stale = ".."` (or where the route or tier says so) a value past its `ttl` is served at once while the body runs
/// behind the callers' backs, and when the body fails it goes on being served, until `stale` is over; the source is asked
/// again after 10 s at first, then less and less often. What was invalidated is never served. A function that returns a
/// [`Hit<T>`] tells by `is_stale()`. Without the word nothing is ever served past its `ttl`. Not with `run = "caller"`.
///
/// With `soft_timeout = ".."` a call asks the source first, and falls back to the stale value when the body
/// fails, panics or takes longer than that; the load goes on. Where nothing stale may be served, the call
/// waits until its body ends.
///
/// # Tags
///
/// For what belongs together though its keys do not tell: `tags = ["author:{author_id}", "articles"]`, up to 32, each with
/// one argument at most. The tag is that of the same text: `Tag::new(format!("author:{author_id}"))`.
/// `#[cache_invalidate(tags = ["author:{author_id}"])]` takes all that have the tag, in all tiers, and so does
/// `cache.invalidate(Tag::new("author:7")?)`.
///
/// Tags that only the value knows are named by a function of it: a closure or a path, alone or in the list.
///
/// ```
/// # use apex_cache::{Cache, cached};
/// # #[derive(Clone, serde::Serialize, serde::Deserialize)] pub struct Article { author: u64 }
/// #[cached("articles::{page}", tags = ["articles", |found| found.iter().map(|article| format!("author:{}", article.author))])]
/// async fn articles(cache: &Cache, page: u32) -> Result<Option<Vec<Article>>, std::io::Error> {
/// #   let _ = page;
///     Ok(None)
/// }
/// ```
///
/// The function is given `&T`, without the `Result`, `Option`, `Arc` or [`Hit<T>`] that the cached function
/// returns it in, and is not called where there is no `T`. It returns anything that iterates over tags or
/// texts, which may borrow from the value. It cannot use the arguments; templates can. When it panics, names
/// an empty text, or names more than 32 tags with those of the templates, the value is returned and not
/// stored, and the log says why. A body that runs while one of the tags is invalidated stores nothing.
///
/// # What it returns
///
/// `T`, `Option<T>`, `Result<T, E>`, `Result<Option<T>, E>`. The first hit decodes the value and leaves the copy with the
/// entry; all hits share it. (Where a tier has no room for copies, or `keep_decoded = false`, each hit is decoded.)
///
/// - `T` has to be `Clone`: each hit clones it out of that copy. What a body returned is handed over without a clone
///   while nobody shares it;
/// - `Arc<T>` clones cheaply, whatever `T` holds;
/// - [`Hit<T>`] clones nothing, and tells where the value came from. The body returns the `T` itself; `Hit<T>` or
///   `Result<Hit<T>, E>`.
///
/// `T` is `Serialize + DeserializeOwned + Send + Sync + 'static`, because threads share one decoded copy.
/// Arguments are `Send` with all that they hold.
///
/// **Errors are never cached**, and `E` is any type that is `Send + 'static`. One that is `Clone` is shared by all who
/// wait. So is any other with `error = "shared"`, if it is `From<Arc<E>>`, and with `share = path`, a function that makes one
/// from it. Otherwise it goes to the caller whose body returned it, and those who wait run their own side by side, at most
/// `load_concurrency` at once, until one has a value. **`None` is not kept** without `none = ".."`. A stored `None` reads as
/// no `T` at all. (What serde writes as nothing, such as `Some(())`, comes back as `None`.)
///
/// **To warm or prime, store the `T`**, whether the function returns `T`, `Arc<T>` or `Option<T>`: that is what it stores
/// itself, so `cache.get::<T>(..)` reads it too. Of an `Option<T>` that somebody set, the function makes use all the same;
/// to `get::<T>` that is another type.
///
/// **It ends when its body does.** A deadline (`with_deadline`, or one that a middleware set) does not hurry it, for `E` has
/// no word for it. Bound it from outside: `tokio::time::timeout`, or a timeout of the web framework around the handler,
/// drops the call and answers in its place, while the load goes on for whoever asks next.
///
/// **A body that panics** panics in the caller that ran it, and those who wait run their own. **When the cache is in
/// trouble**, shut down, or cannot use the key, the body runs in the caller, in one of the `load_concurrency` places.
///
/// **A body that takes longer than `load_timeout`** goes on. If another caller of its key waits, that caller's own body
/// begins too: one for the key, and one more after each further `load_timeout`. The first that ends answers everybody, and
/// the others are dropped. No caller runs two bodies, and such a body takes a place only when no first load waits for one.
/// Past `load_timeout` a body is dropped as soon as nobody waits for it.
///
/// **Cached functions may call each other.** A call that would close a cycle of loads that wait for each other runs its body as
/// a part of the function that makes it, and stores nothing. Where one chain of calls comes to the same key again and again, it
/// panics and names the keys: without a cache it would recurse for ever. Calls in tasks that a body spawns are not seen.
///
/// # Native values
///
/// With `native` the value needs no serde: the function returns `Arc<T>`, `Option<Arc<T>>`, or a `Result` of
/// one of them, for any `T` that is `Send + Sync + 'static`, and all callers are given the same `Arc`. For
/// what cannot be written or is dear to make: compiled templates, regexes, clients, parsed configuration.
///
/// ```
/// # use std::sync::Arc;
/// # use apex_cache::{Cache, cached};
/// # pub struct Template(String);
/// #[cached("config::template::{name}", ttl = "1h", native, size = 4_000)]
/// async fn template(cache: &Cache, name: &str) -> Result<Arc<Template>, std::io::Error> {
///     Ok(Arc::new(Template(format!("Hello {name}"))))
/// }
/// ```
///
/// It is charged with `size`, otherwise with what the weigher of its tier says, otherwise with its
/// `size_of_val`, which is the least it takes. `cache.get_native::<T>(..)` reads it too, and the companion
/// `_prime` takes a `&Arc<T>`. Everything else is as for other values. Not with `run = "caller"`.
///
/// # Arguments
///
/// A load outlives its caller, so on a miss each argument is cloned: `&str` to a `String`, `&T` and `Option<&T>` to a `T`;
/// `&self` needs `Self: Clone`. Pools, `Arc`s and a [`Cache`] are cheap. What cannot be cloned goes into an `Arc`, or:
///
/// ```
/// # use apex_cache::{Cache, cached};
/// # pub struct Connection;
/// #[cached(key = "user::{id}::name", skip(connection), ttl = "1h", run = "caller")]
/// async fn name(cache: &Cache, connection: &mut Connection, id: u64) -> Result<String, std::io::Error> {
/// #   let _ = connection;
///     Ok(format!("user {id}"))
/// }
/// ```
///
/// With `run = "caller"` nothing is cloned and no argument has to be `Send`. Still one body runs for all who wait, but it
/// **dies with its caller**: when that gives up, one who waits starts from the beginning.
///
/// # Companions
///
/// Next to `profile`, as visible as it is: `profile_uncached(..)` is the body; `profile_prime(.., &user)`
/// stores a value as if it had been loaded; `profile_key(..)` is the key. The last two take the arguments
/// that the key needs. `profile_prime` takes the `T`; where an alias hides a `Result` from the attribute, use
/// `cache.set(profile_key(..)?, &user)`.
///
/// A function of your own with one of these names, in the same module, block or type, stands in the place of
/// the companion. The attribute finds it in the source file of the function; where it cannot (another file,
/// code that a macro writes), say which companions you want: `companions(key, prime)`.
///
/// ```
/// # use apex_cache::{Cache, cached};
/// # #[cached(key = "user::{id}::name", ttl = "1h")]
/// # async fn name(cache: &Cache, id: u64) -> Result<String, String> { Ok("Ann".into()) }
/// # async fn example(cache: &Cache) -> Result<(), Box<dyn std::error::Error>> {
/// let fresh = name_uncached(cache, 42).await?;
/// name_prime(cache, 42, &fresh).await?;
/// cache.remove(name_key(42)?).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Beside other attributes
///
/// Lints, `cfg` and docs go where they belong. All others wrap the body, wherever they stand: `#[instrument]` traces
/// loads and no hits. Generics, lifetimes, `impl Trait` arguments and patterns work. What does not:
///
/// - methods of traits, unless with `companions = false` (a trait takes no further methods; a body that defines types with
///   methods of their own does not work there). With `#[async_trait]`: cache a method of the type itself, and call that;
/// - functions of an `impl` block without `self`, unless with `companions = false`;
/// - functions that are not async, `const` parameters in keys, computed keys (give what is computed as an argument),
///   and types that borrow inside (`Cow<'_, str>`, `Vec<&str>`), unless with `run = "caller"`;
/// - `impl` blocks of types with lifetimes: `Self` has to live as long as the load.
///
/// [`Hit<T>`]: https://docs.rs/apex-cache/latest/apex_cache/struct.Hit.html
/// [`Cache`]: https://docs.rs/apex-cache/latest/apex_cache/struct.Cache.html
#[proc_macro_attribute]
pub fn cached(options: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand(options.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Takes out of the cache what an async function has made untrue.
///
/// ```
/// use apex_cache::{Cache, cache_invalidate};
/// # pub struct DbError;
/// #[cache_invalidate("user::{user_id}::*", "user_orders::{user_id}::*")]
/// async fn purchase(cache: &Cache, user_id: u64, product: &str) -> Result<(), DbError> {
/// #   let _ = product;
///     Ok(())
/// }
/// ```
///
/// One template or several, of keys or patterns, with arguments as in `#[cached]`: encoded alike, so that a
/// value always finds the keys that it made. An argument need not stand in any of them. `user::{id}::*` takes
/// `user::42` and all below it, `products:*` all that begins so. A wildcard that stands in a segment with
/// other text cannot look into an id that is hashed, so it takes all of those: `page::{url}*` also takes
/// `page::~*`. When the function returns, nothing older is served any more.
///
/// # When
///
/// Whenever the function ends: after success, after an error, after a panic, and when it was dropped midway. An error does not
/// say that nothing changed: it may come after the COMMIT, or be the COMMIT whose answer was lost. One invalidation too many
/// costs a miss, one too few a stale answer until the time to live is over. With `on = ok` an `Err` invalidates nothing; write
/// it where every error of the function means that the source is as it was.
///
/// # Options
///
/// | option | means | default |
/// | --- | --- | --- |
/// | `on = ok` | not after errors | `on = always` |
/// | `tags = ["author:{id}"]` | takes what has these tags, in all tiers; alone or beside templates | |
/// | `after = ["issue::{ret.id}::*"]` | templates over what the function returned, see below | |
/// | `fence` | from before the body until the invalidation nothing that matches is stored, see below | |
/// | `cache = ..`, `crate = ..` | as for `#[cached]` | |
/// | `report = path` | is called with `&Result<Invalidated, Error>` when it was done; the counts are sums over all templates | |
///
/// ```
/// # use apex_cache::{Cache, Error, cache_invalidate, message::Invalidated};
/// #[cache_invalidate("products:*", "categories:*", report = note)]
/// async fn update_product(cache: &Cache, id: u32) {}
///
/// fn note(taken: &Result<Invalidated, Error>) {
///     if let Ok(taken) = taken {
///         println!("{} entries and {} loads were out of date", taken.matched, taken.revoked_loads);
///     }
/// }
/// ```
///
/// **Around a transaction, write `fence`.** Without it a load that begins after the body wrote and before it committed may
/// read the old row and store it; the invalidation that follows takes it out again, so nobody is served it afterwards. With
/// it such a row is not stored at all: what is loaded meanwhile is served and forgotten. With `on = ok` a function that
/// fails ends the fence and leaves the cache as it is.
///
/// ```
/// # use apex_cache::{Cache, cache_invalidate};
/// # pub struct Database;
/// # impl Database { async fn transfer(&self, _: u64, _: u64, _: i64) -> Result<(), std::io::Error> { Ok(()) } }
/// #[cache_invalidate("user::{from}::*", "user::{to}::*", tags = ["transfers"], fence)]
/// async fn transfer(cache: &Cache, db: &Database, from: u64, to: u64, cents: i64) -> Result<(), std::io::Error> {
///     db.transfer(from, to, cents).await // BEGIN; UPDATE ..; UPDATE ..; COMMIT
/// }
/// ```
///
/// **What only the returned value names** stands in `after`: `ret` is what the `Ok` of a `Result` holds, or
/// the value itself.
///
/// ```
/// # use apex_cache::{Cache, cache_invalidate};
/// # pub struct Issue { id: u64 }
/// #[cache_invalidate(after = ["issue::{ret.id}::*", "project::{project}::{ret.id}"])]
/// async fn close_newest(cache: &Cache, project: u64) -> Result<Issue, std::io::Error> {
/// #   let _ = project;
///     Ok(Issue { id: 7 })
/// }
/// ```
///
/// The first segment is plain text, and all keys below it are fenced while the body runs, because nobody
/// knows yet which of them it changes. Then the fence ends, and only what the templates name is invalidated.
/// Without a value the whole first segment is: when the body panics, when its caller gives up, and after an
/// error. With `on = ok` an error invalidates nothing. Arguments may stand next to `ret`;
/// they are written before the body takes them, and need `Display`. An argument called `ret` is hidden in
/// `after`, and nowhere else.
///
/// The function returns what it returned, of whatever type. An invalidation that a tier has no place for is sent again for
/// a second; one that is never confirmed is logged as an error and told to `report`. A template that makes no scope
/// (an argument that cannot be written, or one too long) takes all below its first segment, or everything where that is no plain
/// text; without a cache nothing is taken. Both are counted in `StatsSnapshot::invalidations` and logged once.
///
/// Arguments are read before the body runs, so it may take them. Works on async functions and methods, also of traits
/// and beside `#[async_trait]` on a method that it calls.
#[proc_macro_attribute]
pub fn cache_invalidate(options: TokenStream, item: TokenStream) -> TokenStream {
    invalidate::expand(options.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
