//! The functions of a shop, as the attributes are meant to be used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use apex_cache::testing::{advance, paused};
use apex_cache::{Cache, cache_invalidate, cached};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    balance: i64,
}

#[derive(Debug)]
#[allow(dead_code)] // shown by the assertion that fails
struct DbError(&'static str);

/// The source, which counts what it is asked.
#[derive(Debug, Default)]
struct Rows {
    users: BTreeMap<u64, User>,
    products: BTreeMap<String, Vec<String>>,
    orders: BTreeMap<u64, Vec<String>>,
    queries: BTreeMap<&'static str, u32>,
}

#[derive(Debug, Clone)]
struct Database {
    cache: Cache,
    rows: Arc<Mutex<Rows>>,
}

impl Database {
    fn new(cache: Cache) -> Self {
        let mut rows = Rows::default();
        for id in [42, 421] {
            rows.users.insert(id, User { id, balance: 100 });
            rows.orders.insert(id, vec![format!("{id}-1")]);
        }
        rows.products.insert("gaming".into(), vec!["mouse".into()]);
        rows.products.insert("software".into(), vec!["editor".into()]);
        Self { cache, rows: Arc::new(Mutex::new(rows)) }
    }

    fn cache(&self) -> &Cache {
        &self.cache
    }

    fn ask<R>(&self, query: &'static str, look: impl FnOnce(&mut Rows) -> R) -> R {
        let mut rows = self.rows.lock();
        *rows.queries.entry(query).or_default() += 1;
        look(&mut rows)
    }

    fn asked(&self, query: &str) -> u32 {
        self.rows.lock().queries.get(query).copied().unwrap_or_default()
    }

    #[cached(ttl = 3600, key_prefix = "user")]
    async fn get_user_profile(&self, user_id: u64) -> Result<User, DbError> {
        self.ask("profile", |rows| rows.users.get(&user_id).cloned()).ok_or(DbError("no such user"))
    }

    #[cached(key = "user::{user_id}", ttl = "1h")]
    async fn get_user(&self, user_id: u64) -> Result<Option<User>, DbError> {
        Ok(self.ask("user", |rows| rows.users.get(&user_id).cloned()))
    }

    #[cached(key_prefix = "products", ttl = "12h")]
    async fn get_all_products(&self) -> Result<Vec<String>, DbError> {
        Ok(self.ask("products", |rows| rows.products.values().flatten().cloned().collect()))
    }

    #[cached(key = "categories::main", ttl = "12h")]
    async fn get_distinct_main_categories(&self) -> Result<Arc<Vec<String>>, DbError> {
        Ok(Arc::new(self.ask("main", |rows| rows.products.keys().cloned().collect())))
    }

    #[cached(key = "categories::{main}::sub", ttl = "12h")]
    async fn get_distinct_sub_categories(&self, main: &str) -> Result<Vec<String>, DbError> {
        Ok(self.ask("sub", |_| vec![format!("{main}/all")]))
    }

    #[cached(key = "products::{category}", ttl = "12h")]
    async fn get_products_by_category(&self, category: &str) -> Result<Vec<String>, DbError> {
        Ok(self.ask("category", |rows| rows.products.get(category).cloned().unwrap_or_default()))
    }

    #[cached(key_prefix = "products", key_params(product, role), ttl = "12h")]
    async fn get_applicable_discounts(&self, product: u32, role: Option<&str>) -> Result<Vec<u8>, DbError> {
        Ok(self.ask("discounts", |_| vec![product as u8, role.map_or(0, str::len) as u8]))
    }

    #[cached(key = "user_orders::{user_id}", ttl = "30m")]
    async fn get_orders_for_user(&self, user_id: u64) -> Result<Vec<String>, DbError> {
        Ok(self.ask("orders", |rows| rows.orders.get(&user_id).cloned().unwrap_or_default()))
    }

    #[cache_invalidate("user::{user_id}::*")]
    async fn update_user_balance(&self, user_id: u64, amount: i64) -> Result<(), DbError> {
        self.update_wallet(user_id, amount)
    }

    #[cache_invalidate("user::{user_id}::*")]
    async fn update_wallet_balance(&self, user_id: u64, amount: i64) -> Result<(), DbError> {
        self.update_wallet(user_id, amount)
    }

    /// Looks at what the cache has before it writes.
    #[cache_invalidate("user::{user_id}::*")]
    async fn pay_if_rich(&self, user_id: u64, amount: i64) -> Result<bool, DbError> {
        let rich = self.get_user_profile(user_id).await?.balance >= amount;
        self.update_wallet(user_id, if rich { -amount } else { 0 })?;
        Ok(rich)
    }

    #[cache_invalidate("products:*", "categories:*")]
    async fn update_product(&self, category: &str, name: &str) -> Result<(), DbError> {
        self.ask("write", |rows| rows.products.entry(category.into()).or_default().push(name.into()));
        Ok(())
    }

    #[cache_invalidate("user::{user_id}::*", "user_orders::{user_id}::*")]
    async fn purchase_product(&self, user_id: u64, product: String) -> Result<(), DbError> {
        self.ask("write", |rows| rows.orders.entry(user_id).or_default().push(product));
        self.update_wallet(user_id, -10)
    }

    fn update_wallet(&self, user_id: u64, amount: i64) -> Result<(), DbError> {
        let change = |rows: &mut Rows| {
            let user = rows.users.get_mut(&user_id).ok_or(DbError("no such user"))?;
            user.balance += amount;
            Ok(())
        };
        self.ask("write", change)
    }
}

async fn database() -> Database {
    Database::new(Cache::for_tests().await)
}

#[test]
fn a_cached_profile_is_asked_for_once_an_hour() {
    paused(|| async {
        let db = database().await;
        for _ in 0..5 {
            assert_eq!(db.get_user_profile(42).await.unwrap().balance, 100);
        }
        assert_eq!((db.asked("profile"), db.cache.loads("user::42::get_user_profile")), (1, 1));
        advance(HOUR + Duration::from_secs(1)).await;
        db.get_user_profile(42).await.unwrap();
        assert_eq!(db.asked("profile"), 2);
    });
}

#[test]
fn every_query_of_the_shop_is_asked_once_and_lives_as_long_as_it_says() {
    paused(|| async {
        let db = database().await;
        for _ in 0..3 {
            assert_eq!(db.get_user(42).await.unwrap().unwrap().id, 42);
            assert_eq!(db.get_all_products().await.unwrap(), ["mouse", "editor"]);
            assert_eq!(*db.get_distinct_main_categories().await.unwrap(), ["gaming", "software"]);
            assert_eq!(db.get_distinct_sub_categories("gaming").await.unwrap(), ["gaming/all"]);
            assert_eq!(db.get_products_by_category("gaming").await.unwrap(), ["mouse"]);
            assert_eq!(db.get_applicable_discounts(7, Some("vip")).await.unwrap(), [7, 3]);
            assert_eq!(db.get_applicable_discounts(7, None).await.unwrap(), [7, 0]);
            assert_eq!(db.get_orders_for_user(42).await.unwrap(), ["42-1"]);
        }
        for (query, times) in [
            ("user", 1),
            ("products", 1),
            ("main", 1),
            ("sub", 1),
            ("category", 1),
            ("discounts", 2),
            ("orders", 1),
        ] {
            assert_eq!(db.asked(query), times, "{query}");
        }
        advance(HOUR / 2 + Duration::from_secs(1)).await;
        db.get_orders_for_user(42).await.unwrap();
        db.get_user(42).await.unwrap();
        assert_eq!((db.asked("orders"), db.asked("user")), (2, 1), "half an hour, one hour");
        advance(HOUR).await;
        db.get_user(42).await.unwrap();
        db.get_all_products().await.unwrap();
        assert_eq!((db.asked("user"), db.asked("products")), (2, 1), "one hour, twelve hours");
        advance(11 * HOUR).await;
        db.get_all_products().await.unwrap();
        assert_eq!(db.asked("products"), 2);
    });
}

#[test]
fn a_new_balance_is_seen_at_once_and_only_that_user_is_asked_again() {
    paused(|| async {
        let db = database().await;
        for user in [42, 421] {
            db.get_user_profile(user).await.unwrap();
        }
        db.update_user_balance(42, 50).await.unwrap();
        assert_eq!(db.get_user_profile(42).await.unwrap().balance, 150);
        db.update_wallet_balance(42, 50).await.unwrap();
        assert_eq!(db.get_user_profile(42).await.unwrap().balance, 200);
        db.get_user_profile(421).await.unwrap();
        assert_eq!(db.cache.loads("user::42::get_user_profile"), 3);
        assert_eq!(db.cache.loads("user::421::get_user_profile"), 1);
    });
}

#[test]
fn what_the_function_itself_brought_into_the_cache_is_taken_out_after_it() {
    paused(|| async {
        let db = database().await;
        assert!(db.pay_if_rich(42, 60).await.unwrap());
        assert_eq!(db.get_user_profile(42).await.unwrap().balance, 40);
        assert!(!db.pay_if_rich(42, 60).await.unwrap());
    });
}

#[test]
fn a_pattern_of_the_shortest_form_takes_the_key_before_it_too() {
    paused(|| async {
        let db = database().await;
        db.get_user(42).await.unwrap();
        db.update_wallet_balance(42, 5).await.unwrap();
        assert_eq!(db.get_user(42).await.unwrap().unwrap().balance, 105);
    });
}

#[test]
fn a_product_that_changed_takes_products_and_categories_with_it() {
    paused(|| async {
        let db = database().await;
        let read = || async {
            db.get_all_products().await.unwrap();
            db.get_products_by_category("gaming").await.unwrap();
            db.get_distinct_main_categories().await.unwrap();
            db.get_distinct_sub_categories("gaming").await.unwrap();
            db.get_user(42).await.unwrap();
        };
        read().await;
        db.update_product("gaming", "pad").await.unwrap();
        read().await;
        for query in ["products", "category", "main", "sub"] {
            assert_eq!(db.asked(query), 2, "{query}");
        }
        assert_eq!(db.asked("user"), 1);
        assert_eq!(db.get_products_by_category("gaming").await.unwrap(), ["mouse", "pad"]);
    });
}

#[test]
fn a_purchase_renews_the_user_and_the_orders() {
    paused(|| async {
        let db = database().await;
        db.get_user(42).await.unwrap();
        db.get_orders_for_user(42).await.unwrap();
        db.purchase_product(42, "mouse".into()).await.unwrap();
        assert_eq!(db.get_user(42).await.unwrap().unwrap().balance, 90);
        assert_eq!(db.get_orders_for_user(42).await.unwrap(), ["42-1", "mouse"]);
    });
}

#[test]
fn an_error_after_a_change_that_failed_is_not_cached() {
    paused(|| async {
        let db = database().await;
        db.get_orders_for_user(7).await.unwrap();
        assert!(db.update_user_balance(7, 1).await.is_err());
        assert!(db.get_user_profile(7).await.is_err());
        assert!(db.get_user_profile(7).await.is_err(), "an error is not cached");
        assert_eq!(db.asked("profile"), 2);
    });
}

#[test]
fn what_nobody_has_is_asked_for_each_time() {
    paused(|| async {
        let db = database().await;
        for _ in 0..3 {
            assert_eq!(db.get_user(1).await.unwrap(), None);
        }
        assert_eq!(db.asked("user"), 3);
    });
}

#[test]
fn with_a_disabled_cache_everything_works_and_asks_each_time() {
    paused(|| async {
        let db = Database::new(Cache::disabled().await);
        for _ in 0..2 {
            db.get_user(42).await.unwrap();
        }
        db.purchase_product(42, "mouse".into()).await.unwrap();
        assert_eq!(db.get_user(42).await.unwrap().unwrap().balance, 90);
        assert_eq!(db.asked("user"), 3);
    });
}

#[test]
fn companions_prime_bypass_and_tell_the_key() {
    paused(|| async {
        let db = database().await;
        assert_eq!(Database::get_user_key(42).unwrap().as_str(), "user::42");
        let user = User { id: 42, balance: 7 };
        assert!(db.get_user_prime(42, &user).await.unwrap().kept);
        assert_eq!(db.get_user(42).await.unwrap(), Some(user.clone()));
        assert_eq!(db.cache.get::<User>("user::42").await.unwrap().unwrap().balance, 7);
        assert_eq!(db.get_user_uncached(42).await.unwrap().unwrap().balance, 100);
        assert_eq!(db.get_user(42).await.unwrap(), Some(user), "it stores nothing");
        advance(HOUR).await;
        assert_eq!(db.get_user(42).await.unwrap().unwrap().balance, 100, "primed for as long as loaded");
    });
}
