//! Who may do what.

use apex_cache::admin::http::{AdminError, AdminServer, AdminSettings, random_token};

use crate::client::Host;

#[test]
fn an_address_that_others_reach_needs_a_token_that_is_hard_to_guess() {
    let host = Host::without_token();
    let start = |settings: AdminSettings| host.wait(AdminServer::start(&host.cache, &settings));
    for bind in ["0.0.0.0:0", "[::]:0", "10.1.2.3:0"] {
        let settings = AdminSettings::new().bind(bind.parse::<std::net::SocketAddr>().unwrap());
        let error = start(settings.clone()).expect_err("refused");
        assert!(matches!(error, AdminError::NoToken { .. }), "{error}");
        assert!(error.to_string().contains("APEX_CACHE_ADMIN_TOKEN"), "{error}");
        for weak in ["", "hunter2", "0123456789abcdef0123456789abcdef"] {
            let error = start(settings.clone().token(weak)).expect_err("refused");
            assert!(matches!(error, AdminError::WeakToken { .. }), "{error}");
            assert!(weak.is_empty() || !error.to_string().contains(weak), "{error}");
        }
    }
    let open = AdminSettings::new().bind(([0, 0, 0, 0], 0)).token(random_token());
    assert!(start(open).is_ok());
    assert!(
        matches!(start(AdminSettings::new().token("short")), Err(AdminError::WeakToken { .. })),
        "here too"
    );
    let taken = AdminSettings::new().bind(host.address);
    let error = start(taken).expect_err("somebody listens there");
    assert!(error.to_string().contains("port 0"), "{error}");
}

#[test]
fn without_a_token_it_shows_counts_and_changes_nothing() {
    let host = Host::without_token();
    assert_eq!(host.get_open("/api/info").expect(200).json()["access"]["token_configured"], false);
    for path in ["/api/entries", "/api/explain?key=a"] {
        assert_eq!(host.get_open(path).expect(403).kind(), "NoTokenConfigured");
    }
    let clear = format!(
        "POST /api/clear HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
        host.address
    );
    assert_eq!(host.send(clear).expect(403).kind(), "NoTokenConfigured");
    assert_eq!(host.get("/api/stats").expect(401).kind(), "TokenWrong", "an empty one is no token either");
    assert!(host.cache.contains("products::1").unwrap());
}

#[test]
fn a_wrong_token_is_refused_everywhere_and_guesses_are_slowed_down() {
    let host = Host::new();
    let guess = |path: &str| {
        let wrong = random_token();
        host.send(format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {wrong}\r\n\r\n",
            host.address
        ))
    };
    let mut late = 0;
    for path in ["/", "/health", "/metrics", "/api/stats", "/api/entries", "/nothing"].iter().cycle().take(14)
    {
        let response = guess(path);
        if response.status == 401 {
            assert_eq!(response.kind(), "TokenWrong");
        } else {
            late += 1;
            assert_eq!(response.clone().expect(429).kind(), "TooManyAttempts");
            assert!(response.header("retry-after").is_some());
        }
    }
    assert!(late >= 1, "more than ten in a moment");
    host.get("/api/entries").expect(200);
}

#[test]
fn a_host_app_mounts_it_below_a_path_of_its_own() {
    use actix_web::{App, test};
    use apex_cache::admin::http::Admin;
    actix::System::new().block_on(async {
        let cache = apex_cache::Cache::builder().start().await.unwrap();
        let token = random_token();
        let admin =
            Admin::new(&cache, &AdminSettings::new().token(&token).allow_host("shop.example.com")).unwrap();
        let own = actix_web::web::resource("/hello").to(|| async { "hello" });
        let app = test::init_service(App::new().service(own).service(admin.scope("/admin/cache"))).await;
        let ask = |path: &str| {
            test::TestRequest::get().uri(path).insert_header(("host", "shop.example.com")).to_request()
        };
        for (path, status) in [
            ("/hello", 200),
            ("/admin/cache", 308),
            ("/admin/cache/", 200),
            ("/admin/cache/api/stats", 200),
            ("/admin/cache/page/app.js", 200),
            ("/admin/cache/nothing", 404),
            ("/api/stats", 404),
            ("/admin/cachex", 404),
            ("/admin/cache/api/entries", 401),
        ] {
            let response = test::call_service(&app, ask(path)).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
            if status == 308 {
                assert_eq!(response.headers().get("location").unwrap(), "cache/");
            }
        }
        let foreign =
            test::TestRequest::get().uri("/admin/cache/").insert_header(("host", "evil.example.com"));
        assert_eq!(test::call_service(&app, foreign.to_request()).await.status().as_u16(), 403);
    });
}
