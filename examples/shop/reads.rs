//! The shop as the workload sees it: the same questions, answered by the database or through the cache.
//!
//! Owns: the choice between the two, also for changes, and the word for where an answer came from.
//! Never: holds the cached queries themselves; those worth copying stand in `cached.rs`.

use std::future::Future;
use std::time::Duration;

use apex_cache::{Hit, Source};

use crate::Trouble;
use crate::cached::CachedShop;
use crate::database::Database;
use crate::model::{Discount, Named, Order, Product, Rows, Transaction, User, Written};
use crate::plan::Mutation;

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Asked for this caller, by the caller or by a load that it started.
    Database,
    /// Held in memory.
    Memory,
    /// A load that another caller had started.
    Joined,
}

/// An answer, where it came from and how long it had been cached.
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
    pub(crate) age: Duration,
}

impl<T: Clone> From<Hit<T>> for Answer<T> {
    fn from(hit: Hit<T>) -> Self {
        let origin = match hit.source() {
            Source::Memory => Origin::Memory,
            Source::Joined => Origin::Joined,
            _ => Origin::Database,
        };
        Self { origin, age: hit.age(), value: hit.into_value() }
    }
}

/// The ways to run the shop.
pub(crate) enum Shop {
    /// Every question goes to the database.
    Direct(Database),
    /// Questions go through the cache.
    Cached(CachedShop),
    /// Questions go through the cache and changes past it, to show that the check for stale answers notices.
    Sabotaged(CachedShop),
}

type Asked<T> = Result<Answer<T>, Trouble>;

async fn fresh<T>(query: impl Future<Output = Result<T, Trouble>>) -> Asked<T> {
    Ok(Answer { value: query.await?, origin: Origin::Database, age: Duration::ZERO })
}

async fn held<T: Clone>(query: impl Future<Output = Result<Hit<T>, Trouble>>) -> Asked<T> {
    query.await.map(Answer::from)
}

/// Writes a method that asks the one or the other.
macro_rules! ask {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        impl Shop {
            $(pub(crate) async fn $name(&self, $($argument: $kind),*) -> Asked<$answer> {
                match self {
                    Self::Direct(database) => fresh(database.$name($($argument),*)).await,
                    Self::Cached(shop) | Self::Sabotaged(shop) => held(shop.$name($($argument),*)).await,
                }
            })*
        }
    };
}

/// Makes a change by the methods of the one or the other, which have the same names.
macro_rules! change {
    ($shop:expr, $user:ident, $mutation:ident) => {
        match $mutation {
            Mutation::Wallet { add_cents } => $shop.update_wallet_balance($user, add_cents).await,
            Mutation::Purchase { product } => $shop.purchase_product($user, product).await,
            Mutation::Product(write) => $shop.write_product(write).await,
            Mutation::Discount { category, vip, percent } => {
                $shop.change_discount(category, vip, percent).await
            }
        }
    };
}

ask! {
    get_user(id: u32) -> User;
    get_all_products() -> Rows<Product>;
    get_products_by_category(category: &'static str) -> Rows<Product>;
    get_distinct_main_categories() -> Rows<String>;
    get_distinct_sub_categories(main: &'static str) -> Rows<String>;
    get_applicable_discounts(category: &'static str, vip: u8) -> Rows<Discount>;
    get_orders_for_user(id: u32) -> Rows<Order>;
    get_transactions(id: u32) -> Rows<Transaction>;
    get_vip_tiers() -> Rows<Named>;
    get_roles() -> Rows<Named>;
    get_payment_methods() -> Rows<Named>;
    get_leaderboard() -> Rows<Named>;
    get_sales_by_category() -> Rows<Named>;
    search_products(word: &'static str, max_cents: i64) -> Rows<Product>;
}

impl Shop {
    /// A user begins a session.
    pub(crate) async fn user_active(&self, id: u32) -> Result<(), Trouble> {
        match self {
            Self::Direct(_) => Ok(()),
            Self::Cached(shop) | Self::Sabotaged(shop) => shop.user_active(id).await,
        }
    }

    /// Changes the database and, with a cache, returns when the invalidation was answered.
    pub(crate) async fn mutate(&self, user: u32, mutation: Mutation) -> Result<Written, Trouble> {
        match self {
            Self::Direct(database) => change!(database, user, mutation),
            Self::Cached(shop) => change!(shop, user, mutation),
            Self::Sabotaged(shop) => change!(shop.database, user, mutation),
        }
    }
}
