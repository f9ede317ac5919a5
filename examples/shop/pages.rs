//! What the shop answers over HTTP, each answer read through the cache.
//!
//! Owns: paths, parameters, and what each kind of trouble is in HTTP. Never: a query or an invalidation of its own; these stand
//! in `cached.rs`.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig, get, post};
use actix_web::{HttpResponse, ResponseError};
use apex_cache::Hit;
use serde::{Deserialize, Serialize};

use crate::Trouble;
use crate::cached::CachedShop;
use crate::model::Written;

type Answer = Result<HttpResponse, Trouble>;
type Shop = Data<CachedShop>;

pub(crate) fn routes(app: &mut ServiceConfig) {
    app.route("/", get().to(welcome))
        .route("/categories", get().to(main_categories))
        .route("/categories/{main}", get().to(sub_categories))
        .route("/products/{category}", get().to(products))
        .route("/search", get().to(search))
        .route("/leaderboard", get().to(leaderboard))
        .route("/users/{id}", get().to(profile))
        .route("/users/{id}/orders", get().to(orders))
        .route("/users/{id}/wallet", post().to(pay_in))
        .route("/users/{id}/purchases", post().to(purchase))
        .route("/users/{id}/forget", post().to(forget));
}

async fn welcome() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(
        "A shop behind Apex Cache. Every answer says in x-cache where it came from, and in age how old it is.\n\n\
         GET  /categories  /categories/crafts  /products/yarn  /search?word=Nova&max_cents=5000  /leaderboard\n\
         GET  /users/42  /users/42/orders\n\
         POST /users/42/wallet {\"add_cents\": 500}     takes the user out of the cache\n\
         POST /users/42/purchases {\"product\": 7}\n\
         POST /users/42/forget                        takes everything of the user out of all tiers, and counts it\n",
    )
}

async fn main_categories(shop: Shop) -> Answer {
    Ok(shown(&shop.get_distinct_main_categories().await?))
}

async fn sub_categories(shop: Shop, main: Path<String>) -> Answer {
    Ok(shown(&shop.get_distinct_sub_categories(&main).await?))
}

async fn products(shop: Shop, category: Path<String>) -> Answer {
    Ok(shown(&shop.get_products_by_category(&category).await?))
}

#[derive(Deserialize)]
struct Wanted {
    word: String,
    #[serde(default = "any_price")]
    max_cents: i64,
}

fn any_price() -> i64 {
    1_000_000
}

async fn search(shop: Shop, wanted: Query<Wanted>) -> Answer {
    Ok(shown(&shop.search_products(&wanted.word, wanted.max_cents).await?))
}

async fn leaderboard(shop: Shop) -> Answer {
    Ok(shown(&shop.get_leaderboard().await?))
}

async fn profile(shop: Shop, user: Path<u32>) -> Answer {
    let profile = shop.get_user(*user).await?;
    shop.user_active(*user).await?; // orders and profile are fetched ahead, for somebody who exists
    Ok(shown(&profile))
}

async fn orders(shop: Shop, user: Path<u32>) -> Answer {
    Ok(shown(&shop.get_orders_for_user(*user).await?))
}

#[derive(Deserialize)]
struct PayIn {
    add_cents: i64,
}

async fn pay_in(shop: Shop, user: Path<u32>, wanted: Json<PayIn>) -> Answer {
    Ok(done(shop.update_wallet_balance(*user, wanted.add_cents).await?))
}

#[derive(Deserialize)]
struct Purchase {
    product: u32,
}

async fn purchase(shop: Shop, user: Path<u32>, wanted: Json<Purchase>) -> Answer {
    Ok(done(shop.purchase_product(*user, wanted.product).await?))
}

async fn forget(shop: Shop, user: Path<u32>) -> Answer {
    let gone = shop.cache.forget_user(*user).await?;
    let words = format!("{} entries are gone ({} bytes), {} are left\n", gone.matched, gone.bytes, gone.left);
    Ok(HttpResponse::Ok().body(words))
}

/// The value as JSON, with where it came from and how old it is.
fn shown<T: Serialize>(hit: &Hit<T>) -> HttpResponse {
    let source = format!("{:?}", hit.source());
    let age = hit.age().as_secs().to_string();
    HttpResponse::Ok().insert_header(("x-cache", source)).insert_header(("age", age)).json(hit.as_ref())
}

fn done(written: Written) -> HttpResponse {
    match written {
        Written::Done(_) => HttpResponse::NoContent().finish(),
        Written::Refused => {
            HttpResponse::Conflict().body("sold out, too little money, or there is no such thing\n")
        }
    }
}

/// For the person who looks at this shop the sentence is the answer; a real one would log it and say less.
impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Sqlite(rusqlite::Error::QueryReturnedNoRows) => StatusCode::NOT_FOUND,
            Self::Cache(error) if error.is_cache_trouble() => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).body(format!("{self}\n"))
    }
}
