//! The page of the admin, in a real browser, as the people who use it do.
//!
//! Owns: what a person can see and do there. Never: looks inside; where there is no browser it says that it was skipped.

#[path = "admin_page/access.rs"]
mod access;
#[path = "admin_page/browser.rs"]
mod browser;
#[path = "admin_page/changes.rs"]
mod changes;
#[path = "admin_page/figures.rs"]
mod figures;
#[path = "admin_page/keyboard.rs"]
mod keyboard;
#[path = "admin_page/pictures.rs"]
mod pictures;
#[path = "admin_page/shop.rs"]
mod shop;
