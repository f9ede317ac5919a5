//! What changes the shop, each a method of [`Database`] that is one write transaction and counts as one query.
//!
//! Owns: the SQL of everything that is written; every changed scope gets the version of the transaction.
//! Never: invalidates. That is for whoever caches (see `cached.rs`), after the transaction is committed.

use rusqlite::{Connection, OptionalExtension};

use crate::Trouble;
use crate::database::Database;
use crate::model::{Kind, Version, Written};
use crate::queries::{PRODUCTS_SCOPE, discounts_scope};

/// A change of the range of products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProductWrite {
    /// A new product in the category.
    Create { category: &'static str, price_cents: i64 },
    /// Another price.
    Update { id: u32, price_cents: i64 },
    /// It is no longer sold.
    Delete { id: u32 },
}

impl Database {
    /// Puts money into a wallet.
    pub(crate) async fn update_wallet_balance(&self, user: u32, add_cents: i64) -> Result<Written, Trouble> {
        self.write(Kind::UpdateWalletBalance, move |db, version| {
            let sql = "UPDATE users SET wallet_cents = wallet_cents + ?, version = ? WHERE id = ?";
            let changed = db.prepare_cached(sql)?.execute((add_cents, version, user))?;
            Ok(done_if(changed, version))
        })
        .await
    }

    /// Sells one piece: looks at price, stock and wallet as they are now, never as they were cached.
    pub(crate) async fn purchase_product(&self, user: u32, product: u32) -> Result<Written, Trouble> {
        self.write(Kind::PurchaseProduct, move |db, version| {
            let sql = "SELECT price_cents, category, pieces FROM products JOIN stock ON product = id WHERE id = ?";
            let found: Option<(i64, String, i64)> = db
                .prepare_cached(sql)?
                .query_row([product], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((price, category, pieces)) = found else { return Ok(Written::Refused) };
            if pieces == 0 {
                return Ok(Written::Refused);
            }
            let paid = db
                .prepare_cached(
                    "UPDATE users SET wallet_cents = wallet_cents - ?1, spent_cents = spent_cents + ?1, version = ?2,
                       orders_version = ?2 WHERE id = ?3 AND wallet_cents >= ?1",
                )?
                .execute((price, version, user))?;
            if paid == 0 {
                return Ok(Written::Refused);
            }
            db.prepare_cached("UPDATE stock SET pieces = pieces - 1 WHERE product = ?")?.execute([product])?;
            db.prepare_cached("INSERT INTO orders(user, product, category, amount_cents) VALUES(?, ?, ?, ?)")?
                .execute((user, product, category, price))?;
            db.prepare_cached("INSERT INTO transactions(user, amount_cents, note) VALUES(?, ?, ?)")?
                .execute((user, -price, format!("order {}", db.last_insert_rowid())))?;
            Ok(Written::Done(version))
        })
        .await
    }

    /// Creates, changes or deletes a product.
    pub(crate) async fn write_product(&self, write: ProductWrite) -> Result<Written, Trouble> {
        self.write(Kind::WriteProduct, move |db, version| {
            let changed = match write {
                ProductWrite::Create { category, price_cents } => create(db, category, price_cents)?,
                ProductWrite::Update { id, price_cents } => {
                    let sql = "UPDATE products SET price_cents = ? WHERE id = ?";
                    db.prepare_cached(sql)?.execute((price_cents, id))?
                }
                ProductWrite::Delete { id } => delete(db, id)?,
            };
            if changed > 0 {
                raise(db, PRODUCTS_SCOPE, version)?;
            }
            Ok(done_if(changed, version))
        })
        .await
    }

    /// Gives a category another discount for one VIP tier.
    pub(crate) async fn change_discount(
        &self,
        category: &str,
        vip: u8,
        percent: u8,
    ) -> Result<Written, Trouble> {
        let category = category.to_owned();
        self.write(Kind::ChangeDiscount, move |db, version| {
            let sql = "UPDATE discounts SET percent = ? WHERE category = ? AND vip = ?";
            let changed = db.prepare_cached(sql)?.execute((percent, &category, vip))?;
            raise(db, &discounts_scope(&category), version)?;
            Ok(done_if(changed, version))
        })
        .await
    }
}

fn create(db: &Connection, category: &str, price_cents: i64) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO products(category, name, description, vendor, price_cents, rating_tenths)
               VALUES(?, 'Nova Edition new', 'New in our range.', 'Tessera', ?, 40)";
    db.prepare_cached(sql)?.execute((category, price_cents))?;
    db.prepare_cached("INSERT INTO stock VALUES(?, 100)")?.execute([db.last_insert_rowid()])?;
    db.prepare_cached("UPDATE categories SET products = products + 1 WHERE sub = ?")?.execute([category])
}

