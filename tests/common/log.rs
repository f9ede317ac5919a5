//! What the cache logs on this thread, as a test reads it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;

/// Keeps the log of this thread until it is dropped.
#[derive(Debug)]
pub(crate) struct Log {
    text: Text,
    _guard: DefaultGuard,
}

#[derive(Debug, Clone, Default)]
struct Text(Arc<Mutex<String>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics with it").push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins to keep it.
    pub(crate) fn start() -> Self {
        let text = Text::default();
        let writer = text.clone();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        Self { text, _guard: tracing::subscriber::set_default(lines) }
    }

    /// How many lines hold `word`.
    pub(crate) fn lines(&self, word: &str) -> usize {
        self.text.0.lock().expect("nobody panics with it").lines().filter(|line| line.contains(word)).count()
    }
}
