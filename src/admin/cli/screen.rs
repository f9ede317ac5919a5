//! A picture that is drawn again in place.
//!
//! Owns: the terminal while it shows that picture: another screen than the one with the person's history, and no cursor.
//! Never: leaves it like that, however it ends.

use std::io::{self, Write as _};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use console::{Term, truncate_str};

const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
const HOME: &str = "\u{1b}[H";
const END_OF_LINE: &str = "\u{1b}[K";
const END_OF_SCREEN: &str = "\u{1b}[J";

/// The screen, from here to its drop.
pub(super) struct Screen {
    terminal: Term,
    colours: bool,
}

impl Screen {
    /// Takes the terminal; `None` where standard output is none, or one that cannot move its cursor.
    pub(super) fn enter() -> io::Result<Option<Self>> {
        let terminal = Term::stdout();
        let dumb = std::env::var_os("TERM").is_none_or(|kind| kind.is_empty() || kind == "dumb");
        if !terminal.is_term() || (dumb && !cfg!(windows)) {
            return Ok(None);
        }
        let colours = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let screen = Self { terminal, colours };
        // Behind the guard, which takes it back also when only half of it was written.
        send(ENTER)?;
        Ok(Some(screen))
    }

    /// How many columns there are.
    pub(super) fn columns(&self) -> usize {
        self.terminal.size().1.into()
    }

    /// Draws `text`, as much of it as there is room for.
    pub(super) fn draw(&self, text: &str) -> io::Result<()> {
        let (rows, columns) = self.terminal.size();
        let mut picture = String::from(HOME);
        for (row, line) in text.lines().take(rows.into()).enumerate() {
            if row > 0 {
                picture.push_str("\r\n");
            }
            let line = truncate_str(line, columns.into(), "");
            if self.colours {
                picture.push_str(&line);
            } else {
                picture.push_str(&strip_str(&line).to_string());
            }
            picture.push_str(END_OF_LINE);
        }
        picture.push_str(END_OF_SCREEN);
        send(&picture)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = send(LEAVE);
    }
}

/// In one piece, so that no half of a picture is seen.
fn send(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
