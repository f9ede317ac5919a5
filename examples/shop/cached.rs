//! The shop with the cache in front of it: copy from here.
//!
//! Owns: beside each query the key of its answer, beside each change the patterns of what it makes untrue.
//! Never: a bare get and set around a query. Between the two a change could slip in, and the old row would stay; what
//! `#[cached]` has loaded is not stored when an invalidation has overtaken it.

use apex_cache::{Cache, Hit, cache_invalidate, cached};

use crate::Trouble;
use crate::database::Database;
use crate::model::{Discount, Named, Order, Product, Rows, Transaction, User, Written};
use crate::mutations::ProductWrite;

type Result<T> = std::result::Result<T, Trouble>;

/// A handle on cache and database; clones share both.
#[derive(Clone)]
pub(crate) struct CachedShop {
    pub(crate) cache: Cache,
    pub(crate) database: Database,
}

/// Queries. The first segment of a key picks the tier, and that how long the answer lives.
impl CachedShop {
    /// Where the attributes look for the cache.
    fn cache(&self) -> &Cache {
        &self.cache
    }

    #[cached(key = "user::{id}::profile")]
    pub(crate) async fn get_user(&self, id: u32) -> Result<Hit<User>> {
        self.database.get_user(id).await
    }

    #[cached(key = "products::all::catalog")]
    pub(crate) async fn get_all_products(&self) -> Result<Hit<Rows<Product>>> {
        self.database.get_all_products().await
    }

    #[cached(key = "products::{category}")]
    pub(crate) async fn get_products_by_category(&self, category: &str) -> Result<Hit<Rows<Product>>> {
        self.database.get_products_by_category(category).await
    }

    #[cached(key = "categories::main")]
    pub(crate) async fn get_distinct_main_categories(&self) -> Result<Hit<Rows<String>>> {
        self.database.get_distinct_main_categories().await
    }

    #[cached(key = "categories::sub::{main}")]
    pub(crate) async fn get_distinct_sub_categories(&self, main: &str) -> Result<Hit<Rows<String>>> {
        self.database.get_distinct_sub_categories(main).await
    }

    #[cached(key = "discounts::{category}::{vip}")]
    pub(crate) async fn get_applicable_discounts(
        &self,
        category: &str,
        vip: u8,
    ) -> Result<Hit<Rows<Discount>>> {
        self.database.get_applicable_discounts(category, vip).await
    }

    #[cached(key = "user_orders::{id}::list")]
    pub(crate) async fn get_orders_for_user(&self, id: u32) -> Result<Hit<Rows<Order>>> {
        self.database.get_orders_for_user(id).await
    }

    /// The tag is for those who forget the user: the key alone does not tell whose it is.
    #[cached(key = "query::transactions::{id}", tags = ["user:{id}"])]
    pub(crate) async fn get_transactions(&self, id: u32) -> Result<Hit<Rows<Transaction>>> {
        self.database.get_transactions(id).await
    }

    #[cached(key = "config::vip_tiers")]
    pub(crate) async fn get_vip_tiers(&self) -> Result<Hit<Rows<Named>>> {
        self.database.get_vip_tiers().await
    }

    #[cached(key = "config::roles")]
    pub(crate) async fn get_roles(&self) -> Result<Hit<Rows<Named>>> {
        self.database.get_roles().await
    }

    #[cached(key = "config::payment_methods")]
    pub(crate) async fn get_payment_methods(&self) -> Result<Hit<Rows<Named>>> {
        self.database.get_payment_methods().await
    }

    #[cached(key = "query::get_leaderboard::top10")]
    pub(crate) async fn get_leaderboard(&self) -> Result<Hit<Rows<Named>>> {
        self.database.get_leaderboard().await
    }

    #[cached(key = "query::sales_by_category::all")]
    pub(crate) async fn get_sales_by_category(&self) -> Result<Hit<Rows<Named>>> {
        self.database.get_sales_by_category().await
    }

    #[cached(key = "query::search::{word}::{max_cents}")]
    pub(crate) async fn search_products(&self, word: &str, max_cents: i64) -> Result<Hit<Rows<Product>>> {
        self.database.search_products(word, max_cents).await
    }

    /// Tells the cache that a user is here, so that it fetches profile and orders ahead; does not wait for that.
    pub(crate) async fn user_active(&self, id: u32) -> Result<()> {
        self.cache.user_active(id.to_string()).await?;
        Ok(())
    }
}

