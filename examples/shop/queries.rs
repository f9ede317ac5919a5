//! The queries of the shop, each a method of [`Database`] that counts as one.
//!
//! Owns: the SQL of everything that is read.
//! Never: reads stock for display; only a purchase looks at it (see `mutations.rs`).

use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::Trouble;
use crate::database::Database;
use crate::model::{Discount, Kind, Named, Order, Product, Rows, Transaction, User, Version};

type Answer<T> = Result<T, Trouble>;

impl Database {
    /// A user's profile.
    pub(crate) async fn get_user(&self, id: u32) -> Answer<User> {
        self.read(Kind::GetUser, move |db| {
            let sql = "SELECT version, id, name, email, role, vip, wallet_cents, spent_cents FROM users WHERE id = ?";
            db.prepare_cached(sql)?.query_row([id], user)
        })
        .await
    }

    /// The full catalog.
    pub(crate) async fn get_all_products(&self) -> Answer<Rows<Product>> {
        self.read(Kind::GetAllProducts, |db| {
            rows(db, products_version(db)?, "SELECT * FROM products ORDER BY id", [], product)
        })
        .await
    }

    /// The products of one sub-category.
    pub(crate) async fn get_products_by_category(&self, category: &str) -> Answer<Rows<Product>> {
        let category = category.to_owned();
        self.read(Kind::GetProductsByCategory, move |db| {
            let sql = "SELECT * FROM products WHERE category = ? ORDER BY id";
            rows(db, products_version(db)?, sql, [category], product)
        })
        .await
    }

    /// The main categories that hold any product.
    pub(crate) async fn get_distinct_main_categories(&self) -> Answer<Rows<String>> {
        self.read(Kind::GetDistinctMainCategories, |db| {
            let sql = "SELECT DISTINCT main FROM categories WHERE products > 0 ORDER BY main";
            rows(db, products_version(db)?, sql, [], |row| row.get(0))
        })
        .await
    }

    /// The sub-categories of a main category that hold any product.
    pub(crate) async fn get_distinct_sub_categories(&self, main: &str) -> Answer<Rows<String>> {
        let main = main.to_owned();
        self.read(Kind::GetDistinctSubCategories, move |db| {
            let sql = "SELECT DISTINCT sub FROM categories WHERE main = ? AND products > 0 ORDER BY sub";
            rows(db, products_version(db)?, sql, [main], |row| row.get(0))
        })
        .await
    }

