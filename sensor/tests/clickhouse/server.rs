//! A server that takes rows by HTTP as ClickHouse does, counts a token once, and fails as it is told.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use sensor_core::nql::sql::{TableOptions, create_table};

use crate::rows::{self, Row};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Taken,
    /// The rows are taken, and the connection breaks before the answer.
    AnswerLost,
    /// The connection breaks in the midst of the request: nothing is taken.
    Broken,
    /// Refused for now: too many parts, as the server says it.
    Later,
    /// Refused for ever: a row that cannot be read.
    Unreadable,
    /// The rows are taken when the client has given up waiting.
    Slow,
}

/// What there is on the server.
#[derive(Default)]
pub struct Held {
    /// Rows by token.
    pub lots: BTreeMap<String, Vec<Row>>,
    /// Requests that named a token which was there.
    pub repeats: u64,
    /// What the next requests become; then all are taken.
    pub fates: VecDeque<Fate>,
    /// Requests so far.
    pub requests: u64,
    /// What was wrong with requests.
    pub faults: Vec<String>,
}

/// A server at an address; it stops when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    held: Arc<Mutex<Held>>,
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts at an address, with what another one held.
    pub fn start(address: &str, held: &Arc<Mutex<Held>>) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (own, stopped) = (Arc::clone(held), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(std::sync::atomic::Ordering::SeqCst) {
                    return;
                }
                let (held, stopped) = (Arc::clone(&own), Arc::clone(&stopped));
                thread::spawn(move || {
                    let mut stream = stream.expect("a connection");
                    // A server that is gone answers nothing, also on connections that were there.
                    while !stopped.load(std::sync::atomic::Ordering::SeqCst)
                        && serve(&mut stream, &held).is_ok_and(|more| more)
                    {}
                });
            }
        });
        Self { address, held: Arc::clone(held), stop, thread: Some(thread) }
    }

    /// What it holds.
    pub fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().expect("no panic")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One request; whether another may come.
fn serve(stream: &mut TcpStream, held: &Mutex<Held>) -> io::Result<bool> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet)?;
        head.push(octet[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(name));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
    };
    let fate = {
        let mut held = held.lock().expect("no panic");
        held.requests += 1;
        held.fates.pop_front().unwrap_or(Fate::Taken)
    };
    let length = header("content-length").and_then(|own| own.parse().ok()).unwrap_or(0);
    if fate == Fate::Broken {
        let mut half = vec![0; length / 2];
        stream.read_exact(&mut half)?;
        return Ok(false);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if header("content-encoding").as_deref() == Some("zstd") {
        body = zstd::decode_all(&body[..])?;
    }
    let path = head.split(' ').nth(1).unwrap_or_default();
    let url = url::Url::parse(&format!("http://h{path}")).expect("a path");
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    match fate {
        Fate::Later => {
            answer(stream, "500 Internal Server Error", "252", "Too many parts")?;
            return Ok(true);
        }
        Fate::Unreadable => {
            answer(stream, "400 Bad Request", "33", "Cannot read all data")?;
            return Ok(true);
        }
        // The client waits for a second.
        Fate::Slow => thread::sleep(std::time::Duration::from_millis(1500)),
        Fate::Taken | Fate::AnswerLost | Fate::Broken => {}
    }
    take(&query, &body, held);
    match fate {
        Fate::AnswerLost => Ok(false),
        _ => answer(stream, "200 OK", "", "").map(|()| true),
    }
}

fn take(query: &BTreeMap<String, String>, body: &[u8], held: &Mutex<Held>) {
    let options =
        TableOptions { database: Some("d".to_owned()), table: "flows".to_owned(), keep_days: None };
    let columns = rows::columns(&create_table(&options));
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let statement = format!("INSERT INTO \"d\".\"flows\" ({}) FORMAT RowBinary", names.join(", "));
    let mut held = held.lock().expect("no panic");
    if query.get("query") != Some(&statement) {
        held.faults.push(format!("another statement: {:?}", query.get("query")));
    }
    for (name, value) in
        [("insert_deduplicate", "1"), ("async_insert", "0"), ("wait_end_of_query", "1")]
    {
        if query.get(name).map(String::as_str) != Some(value) {
            held.faults.push(format!("{name}: {:?}", query.get(name)));
        }
    }
    let token = query.get("insert_deduplication_token").cloned().unwrap_or_default();
    match rows::read(body, &columns) {
        Err(fault) => held.faults.push(fault),
        Ok(rows) => match held.lots.get(&token) {
            Some(known) if *known == rows => held.repeats += 1,
            Some(_) => held.faults.push(format!("{token} with other rows")),
            None => drop(held.lots.insert(token, rows)),
        },
    }
}

fn answer(stream: &mut TcpStream, status: &str, code: &str, text: &str) -> io::Result<()> {
    let code = if code.is_empty() {
        String::new()
    } else {
        format!("X-ClickHouse-Exception-Code: {code}\r\n")
    };
    write!(stream, "HTTP/1.1 {status}\r\n{code}Content-Length: {}\r\n\r\n{text}", text.len())
}
