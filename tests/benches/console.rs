//! The console under five open pages: how long answers about 200,000 held flows take while more flows come, and whether any are lost for it.

#[expect(dead_code, reason = "each benchmark uses its own part")]
#[path = "intake/datagrams.rs"]
mod datagrams;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};
use tests::{
    peers::free_port,
    program::{Program, release_binary},
};

use self::datagrams::{Form, PORT, send};

/// Flows that are held, and datagrams that bring so many.
const HELD: u32 = 200_000;
const DATAGRAMS: u32 = HELD / 24 + 1;
/// Datagrams a second meanwhile: 103,200 records.
const RATE: u32 = 4_300;
const SECONDS: u32 = 15;
const PAGES: usize = 5;
/// Between two questions of a page.
const BEAT: Duration = Duration::from_millis(500);

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (config, token) = (directory.path().join("sensor.toml"), directory.path().join("token"));
    let console = free_port()?;
    fs::write(&token, "bench\n")?;
    fs::write(
        &config,
        format!(
            "[[listen]]\nurl = 'netflow://127.0.0.1:{PORT}'\n[console]\nenabled = true\nlisten = '127.0.0.1:{console}'\n\
             token_file = '{}'\nheld = {HELD}\n",
            token.display()
        ),
    )?;
    let mut command = Command::new(release_binary());
    command.args(["run", "--print", "none", "--config"]).arg(&config);
    let program = Program::start(command)?;
    send(Form::NetFlow9, DATAGRAMS, RATE)?;
    program.settled()?;
    println!("{PAGES} pages, {HELD} flows held; ms until an answer is there:");
    println!("{:<34}{:>8}{:>8}{:>8}{:>10}", "", "median", "p99", "most", "answers");
    row(
        "at rest",
        asked(console, || {
            thread::sleep(Duration::from_secs(SECONDS.into()));
            Ok(())
        })?,
    );
    let sent = RATE * SECONDS;
    row(
        "103,200 records/s meanwhile",
        asked(console, || send(Form::NetFlow9, sent, RATE).map(drop))?,
    );
    program.settled()?;
    let said = program.finish()?;
    let all = format!("decoded: {} datagrams", DATAGRAMS + sent);
    println!(
        "{}",
        if said.contains(&all) { "no datagram was lost" } else { "DATAGRAMS WERE LOST" }
    );
    ensure!(said.contains("balanced"), "{said}");
    Ok(())
}

fn row(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!("{name:<34}{:>8.1}{:>8.1}{:>8.1}{:>10}", at(0.5), at(0.99), at(1.0), times.len());
}

/// How long each answer took while `work` was done.
fn asked(console: u16, work: impl FnOnce() -> Result<()>) -> Result<Vec<Duration>> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let pages: Vec<_> = (0..PAGES)
            .map(|page| {
                let done = &done;
                scope.spawn(move || -> Result<Vec<Duration>> {
                    // Pages were not opened at the same moment.
                    thread::sleep(BEAT * page as u32 / PAGES as u32);
                    let mut times = Vec::new();
                    while !done.load(Relaxed) {
                        let start = Instant::now();
                        ask(console)?;
                        times.push(start.elapsed());
                        thread::sleep(BEAT.saturating_sub(start.elapsed()));
                    }
                    Ok(times)
                })
            })
            .collect();
        let worked = work();
        done.store(true, Relaxed);
        let mut all = Vec::new();
        for page in pages {
            all.extend(page.join().expect("a page")?);
        }
        worked.map(|()| all)
    })
}

/// Asks for the course of the last quarter of an hour by port, as the first view does.
fn ask(console: u16) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let question = format!(
        r#"{{"q":"protocol == tcp","from_ms":{},"to_ms":{now},"points":120,"by":["dstip"],"limit":7}}"#,
        now - 900_000
    );
    let mut stream = TcpStream::connect(("127.0.0.1", console))?;
    write!(
        stream,
        "POST /api/v1/series HTTP/1.1\r\nHost: 127.0.0.1:{console}\r\nAuthorization: Bearer bench\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{question}",
        question.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.lines().next().unwrap_or_default();
    ensure!(status.ends_with("200 OK"), "{status}: {answer}");
    let is_whole = answer.contains(r#""partial":null"#);
    is_whole.then_some(()).with_context(|| "an answer was partial".to_owned())
}
