//! An admin that the settings switch on: it comes and goes with the cache.

use std::net::TcpStream;

use apex_cache::admin::http::{AdminSettings, random_token};
use apex_cache::{Cache, ErrorKind, Settings};
use tokio::runtime::Runtime;

use crate::client::Connection;

fn settings(admin: AdminSettings) -> Settings {
    Settings::default().admin(admin.enabled(true))
}

#[test]
fn it_listens_from_the_start_of_the_cache_to_its_end() {
    let runtime = Runtime::new().unwrap();
    let token = random_token();
    let admin = AdminSettings::new().bind(([127, 0, 0, 1], 0)).token(&token);
    let cache = runtime.block_on(Cache::builder().settings(settings(admin)).start()).unwrap();
    let address = runtime.block_on(cache.info()).unwrap().admin.expect("it listens");
    let panel = runtime.block_on(cache.command("/cache-info", "ann"));
    assert!(panel.contains(&format!("Admin: http://{address}/")) && !panel.contains(&token), "{panel}");
    let ask = |path: &str, token: &str| {
        let mut connection = Connection::to(address);
        let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
        connection.write(head.as_bytes());
        connection.response().expect("an answer")
    };
    assert_eq!(ask("/api/entries", &token).status, 200);
    assert_eq!(ask("/api/entries", "wrong").status, 401);
    let closed = runtime.block_on(async {
        let stats = cache.stats();
        drop(stats);
        // The last handle goes; the admin's own does not keep the cache.
        let supervisor = cache.supervisor();
        drop(cache);
        supervisor.send(apex_cache::message::Shutdown).await
    });
    closed.unwrap();
    let gone = (0..1_000).any(|_| {
        std::thread::yield_now();
        TcpStream::connect(address).is_err()
    });
    assert!(gone, "nobody listens any more");
}

#[test]
fn a_cache_whose_admin_is_required_and_cannot_listen_does_not_start() {
    let runtime = Runtime::new().unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let admin = AdminSettings::new().bind(taken.local_addr().unwrap()).required(true);
    let error = runtime.block_on(Cache::builder().settings(settings(admin)).start()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Start);
    assert!(error.to_string().contains("choose another address"), "{error}");
    let unguarded = AdminSettings::new().bind(([0, 0, 0, 0], 0));
    let error = runtime.block_on(Cache::builder().settings(settings(unguarded)).start()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings);
    assert!(error.to_string().contains("needs a token"), "{error}");
}

#[test]
fn a_taken_port_is_logged_and_told_and_the_cache_serves() {
    let runtime = Runtime::new().unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let admin = AdminSettings::new().bind(taken.local_addr().unwrap());
    runtime.block_on(async {
        let cache = Cache::builder().settings(settings(admin)).start().await.unwrap();
        cache.set("user::1", &1_u64).await.unwrap();
        let info = cache.info().await.unwrap();
        let error = info.admin_error.expect("it does not listen");
        assert!(info.admin.is_none() && error.contains("choose another address"), "{error}");
        let panel = cache.command("/cache-info", "ann").await;
        assert!(panel.contains(&format!("Admin: {error}")), "{panel}");
        cache.shutdown().await.unwrap();
    });
}

#[test]
fn an_admin_that_is_not_switched_on_does_not_listen() {
    let runtime = Runtime::new().unwrap();
    let settings = Settings::default().admin(AdminSettings::new().bind(([127, 0, 0, 1], 0)));
    let cache = runtime.block_on(Cache::builder().settings(settings).start()).unwrap();
    assert_eq!(runtime.block_on(cache.info()).unwrap().admin, None);
}
