//! The program, and what it says.

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// Runs it on files and folders.
pub fn sensor(arguments: &[&str], paths: &[&Path]) -> Output {
    let program = env!("CARGO_BIN_EXE_sensor");
    Command::new(program).args(arguments).args(paths).output().expect("it runs")
}

/// Runs it on standard input.
pub fn piped(arguments: &[&str], octets: impl AsRef<[u8]>) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut input = child.stdin.take().expect("a pipe");
    let octets = octets.as_ref().to_vec();
    // It may write before it has read all.
    let writer = std::thread::spawn(move || drop(input.write_all(&octets)));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    output
}

/// What it has written, a JSON object a line.
pub fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

/// What it has told people.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The policies of the hits that it has written.
pub fn fired(output: &Output) -> BTreeSet<String> {
    assert!(output.status.success(), "{}", errors(output));
    let name =
        |hit: &Value| hit["algorithm"].as_str().or(hit["policy"].as_str()).map(str::to_owned);
    lines(output).iter().filter_map(name).collect()
}