fn delete(db: &Connection, id: u32) -> rusqlite::Result<usize> {
    let sql = "UPDATE categories SET products = products - 1 WHERE sub = (SELECT category FROM products WHERE id = ?)";
    db.prepare_cached(sql)?.execute([id])?;
    db.prepare_cached("DELETE FROM stock WHERE product = ?")?.execute([id])?;
    db.prepare_cached("DELETE FROM products WHERE id = ?")?.execute([id])
}

fn raise(db: &Connection, scope: &str, version: Version) -> rusqlite::Result<usize> {
    db.prepare_cached("INSERT OR REPLACE INTO versions VALUES(?, ?)")?.execute((scope, version))
}

fn done_if(changed: usize, version: Version) -> Written {
    if changed > 0 { Written::Done(version) } else { Written::Refused }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Options, Span};
    use crate::schema::Master;

    fn shop() -> (Master, Database) {
        let master = Master::open(&Options { users: 20, products: 200, ..Options::default() }).unwrap();
        let database = Database::open(&master.copy("test").unwrap(), Span { min: 0, max: 0 }, 1).unwrap();
        (master, database)
    }

    #[tokio::test]
    async fn a_purchase_moves_money_and_orders_and_raises_their_versions_alone() {
        let (_master, shop) = shop();
        let (before, orders) = (shop.get_user(3).await.unwrap(), shop.get_orders_for_user(3).await.unwrap());
        assert_eq!(shop.purchase_product(3, 7).await.unwrap(), Written::Done(1));
        let (after, more) = (shop.get_user(3).await.unwrap(), shop.get_orders_for_user(3).await.unwrap());
        let paid = before.wallet_cents - after.wallet_cents;
        assert!(paid > 0 && after.spent_cents == before.spent_cents + paid);
        assert_eq!((more.rows.len(), more.rows[0].product), (orders.rows.len() + 1, 7));
        assert_eq!((after.version, more.version, shop.get_transactions(3).await.unwrap().version), (1, 1, 1));
        assert_eq!(
            (shop.get_user(4).await.unwrap().version, shop.get_all_products().await.unwrap().version),
            (0, 0)
        );
    }

    #[tokio::test]
    async fn a_refused_purchase_changes_nothing() {
        let (_master, shop) = shop();
        assert_eq!(shop.purchase_product(3, 9_999).await.unwrap(), Written::Refused);
        while shop.purchase_product(3, 7).await.unwrap() != Written::Refused {}
        let before = shop.get_user(3).await.unwrap();
        assert_eq!(shop.purchase_product(3, 7).await.unwrap(), Written::Refused);
        assert_eq!(shop.get_user(3).await.unwrap(), before);
    }

    #[tokio::test]
    async fn product_writes_show_in_pages_and_raise_the_version_of_all_products() {
        let (_master, shop) = shop();
        let create = ProductWrite::Create { category: "yarn", price_cents: 500 };
        assert_eq!(shop.write_product(create).await.unwrap(), Written::Done(1));
        let page = shop.get_products_by_category("yarn").await.unwrap();
        let new = page.rows.last().unwrap();
        assert_eq!((page.version, new.price_cents), (1, 500));
        let id = new.id;
        shop.write_product(ProductWrite::Update { id, price_cents: 600 }).await.unwrap();
        assert_eq!(shop.get_all_products().await.unwrap().rows.last().unwrap().price_cents, 600);
        shop.write_product(ProductWrite::Delete { id }).await.unwrap();
        assert_eq!(shop.get_products_by_category("yarn").await.unwrap().rows.len(), page.rows.len() - 1);
        assert_eq!(shop.write_product(ProductWrite::Delete { id }).await.unwrap(), Written::Refused);
        assert_eq!(shop.get_distinct_main_categories().await.unwrap().version, 3);
    }

    #[tokio::test]
    async fn a_discount_has_the_version_of_its_category() {
        let (_master, shop) = shop();
        shop.change_discount("yarn", 2, 29).await.unwrap();
        let gold = shop.get_applicable_discounts("yarn", 3).await.unwrap();
        assert_eq!((gold.version, gold.rows.len(), gold.rows[0].percent), (1, 4, 29));
        assert_eq!(shop.get_applicable_discounts("wood", 3).await.unwrap().version, 0);
        let all = shop.get_all_discounts().await.unwrap();
        assert!(all.iter().all(|(version, row)| *version == i64::from(row.category == "yarn")));
    }
}