/// Changes. The order matters: first the database, then the invalidation, and only then the answer to the caller.
impl CachedShop {
    #[cache_invalidate("user::{user}::*")]
    pub(crate) async fn update_wallet_balance(&self, user: u32, add_cents: i64) -> Result<Written> {
        self.database.update_wallet_balance(user, add_cents).await
    }

    #[cache_invalidate("user::{user}::*", "user_orders::{user}::*", "query::transactions::{user}")]
    pub(crate) async fn purchase_product(&self, user: u32, product: u32) -> Result<Written> {
        self.database.purchase_product(user, product).await
    }

    /// Takes every page and list that could show the product, and every search.
    #[cache_invalidate("products:*", "categories:*", "query::search::*")]
    pub(crate) async fn write_product(&self, write: ProductWrite) -> Result<Written> {
        self.database.write_product(write).await
    }

    /// Takes the discounts for every VIP tier, as higher tiers have those of lower ones too.
    #[cache_invalidate("discounts::{category}::*")]
    pub(crate) async fn change_discount(&self, category: &str, vip: u8, percent: u8) -> Result<Written> {
        self.database.change_discount(category, vip, percent).await
    }
}

#[cfg(test)]
mod tests {
    use apex_cache::Source;

    use super::*;
    use crate::options::{Options, Span};
    use crate::schema::Master;
    use crate::start;

    /// Asks everything; which answers were in memory. Afterwards all are.
    async fn held(shop: &CachedShop) -> Vec<&'static str> {
        let answers = [
            ("profile 3", shop.get_user(3).await.unwrap().source()),
            ("profile 13", shop.get_user(13).await.unwrap().source()),
            ("orders 3", shop.get_orders_for_user(3).await.unwrap().source()),
            ("transactions 3", shop.get_transactions(3).await.unwrap().source()),
            ("transactions 13", shop.get_transactions(13).await.unwrap().source()),
            ("catalog", shop.get_all_products().await.unwrap().source()),
            ("page", shop.get_products_by_category("yarn").await.unwrap().source()),
            ("mains", shop.get_distinct_main_categories().await.unwrap().source()),
            ("subs", shop.get_distinct_sub_categories("crafts").await.unwrap().source()),
            ("search", shop.search_products("Nova", 500).await.unwrap().source()),
            ("yarn", shop.get_applicable_discounts("yarn", 4).await.unwrap().source()),
            ("wood", shop.get_applicable_discounts("wood", 4).await.unwrap().source()),
            ("roles", shop.get_roles().await.unwrap().source()),
            ("leaders", shop.get_leaderboard().await.unwrap().source()),
        ];
        let in_memory = answers.into_iter().filter(|(_, source)| *source == Source::Memory);
        in_memory.map(|(name, _)| name).collect()
    }

    #[tokio::test]
    async fn what_is_warmed_is_held_and_a_change_takes_what_shows_it_and_leaves_the_rest() {
        let none = Span { min: 0, max: 0 };
        let small = Options { users: 20, products: 200, delay: none, ..Options::default() };
        let master = Master::open(&small).unwrap();
        let database = Database::open(&master.copy("test").unwrap(), none, 1).unwrap();
        let shop = start::start(database, &small).await.unwrap();
        assert_eq!(held(&shop).await, ["catalog", "page", "mains", "subs", "yarn", "wood", "roles"]);
        let all = held(&shop).await;
        assert_eq!(all.len(), 14);
        let without =
            |gone: &[&str]| all.iter().copied().filter(|name| !gone.contains(name)).collect::<Vec<_>>();

        shop.update_wallet_balance(3, 5).await.unwrap();
        assert_eq!(held(&shop).await, without(&["profile 3"]));
        shop.purchase_product(3, 7).await.unwrap();
        assert_eq!(held(&shop).await, without(&["profile 3", "orders 3", "transactions 3"]));
        // Who is forgotten has nothing left in any tier, also under keys that do not begin with `user`.
        let gone = shop.cache.forget_user(3).await.unwrap();
        assert_eq!((gone.matched, gone.left), (3, 0));
        assert_eq!(held(&shop).await, without(&["profile 3", "orders 3", "transactions 3"]));
        shop.write_product(ProductWrite::Update { id: 7, price_cents: 900 }).await.unwrap();
        assert_eq!(held(&shop).await, without(&["catalog", "page", "mains", "subs", "search"]));
        shop.change_discount("yarn", 2, 29).await.unwrap();
        assert_eq!(held(&shop).await, without(&["yarn"]));
    }
}
