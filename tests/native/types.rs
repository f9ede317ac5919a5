//! Reads as another type than the one that is there, each way, and types without a size.

use std::io;
use std::sync::Arc;

use apex_cache::message::{Get, GetOrLoad, Set, SetMany};
use apex_cache::{Error, ErrorKind, Key, Reserved, Source as From, Value};

use super::{Counts, KEY, Thing};
use crate::common::{cache, paused};
use crate::source::stats_of;

fn key() -> Key {
    Key::parse(KEY).unwrap()
}

fn words<T>(read: Result<T, Error>) -> String {
    let error = read.err().expect("it is of another type");
    assert_eq!(error.kind(), ErrorKind::WrongType);
    error.to_string()
}

#[test]
fn a_read_as_another_type_says_which_of_the_two_is_native() {
    paused(async || {
        let (cache, counts) = (cache().await, Arc::default());
        cache.set_native(KEY, Thing::<1>::new(7, &counts)).await.unwrap();
        let other = words(cache.get_native::<Thing<2>>(KEY).await);
        assert!(
            other.contains("holds a native value of another type than") && other.contains("Thing<2>"),
            "{other}"
        );
        let encoded = words(cache.get::<String>(KEY).await);
        assert!(encoded.contains("holds a native value, not an encoded alloc::string::String"), "{encoded}");
        words(cache.get_with(KEY, |text: &String| text.len()));
        words(cache.get_many::<String>([KEY]).await.remove(0));
        assert_eq!(stats_of(&cache, "user").await.wrong_type, 4);
        cache.set(KEY, "text").await.unwrap();
        let native = words(cache.get_native::<String>(KEY).await);
        assert!(native.contains("holds an encoded value, not a native alloc::string::String"), "{native}");
        assert_eq!(cache.get::<String>(KEY).await.unwrap().as_deref().map(String::as_str), Some("text"));
        assert!(cache.get_native::<String>("user::2").await.unwrap().is_none());
    });
}

#[test]
fn the_same_type_native_and_encoded_are_two() {
    paused(async || {
        let cache = cache().await;
        cache.set_native(KEY, Arc::new(String::from("native"))).await.unwrap();
        words(cache.get::<String>(KEY).await);
        words(cache.get_native::<Arc<String>>(KEY).await);
        words(cache.get_native::<str>(KEY).await);
        // For a call with a loader it counts as absent, each way.
        let text = || async { Ok::<_, io::Error>(String::from("encoded")) };
        assert_eq!(*cache.get_or_load(KEY, text).await.unwrap(), "encoded");
        let native = || async { Ok::<_, io::Error>(Arc::new(String::from("native"))) };
        let hit = cache.get_or_load_native(KEY, native).await.unwrap();
        assert_eq!((hit.as_str(), hit.source(), hit.is_stored()), ("native", From::Loaded, true));
        let Reserved::Vacant(_) = cache.get_or_reserve::<String>(KEY).await.unwrap() else {
            panic!("it is of another type");
        };
    });
}

#[test]
fn what_has_no_size_is_kept_too() {
    trait Greets: Send + Sync {
        fn greet(&self) -> String;
    }
    impl Greets for u8 {
        fn greet(&self) -> String {
            format!("hello {self}")
        }
    }
    paused(async || {
        let cache = cache().await;
        let text: Arc<str> = Arc::from("a text");
        cache.set_native("config::text", Arc::clone(&text)).await.unwrap();
        assert!(Arc::ptr_eq(&cache.get_native::<str>("config::text").await.unwrap().unwrap(), &text));
        let greets: Arc<dyn Greets> = Arc::new(7_u8);
        cache.set_native("config::greets", greets).await.unwrap();
        let greets = cache.get_native::<dyn Greets>("config::greets").await.unwrap().unwrap();
        assert_eq!(greets.greet(), "hello 7");
    });
}

#[test]
fn typed_messages_carry_native_values_and_never_their_bytes() {
    paused(async || {
        let (cache, counts) = (cache().await, Arc::<Counts>::default());
        let (supervisor, thing) = (cache.supervisor(), Thing::<0>::new(7, &counts));
        let value = Value::native(Arc::clone(&thing));
        assert!(format!("{value:?}").starts_with("Value(0 bytes"), "it shows nothing of it");
        assert!(supervisor.send(Set::new(key(), value.clone())).await.unwrap().kept);
        let given = supervisor.send(Get::new(key())).await.unwrap().unwrap();
        assert!(given.value.is_native() && given.value == value && given.value != Value::native(Arc::new(7)));
        assert!(Arc::ptr_eq(given.value.as_native::<Thing>().unwrap(), &thing));
        assert!(given.value.as_native::<u8>().is_none());
        assert_eq!(given.value.bytes().unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(given.value.decode::<u64>(KEY).unwrap_err().kind(), ErrorKind::WrongType);
        assert_eq!((given.value.len(), given.value.plain_len(), given.value.is_packed()), (0, 0, false));
        let many = vec![Set::new(key(), value), Set::of("user::2", &5).unwrap()];
        assert!(supervisor.send(SetMany::new(many)).await.unwrap().into_iter().all(|stored| stored.is_ok()));
        let of_two = Thing::<0>::new(9, &counts);
        let load = {
            let of_two = Arc::clone(&of_two);
            || async { Ok::<_, io::Error>(Value::native(of_two)) }
        };
        let loaded =
            supervisor.send(GetOrLoad::of_value(Key::parse("user::3").unwrap(), load)).await.unwrap();
        assert!(
            loaded.stored && loaded.value.as_native::<Thing>().is_some_and(|same| Arc::ptr_eq(same, &of_two))
        );
        assert_eq!(cache.get_native::<Thing>("user::3").await.unwrap().unwrap().number, 9);
    });
}
