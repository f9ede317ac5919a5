//! The shop with the cache in front of it: copy from here.
//!
//! Owns: one method per query (key, loader) and one per change (database first, then the invalidation).
//! Never: a bare get and set around a query. Between the two a change could slip in, and the old row would stay;
//! `get_or_load` does not store what an invalidation has overtaken.

use apex_cache::{Cache, Hit, Key, Result as CacheResult, Scope};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Trouble;
use crate::database::Database;
use crate::keys;
use crate::model::{Discount, Named, Order, Product, Rows, Transaction, User, Written};
use crate::mutations::ProductWrite;

type Cached<T> = Result<Hit<T>, Trouble>;

/// A handle on cache and database; clones share both.
#[derive(Clone)]
pub(crate) struct CachedShop {
    pub(crate) cache: Cache,
    pub(crate) database: Database,
    /// Leave the invalidations out, to show that the check for stale answers notices.
    pub(crate) sabotage: bool,
}

/// Queries.
impl CachedShop {
    /// Serves the key from memory, or asks the database once for all who want it at the moment.
    async fn cached<T, F, Q>(&self, key: CacheResult<Key>, query: F) -> Cached<T>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        F: FnOnce(Database) -> Q + Send + 'static,
        Q: Future<Output = Result<T, Trouble>> + Send + 'static,
    {
        let database = self.database.clone();
        Ok(self.cache.get_or_load(key?, move || query(database)).await?)
    }

    pub(crate) async fn get_user(&self, id: u32) -> Cached<User> {
        self.cached(keys::profile(id), move |db| async move { db.get_user(id).await }).await
    }

    pub(crate) async fn get_all_products(&self) -> Cached<Rows<Product>> {
        self.cached(keys::catalog(), |db| async move { db.get_all_products().await }).await
    }

    pub(crate) async fn get_products_by_category(&self, category: &'static str) -> Cached<Rows<Product>> {
        let key = keys::category_page(category);
        self.cached(key, move |db| async move { db.get_products_by_category(category).await }).await
    }

    pub(crate) async fn get_distinct_main_categories(&self) -> Cached<Rows<String>> {
        self.cached(keys::main_categories(), |db| async move { db.get_distinct_main_categories().await })
            .await
    }

    pub(crate) async fn get_distinct_sub_categories(&self, main: &'static str) -> Cached<Rows<String>> {
        let key = keys::sub_categories(main);
        self.cached(key, move |db| async move { db.get_distinct_sub_categories(main).await }).await
    }

    pub(crate) async fn get_applicable_discounts(
        &self,
        category: &'static str,
        vip: u8,
    ) -> Cached<Rows<Discount>> {
        let key = keys::discounts(category, vip);
        self.cached(key, move |db| async move { db.get_applicable_discounts(category, vip).await }).await
    }

    pub(crate) async fn get_orders_for_user(&self, id: u32) -> Cached<Rows<Order>> {
        self.cached(keys::orders(id), move |db| async move { db.get_orders_for_user(id).await }).await
    }

    pub(crate) async fn get_transactions(&self, id: u32) -> Cached<Rows<Transaction>> {
        self.cached(keys::transactions(id), move |db| async move { db.get_transactions(id).await }).await
    }

    pub(crate) async fn get_vip_tiers(&self) -> Cached<Rows<Named>> {
        self.cached(keys::config("vip_tiers"), |db| async move { db.get_vip_tiers().await }).await
    }

    pub(crate) async fn get_roles(&self) -> Cached<Rows<Named>> {
        self.cached(keys::config("roles"), |db| async move { db.get_roles().await }).await
    }

    pub(crate) async fn get_payment_methods(&self) -> Cached<Rows<Named>> {
        self.cached(keys::config("payment_methods"), |db| async move { db.get_payment_methods().await }).await
    }

    pub(crate) async fn get_leaderboard(&self) -> Cached<Rows<Named>> {
        self.cached(keys::leaderboard(), |db| async move { db.get_leaderboard().await }).await
    }

    pub(crate) async fn get_sales_by_category(&self) -> Cached<Rows<Named>> {
        self.cached(keys::sales(), |db| async move { db.get_sales_by_category().await }).await
    }

    pub(crate) async fn search_products(&self, word: &'static str, max_cents: i64) -> Cached<Rows<Product>> {
        let key = keys::search(word, max_cents);
        self.cached(key, move |db| async move { db.search_products(word, max_cents).await }).await
    }

    /// Tells the cache that a user is here, so that it fetches profile and orders ahead; does not wait for that.
    pub(crate) async fn user_active(&self, id: u32) -> Result<(), Trouble> {
        self.cache.user_active(id.to_string()).await?;
        Ok(())
    }
}

/// Changes. The order matters: first the database, then the invalidation, and only then the answer to the caller.
impl CachedShop {
    pub(crate) async fn update_wallet_balance(&self, user: u32, add_cents: i64) -> Result<Written, Trouble> {
        let written = self.database.update_wallet_balance(user, add_cents).await?;
        self.invalidate(keys::wallet_changed(user)).await?;
        Ok(written)
    }

    pub(crate) async fn purchase_product(&self, user: u32, product: u32) -> Result<Written, Trouble> {
        let written = self.database.purchase_product(user, product).await?;
        self.invalidate(keys::purchased(user)).await?;
        Ok(written)
    }

    pub(crate) async fn write_product(&self, write: ProductWrite) -> Result<Written, Trouble> {
        let written = self.database.write_product(write).await?;
        self.invalidate(keys::product_written()).await?;
        Ok(written)
    }

    pub(crate) async fn change_discount(
        &self,
        category: &'static str,
        vip: u8,
        percent: u8,
    ) -> Result<Written, Trouble> {
        let written = self.database.change_discount(category, vip, percent).await?;
        self.invalidate(keys::discount_changed(category)).await?;
        Ok(written)
    }

    async fn invalidate(&self, scopes: CacheResult<Vec<Scope>>) -> Result<(), Trouble> {
        if self.sabotage {
            return Ok(());
        }
        for scope in scopes? {
            self.cache.invalidate(scope).await?;
        }
        Ok(())
    }
}
