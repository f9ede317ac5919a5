//! Routes, handlers, and what each kind of trouble is in HTTP.
//!
//! Owns: the layer that tells the cache who is active and sets the deadline. Never: touches the database.

use apex_cache::web::{CacheLayer, TIMEOUT_HEADER};
use apex_cache::{ErrorKind, Hit};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;

use crate::shelf::Shelf;

/// Where a proxy in front says who is signed in.
const READER: &str = "x-reader";

pub(crate) fn router(shelf: Shelf) -> Router {
    let layer = CacheLayer::new(shelf.cache().clone())
        .user(|head| reader(&head.headers))
        .deadline_header(TIMEOUT_HEADER);
    Router::new()
        .route("/books/{id}", get(book))
        .route("/books/{id}/lend", post(lend))
        .route("/authors/{author}/books", get(books_by))
        .route("/loans", get(loans))
        .layer(layer)
        .with_state(shelf)
}

fn reader(headers: &HeaderMap) -> Option<String> {
    headers.get(READER)?.to_str().ok().map(str::to_owned)
}

async fn book(State(shelf): State<Shelf>, Path(id): Path<i64>) -> Result<Response, Trouble> {
    let hit = shelf.book(id).await?;
    Ok(if hit.is_some() { shown(&hit) } else { StatusCode::NOT_FOUND.into_response() })
}

async fn books_by(State(shelf): State<Shelf>, Path(author): Path<String>) -> Result<Response, Trouble> {
    Ok(shown(&shelf.books_by(&author).await?))
}

async fn loans(State(shelf): State<Shelf>, headers: HeaderMap) -> Result<Response, Trouble> {
    let Some(reader) = reader(&headers) else { return Ok(StatusCode::UNAUTHORIZED.into_response()) };
    Ok(shown(&shelf.loans(&reader).await?))
}

async fn lend(
    State(shelf): State<Shelf>,
    Path(id): Path<i64>,
    headers: HeaderMap,
) -> Result<StatusCode, Trouble> {
    let Some(reader) = reader(&headers) else { return Ok(StatusCode::UNAUTHORIZED) };
    Ok(if shelf.lend(id, &reader).await? { StatusCode::NO_CONTENT } else { StatusCode::CONFLICT })
}

/// The value as JSON, with where it came from and how old it is.
fn shown<T: Serialize>(hit: &Hit<T>) -> Response {
    let source = format!("{:?}", hit.source());
    let age = hit.age().as_secs().to_string();
    ([("x-cache", source), ("age", age)], Json(hit.as_ref())).into_response()
}

/// What can go wrong on the way to an answer.
enum Trouble {
    Cache(apex_cache::Error),
    Database(sqlx::Error),
}

impl From<apex_cache::Error> for Trouble {
    fn from(error: apex_cache::Error) -> Self {
        Self::Cache(error)
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Cache(error) => (status(error.kind()), error.to_string()),
            Self::Database(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        eprintln!("{status}: {text}"); // for the log; a client learns the status alone
        status.into_response()
    }
}

fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Timeout | ErrorKind::LoadTimeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Overloaded | ErrorKind::Closed => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::InvalidKey => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
