//! The admin over HTTP, over real sockets, as browsers, scripts and attackers meet it.
//!
//! Owns: what each route answers and what is refused. Never: looks inside.

#[path = "admin_http/access.rs"]
mod access;
#[path = "admin_http/changes.rs"]
mod changes;
#[path = "admin_http/client.rs"]
mod client;
#[path = "admin_http/dashboard.rs"]
mod dashboard;
#[path = "admin_http/events.rs"]
mod events;
#[path = "admin_http/exposition.rs"]
mod exposition;
#[path = "admin_http/hostile.rs"]
mod hostile;
#[path = "admin_http/hostile_bodies.rs"]
mod hostile_bodies;
#[path = "admin_http/hostile_table.rs"]
mod hostile_table;
#[path = "admin_http/hostile_wire.rs"]
mod hostile_wire;
#[path = "admin_http/log.rs"]
mod log;
#[path = "admin_http/looks.rs"]
mod looks;
#[path = "admin_http/metrics.rs"]
mod metrics;
#[path = "admin_http/openapi.rs"]
mod openapi;
#[path = "admin_http/promtool.rs"]
mod promtool;
#[path = "admin_http/section.rs"]
mod section;
#[path = "admin_http/tower.rs"]
mod tower;
