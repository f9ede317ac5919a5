//! Errors as people read them.
//!
//! Owns: examples of sentences, and of the host's own error inside. Never: makes a cache.

use super::*;

#[test]
fn errors_are_one_sentence_that_says_what_to_do() {
    let error = Error::TooLarge { key: Shown::new("products::all"), bytes: 2_000_000, limit: 1_048_576 };
    assert_eq!(
        error.to_string(),
        "\"products::all\" was not stored: the entry weighs 2000000 bytes and max_entry_size is 1048576; \
         raise max_entry_size, or split the value"
    );
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(
        Error::Timeout { after: Duration::from_secs(2) }.to_string(),
        "no answer within the deadline of 2s; a change or a load that has begun goes on without this call"
    );
}

#[test]
fn the_error_of_a_loader_is_found_however_deep_it_lies() {
    let failed = |source| Error::LoadFailed { key: Shown::new("user::1"), source };
    let mut error = failed(Arc::new(fmt::Error));
    for _ in 0..3 {
        assert_eq!(error.loader_error::<fmt::Error>(), Some(&fmt::Error), "{error}");
        assert!(error.loader_error::<std::io::Error>().is_none());
        error = failed(Arc::new(error));
    }
    assert!(error.loader_error::<Error>().is_some_and(|inner| inner.kind() == ErrorKind::LoadFailed));
    let wrapped = failed(Arc::new(std::io::Error::other(fmt::Error)));
    assert!(wrapped.loader_error::<std::io::Error>().is_some());
    assert!(Error::Closed.loader_error::<Error>().is_none(), "it is no error of a loader");
}
