//! The files of the page, built into the program, and the description of the API.
//!
//! Owns: their paths and types. Never: asks anything from outside; the page works offline.

use actix_web::web::Bytes;

use super::routes::{Answer, Body};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// One file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageFile {
    pub(super) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// The file of that name, which the page finds beside itself at `page/NAME`.
macro_rules! file {
    ($name:literal, $kind:expr) => {
        PageFile { path: concat!("/page/", $name), kind: $kind, text: include_str!(concat!("page/", $name)) }
    };
}

pub(super) static FILES: [PageFile; 24] = [
    PageFile { path: "/", kind: HTML, text: include_str!("page/index.html") },
    file!("style.css", STYLE),
    file!("parts.css", STYLE),
    file!("icon.svg", PICTURE),
    file!("access.js", SCRIPT),
    file!("advice.js", SCRIPT),
    file!("app.js", SCRIPT),
    file!("ask.js", SCRIPT),
    file!("chart.js", SCRIPT),
    file!("clear.js", SCRIPT),
    file!("dialog.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("draw.js", SCRIPT),
    file!("entries.js", SCRIPT),
    file!("events.js", SCRIPT),
    file!("explain.js", SCRIPT),
    file!("format.js", SCRIPT),
    file!("live.js", SCRIPT),
    file!("overview.js", SCRIPT),
    file!("series.js", SCRIPT),
    file!("settings.js", SCRIPT),
    file!("tiers.js", SCRIPT),
    file!("top.js", SCRIPT),
    file!("warm.js", SCRIPT),
];

impl PageFile {
    pub(super) fn answer(&self) -> Answer {
        let headers = vec![("content-type", self.kind.to_owned())];
        Answer { status: 200, headers, body: Body::Whole(Bytes::from_static(self.text.as_bytes())) }
    }
}

pub(super) fn openapi() -> Answer {
    Answer::whole(200, "application/json", Bytes::from_static(include_bytes!("openapi.json")))
}