    /// All sub-categories with their main categories in one query, to warm the cache with.
    pub(crate) async fn get_all_sub_categories(&self) -> Answer<Rows<(String, String)>> {
        self.read(Kind::GetDistinctSubCategories, |db| {
            let sql = "SELECT DISTINCT main, sub FROM categories WHERE products > 0 ORDER BY main, sub";
            rows(db, products_version(db)?, sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .await
    }

    /// The discounts of a category for a VIP tier: its own and those of the tiers below it.
    pub(crate) async fn get_applicable_discounts(&self, category: &str, vip: u8) -> Answer<Rows<Discount>> {
        let category = category.to_owned();
        self.read(Kind::GetApplicableDiscounts, move |db| {
            let sql = "SELECT * FROM discounts WHERE category = ? AND vip <= ? ORDER BY percent DESC";
            rows(db, version_of(db, &discounts_scope(&category))?, sql, (category, vip), discount)
        })
        .await
    }

    /// All discounts in one query, to warm the cache with: each with the version of its category.
    pub(crate) async fn get_all_discounts(&self) -> Answer<Vec<(Version, Discount)>> {
        self.read(Kind::GetApplicableDiscounts, |db| {
            let mut statement = db.prepare_cached("SELECT * FROM discounts ORDER BY percent DESC")?;
            let found = statement.query_map([], discount)?.collect::<Result<Vec<_>, _>>()?;
            found.into_iter().map(|row| Ok((version_of(db, &discounts_scope(&row.category))?, row))).collect()
        })
        .await
    }

    /// A user's latest orders.
    pub(crate) async fn get_orders_for_user(&self, id: u32) -> Answer<Rows<Order>> {
        self.read(Kind::GetOrdersForUser, move |db| {
            let sql = "SELECT id, product, category, amount_cents FROM orders WHERE user = ? ORDER BY id DESC LIMIT 20";
            rows(db, orders_version(db, id)?, sql, [id], |row| {
                Ok(Order { id: row.get(0)?, product: row.get(1)?, category: row.get(2)?, amount_cents: row.get(3)? })
            })
        })
        .await
    }

    /// A user's latest transactions.
    pub(crate) async fn get_transactions(&self, id: u32) -> Answer<Rows<Transaction>> {
        self.read(Kind::GetTransactions, move |db| {
            let sql =
                "SELECT id, amount_cents, note FROM transactions WHERE user = ? ORDER BY id DESC LIMIT 20";
            rows(db, orders_version(db, id)?, sql, [id], |row| {
                Ok(Transaction { id: row.get(0)?, amount_cents: row.get(1)?, note: row.get(2)? })
            })
        })
        .await
    }

    /// VIP tiers with the spending from which each begins.
    pub(crate) async fn get_vip_tiers(&self) -> Answer<Rows<Named>> {
        self.list(Kind::GetVipTiers, "SELECT name, spent_from_cents FROM vip_tiers ORDER BY id").await
    }

    /// Role definitions.
    pub(crate) async fn get_roles(&self) -> Answer<Rows<Named>> {
        self.list(Kind::GetRoles, "SELECT name, rank FROM roles ORDER BY rank").await
    }

    /// Payment methods with their fees.
    pub(crate) async fn get_payment_methods(&self) -> Answer<Rows<Named>> {
        self.list(Kind::GetPaymentMethods, "SELECT name, fee_cents FROM payment_methods ORDER BY name").await
    }

    /// The ten users who spent most.
    pub(crate) async fn get_leaderboard(&self) -> Answer<Rows<Named>> {
        let sql = "SELECT name, spent_cents FROM users ORDER BY spent_cents DESC LIMIT 10";
        self.list(Kind::GetLeaderboard, sql).await
    }

    /// Sales by category, over all orders.
    pub(crate) async fn get_sales_by_category(&self) -> Answer<Rows<Named>> {
        let sql = "SELECT category, sum(amount_cents) FROM orders GROUP BY category ORDER BY 2 DESC";
        self.list(Kind::GetSalesByCategory, sql).await
    }

    /// Products whose name begins with `word`, at most `max_cents` each, cheapest first.
    pub(crate) async fn search_products(&self, word: &str, max_cents: i64) -> Answer<Rows<Product>> {
        let word = word.to_owned();
        self.read(Kind::SearchProducts, move |db| {
            // From the word with a space behind it up to the word with what follows the space in Unicode: an index range.
            let sql = "SELECT * FROM products WHERE name >= ? || ' ' AND name < ? || '!' AND price_cents <= ?
                       ORDER BY price_cents LIMIT 20";
            rows(db, products_version(db)?, sql, (&word, &word, max_cents), product)
        })
        .await
    }

    async fn list(&self, kind: Kind, sql: &'static str) -> Answer<Rows<Named>> {
        self.read(kind, move |db| {
            rows(db, 0, sql, [], |row| Ok(Named { name: row.get(0)?, cents: row.get(1)? }))
        })
        .await
    }
}

/// Scope of the discounts of a category in the table of versions.
pub(crate) fn discounts_scope(category: &str) -> String {
    format!("discounts/{category}")
}

/// Version of all that product pages show.
pub(crate) const PRODUCTS_SCOPE: &str = "products";

fn products_version(db: &Connection) -> rusqlite::Result<Version> {
    version_of(db, PRODUCTS_SCOPE)
}

fn version_of(db: &Connection, scope: &str) -> rusqlite::Result<Version> {
    let sql = "SELECT version FROM versions WHERE scope = ?";
    Ok(db.prepare_cached(sql)?.query_row([scope], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn orders_version(db: &Connection, user: u32) -> rusqlite::Result<Version> {
    db.prepare_cached("SELECT orders_version FROM users WHERE id = ?")?.query_row([user], |row| row.get(0))
}

fn rows<T>(
    db: &Connection,
    version: Version,
    sql: &str,
    parameters: impl Params,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Rows<T>> {
    let rows = db.prepare_cached(sql)?.query_map(parameters, row)?.collect::<Result<_, _>>()?;
    Ok(Rows { version, rows })
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        version: row.get(0)?,
        id: row.get(1)?,
        name: row.get(2)?,
        email: row.get(3)?,
        role: row.get(4)?,
        vip: row.get(5)?,
        wallet_cents: row.get(6)?,
        spent_cents: row.get(7)?,
    })
}

fn product(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product {
        id: row.get(0)?,
        category: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        vendor: row.get(4)?,
        price_cents: row.get(5)?,
        rating_tenths: row.get(6)?,
    })
}

fn discount(row: &Row<'_>) -> rusqlite::Result<Discount> {
    Ok(Discount { category: row.get(0)?, vip: row.get(1)?, percent: row.get(2)?, code: row.get(3)? })
}
