//! The files of the page, built into the program, and the description of the API.
//!
//! Owns: their types. Never: asks anything from outside; the page works offline.

use actix_web::web::Bytes;

use super::routes::{Answer, Body};

/// One file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageFile {
    kind: &'static str,
    text: &'static str,
}

pub(super) const INDEX: PageFile =
    PageFile { kind: "text/html; charset=utf-8", text: include_str!("page/index.html") };
pub(super) const SCRIPT: PageFile =
    PageFile { kind: "text/javascript; charset=utf-8", text: include_str!("page/app.js") };
pub(super) const STYLE: PageFile =
    PageFile { kind: "text/css; charset=utf-8", text: include_str!("page/style.css") };

impl PageFile {
    pub(super) fn answer(&self) -> Answer {
        let headers = vec![("content-type", self.kind.to_owned())];
        Answer { status: 200, headers, body: Body::Whole(Bytes::from_static(self.text.as_bytes())) }
    }
}

pub(super) fn openapi() -> Answer {
    Answer::whole(200, "application/json", Bytes::from_static(include_bytes!("openapi.json")))
}
