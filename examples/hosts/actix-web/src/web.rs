//! Routes and handlers; each asks the cache by a typed message.
//!
//! Owns: which message a request becomes, and what each kind of trouble is in HTTP. Never: keeps a value.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, ServiceConfig, get, post};
use actix_web::{HttpResponse, ResponseError};
use apex_cache::message::{GetOrLoad, Invalidate, Stats};
use apex_cache::{ErrorKind, Key, Pattern, SupervisorRef};

use crate::timetable::{Departure, Timetable};

/// What the handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    pub(crate) supervisor: SupervisorRef,
    pub(crate) timetable: Timetable,
}

impl Board {
    pub(crate) fn new(supervisor: SupervisorRef, timetable: Timetable) -> Self {
        Self { supervisor, timetable }
    }

    pub(crate) fn data(&self) -> Data<Self> {
        Data::new(self.clone())
    }
}

pub(crate) fn routes(app: &mut ServiceConfig) {
    app.route("/stations/{station}", get().to(departures))
        .route("/lines/{line}/delay/{minutes}", post().to(delay))
        .route("/figures", get().to(figures));
}

async fn departures(board: Data<Board>, station: Path<u32>) -> Result<HttpResponse, Trouble> {
    let station = station.into_inner();
    let key = Key::of("departures").part(station).finish()?;
    let timetable = board.timetable.clone();
    // A hit is answered at once. A load belongs to the cache: it goes on when this client hangs up.
    let message = GetOrLoad::new(key.clone(), move || timetable.departures(station));
    let given = board.supervisor.send(message).await?;
    let departures: Vec<Departure> = given.value.decode(key.as_str())?;
    let source = format!("{:?}", given.source);
    Ok(HttpResponse::Ok().insert_header(("x-cache", source)).json(departures))
}

async fn delay(board: Data<Board>, path: Path<(String, u32)>) -> Result<HttpResponse, Trouble> {
    let (line, minutes) = path.into_inner();
    board.timetable.delay(&line, minutes);
    // After the change, and for all stations: where the line stops is not known from its name.
    let gone = board.supervisor.send(Invalidate::new(Pattern::of("departures").rest()?)).await?;
    Ok(HttpResponse::Ok().body(format!("{} boards are asked for again", gone.matched)))
}

async fn figures(board: Data<Board>) -> Result<HttpResponse, Trouble> {
    let total = board.supervisor.send(Stats).await?.total();
    Ok(HttpResponse::Ok().body(format!("hits {} misses {} loads {}", total.hits, total.misses, total.loads)))
}

#[derive(Debug)]
pub(crate) struct Trouble(apex_cache::Error);

impl From<apex_cache::Error> for Trouble {
    fn from(error: apex_cache::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        match &self.0 {
            // What the loader returned is inside, as it was.
            apex_cache::Error::LoadFailed { source, .. } if is_not_found(source.as_ref()) => {
                StatusCode::NOT_FOUND
            }
            error => match error.kind() {
                ErrorKind::Timeout | ErrorKind::LoadTimeout => StatusCode::GATEWAY_TIMEOUT,
                ErrorKind::Overloaded | ErrorKind::Closed => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    fn error_response(&self) -> HttpResponse {
        eprintln!("{self}"); // for the log; a client learns the status alone
        HttpResponse::new(self.status_code())
    }
}

fn is_not_found(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}
