//! Who asks the shop: threads with a connection each, which they keep.
//!
//! Owns: requests as bytes on raw sockets, the reading of answers, and latencies. Never: asks again: an
//! answer that is not right ends the measurement.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::PRODUCTS;
use crate::samples::Latencies;
use crate::work::zipf;
use crate::{Failure, process};

/// Threads, each with a connection of its own and one request at a time.
pub const CONNECTIONS: usize = 16;
/// How the names of these threads begin, so that their time on a processor is not taken for that of the shop.
const THREAD: &str = "asks";
/// Requests of which a thread has the numbers ready; it begins again after them.
const READY: usize = 100_000;

/// What a turn came to.
#[derive(Debug)]
pub struct Turn {
    /// Requests that were answered, for each second.
    pub rate: f64,
    /// Times from the first byte sent to the last byte of the answer.
    pub latencies: Latencies,
    /// Seconds on a processor, of all threads but those that ask, for a thousand requests.
    pub cpu: f64,
}

/// Asks the shop at `address` for `duration`; `percent` of the requests, which must divide 100 or be 0,
/// change a product.
///
/// Errors: a sentence, when a connection breaks or an answer is not right.
pub fn turn(address: SocketAddr, percent: usize, duration: Duration) -> Result<Turn, Failure> {
    let (stop, all) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let (cpu, began) = (process::cpu(Some(THREAD)), Instant::now());
    std::thread::scope(|scope| {
        let ask = |number| {
            let (stop, all) = (&stop, &all);
            std::thread::Builder::new().name(format!("{THREAD}-{number}")).spawn_scoped(scope, move || {
                let latencies = ask(address, number, percent, stop)?;
                all.lock().map_err(|_| "a thread panicked")?.extend(latencies);
                Ok::<_, Failure>(())
            })
        };
        let threads = (0..CONNECTIONS).map(ask).collect::<Result<Vec<_>, _>>()?;
        std::thread::sleep(duration);
        stop.store(true, Relaxed);
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })?;
    let (took, cpu) = (began.elapsed(), process::cpu(Some(THREAD)).saturating_sub(cpu));
    let latencies = Latencies::from(all.into_inner().map_err(|_| "a thread panicked")?);
    let count = latencies.count() as f64;
    Ok(Turn { rate: count / took.as_secs_f64(), latencies, cpu: cpu.as_secs_f64() * 1_000.0 / count })
}

/// One thread. Returns its latencies.
fn ask(address: SocketAddr, number: usize, percent: usize, stop: &AtomicBool) -> Result<Vec<u64>, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let ids = zipf(PRODUCTS, READY, number as u64 + 1);
    let (mut buffer, mut latencies) = (vec![0; 16_384], Vec::new());
    for (place, id) in ids.iter().cycle().enumerate() {
        if stop.load(Relaxed) {
            break;
        }
        let changes = percent > 0 && (place + 1).is_multiple_of(100 / percent);
        let (verb, length) = if changes { ("POST", "Content-Length: 0\r\n") } else { ("GET", "") };
        let request = format!("{verb} /products/{id} HTTP/1.1\r\nHost: shop\r\n{length}\r\n");
        let began = Instant::now();
        stream.write_all(request.as_bytes())?;
        let answer = receive(&mut stream, &mut buffer)?;
        latencies.push(began.elapsed().as_nanos() as u64);
        let right = if changes { "HTTP/1.1 204 " } else { "HTTP/1.1 200 " };
        let of_it = format!("{{\"id\":{id},");
        if !answer.starts_with(right) || !(changes || answer.contains(&of_it)) {
            return Err(format!("{verb} of {id} was answered with {answer}").into());
        }
    }
    Ok(latencies)
}

/// Reads one answer to its end.
fn receive<'b>(stream: &mut TcpStream, buffer: &'b mut [u8]) -> Result<&'b str, Failure> {
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..])? {
            0 => return Err("the shop closed a connection, or its answer is longer than expected".into()),
            count => filled += count,
        }
        let text = std::str::from_utf8(&buffer[..filled])?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            return Ok(std::str::from_utf8(&buffer[..filled])?);
        }
    }
}
