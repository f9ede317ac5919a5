//! What the shop serves: the rows as the cached side stores them, and the kinds of query that fetch them.
//!
//! Owns: the types; each answer carries the version of the data it was built from.
//! Never: holds stock. Stock changes with every sale and is read in the sale's own transaction.

use serde::{Deserialize, Serialize};

/// A counter that every change raises; a scope's version is that of its last change, 0 before the first.
pub(crate) type Version = i64;

/// An answer that says how new the data is from which it was built.
pub(crate) trait Versioned {
    /// Version of the data, read in the same transaction as the data.
    fn version(&self) -> Version;
}

/// A user's profile with the wallet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) version: Version,
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: String,
    pub(crate) vip: u8,
    pub(crate) wallet_cents: i64,
    pub(crate) spent_cents: i64,
}

impl Versioned for User {
    fn version(&self) -> Version {
        self.version
    }
}

/// A list of rows of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rows<T> {
    pub(crate) version: Version,
    pub(crate) rows: Vec<T>,
}

impl<T> Versioned for Rows<T> {
    fn version(&self) -> Version {
        self.version
    }
}

/// A product as pages show it: everything but the stock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) id: u32,
    pub(crate) category: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) vendor: String,
    pub(crate) price_cents: i64,
    pub(crate) rating_tenths: u8,
}

/// A discount of one category for one VIP tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Discount {
    pub(crate) category: String,
    pub(crate) vip: u8,
    pub(crate) percent: u8,
    pub(crate) code: String,
}

/// One line of a user's order list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) product: u32,
    pub(crate) category: String,
    pub(crate) amount_cents: i64,
}

/// One line of a user's transaction history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Transaction {
    pub(crate) id: i64,
    pub(crate) amount_cents: i64,
    pub(crate) note: String,
}

/// A name with an amount of money: a VIP tier and its threshold, a line of the leaderboard, the sales of a category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) cents: i64,
}

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Done; the scopes it touched have this version now.
    Done(Version),
    /// Refused by the shop's rules (sold out, too little money, no such product); nothing changed.
    Refused,
}

/// The kinds of query, as the report counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    GetUser,
    GetAllProducts,
    GetProductsByCategory,
    GetDistinctMainCategories,
    GetDistinctSubCategories,
    GetApplicableDiscounts,
    GetOrdersForUser,
    GetVipTiers,
    GetRoles,
    GetPaymentMethods,
    GetLeaderboard,
    SearchProducts,
    GetTransactions,
    GetSalesByCategory,
    UpdateWalletBalance,
    PurchaseProduct,
    WriteProduct,
    ChangeDiscount,
}

/// How many kinds there are.
pub(crate) const KINDS: usize = 18;

impl Kind {
    /// All kinds with their names, in the order of the report; the place in this list is the kind's number.
    pub(crate) const ALL: [(Self, &'static str); KINDS] = [
        (Self::GetUser, "get_user"),
        (Self::GetAllProducts, "get_all_products"),
        (Self::GetProductsByCategory, "get_products_by_category"),
        (Self::GetDistinctMainCategories, "get_distinct_main_categories"),
        (Self::GetDistinctSubCategories, "get_distinct_sub_categories"),
        (Self::GetApplicableDiscounts, "get_applicable_discounts"),
        (Self::GetOrdersForUser, "get_orders_for_user"),
        (Self::GetVipTiers, "get_vip_tiers"),
        (Self::GetRoles, "get_roles"),
        (Self::GetPaymentMethods, "get_payment_methods"),
        (Self::GetLeaderboard, "get_leaderboard"),
        (Self::SearchProducts, "search_products"),
        (Self::GetTransactions, "get_transactions"),
        (Self::GetSalesByCategory, "get_sales_by_category"),
        (Self::UpdateWalletBalance, "update_wallet_balance"),
        (Self::PurchaseProduct, "purchase_product"),
        (Self::WriteProduct, "create/update/delete_product"),
        (Self::ChangeDiscount, "change_discount"),
    ];

    /// Whether it changes nothing.
    pub(crate) fn is_read(self) -> bool {
        (self as usize) < Self::UpdateWalletBalance as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_kind_is_its_place_in_the_list() {
        for (place, (kind, name)) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "{name}");
        }
        assert_eq!(Kind::ALL.iter().filter(|(kind, _)| kind.is_read()).count(), 14);
    }
}
