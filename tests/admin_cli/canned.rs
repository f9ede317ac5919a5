//! A server that answers what it was told to, whatever is asked: for answers that no admin gives.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What is sent back for a request, given its head; what comes behind it, the function writes by itself.
type Answer = dyn Fn(&str, &mut TcpStream) -> String + Send + Sync;

pub(crate) struct Canned {
    pub(crate) address: SocketAddr,
    /// The heads of all requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    /// The threads end with the process of the test.
    #[allow(clippy::disallowed_methods)] // a test is a host: its threads are its own
    pub(crate) fn new(answer: impl Fn(&str, &mut TcpStream) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (answer, heard): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
                std::thread::spawn(move || serve(stream, &*answer, &heard));
            }
        });
        Self { address, asked }
    }

    /// One that answers each path with a document.
    pub(crate) fn documents(documents: impl Fn(&str) -> Value + Send + Sync + 'static) -> Self {
        Self::new(move |head, _| {
            let path = head.split(' ').nth(1).unwrap_or_default();
            json(&documents(path.split('?').next().unwrap_or_default()))
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

/// A good answer with `document`.
pub(crate) fn json(document: &Value) -> String {
    whole(200, "application/json", &document.to_string())
}

/// An answer with its length.
pub(crate) fn whole(status: u16, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn serve(mut stream: TcpStream, answer: &Answer, asked: &Mutex<Vec<String>>) {
    let mut read = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(count) => read.extend_from_slice(&buffer[..count]),
            }
            continue;
        };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
        });
        let whole = end + 4 + length.unwrap_or(0);
        while read.len() < whole {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(count) => read.extend_from_slice(&buffer[..count]),
            }
        }
        read.drain(..whole);
        asked.lock().expect("nobody panics with it").push(head.clone());
        let text = answer(&head, &mut stream);
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}
