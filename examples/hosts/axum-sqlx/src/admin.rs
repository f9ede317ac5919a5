//! The page of the cache, beside the routes of the service.
//!
//! Owns: where it lies, and whom the audit is told of. Never: lets anybody change something without the token.

use std::net::SocketAddr;

use apex_cache::Cache;
use apex_cache::admin::http::{Admin, AdminError, AdminSettings};
use axum::Router;
use axum::extract::ConnectInfo;

pub(crate) const PATH: &str = "/admin/cache";

/// To be merged with the other routes, outside of their layers: looking at the cache is no activity of a reader.
///
/// A service with sign-in of its own puts its layer around this router and says who it found. By another name than localhost
/// the page is only reached when that name is allowed: `AdminSettings::allow_host`.
///
/// The admin itself comes with it, to end its streams of events when the server stops.
pub(crate) fn router(cache: &Cache, token: &str) -> Result<(Router, Admin), AdminError> {
    let admin = Admin::new(cache, &AdminSettings::new().token(token))?;
    let service = admin.service(PATH).who(|head| {
        let ConnectInfo(address) = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(address.ip().to_string())
    });
    let below = format!("{PATH}/{{*rest}}");
    let router = Router::new()
        .route_service(PATH, service.clone())
        .route_service(&below, service.clone())
        .route_service(
            &format!("{PATH}/"), // which the pattern does not take
            service,
        );
    Ok((router, admin))
}
