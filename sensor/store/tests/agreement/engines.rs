//! The engines that are asked, as packages of Python.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use sensor_core::nql::sql::{Dialect, TableOptions, create_table, files};
use sensor_store::rows::Rows;
use serde_json::{Value, json};

use crate::data::Data;

/// The Python that has them, which `cargo xtask test` finds.
const PYTHON: &str = "SENSOR_PYTHON";

const SCRIPT: &str = r#"
import ipaddress, json, sys
asked = json.load(sys.stdin)
out = []
def each(ask):
    for sql in asked['queries']:
        try:
            out.append(ask(sql))
        except Exception as fault:
            out.append(str(fault)[:600])
if asked['engine'] == 'duckdb':
    import duckdb
    own = duckdb.connect()
    own.execute("SET TimeZone = 'UTC'")
    own.execute('CREATE VIEW flows AS SELECT * FROM ' + asked['files'])
    cell = lambda own: str(ipaddress.IPv6Address(own)) if isinstance(own, bytes) else own
    each(lambda sql: [[cell(own) for own in row] for row in own.execute(sql).fetchall()])
else:
    from chdb import session
    own = session.Session()
    own.query('CREATE DATABASE IF NOT EXISTS sensor')
    own.query(asked['table'])
    # Twice: a repeat under the same token is counted once.
    for _ in range(2):
        own.query(f"INSERT INTO sensor.flows ({asked['columns']}) SETTINGS insert_deduplicate = 1, insert_deduplication_token = 'here-1' SELECT * FROM file('{asked['rows']}', RowBinary, '{asked['structure']}')")
    def ask(sql):
        text = own.query(sql, 'JSONCompactEachRow').bytes().decode()
        return [json.loads(line) for line in text.splitlines()]
    each(ask)
print(json.dumps(out))
"#;

/// Those that are there.
pub struct Engines {
    python: String,
    dialects: Vec<Dialect>,
    files: String,
    rows: std::path::PathBuf,
}

/// Rows of an answer, or what the engine says instead.
pub type Answer = Result<Vec<Vec<Value>>, String>;

impl Engines {
    /// The engines, with the records at hand; none where there is no Python with any.
    pub fn of(data: &Data) -> Option<Self> {
        let Ok(python) = std::env::var(PYTHON) else {
            let advice = "no other engine is asked: SENSOR_PYTHON names no Python";
            let must = std::env::var("CI").as_deref() == Ok("true");
            assert!(!must, "{advice}; `cargo xtask test` sets it");
            println!("skipped: {advice}");
            return None;
        };
        let has = |package: &&(Dialect, &str)| {
            let import = format!("import {}", package.1);
            let mut command = Command::new(&python);
            command.args(["-c", &import]).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let all = [(Dialect::DuckDb, "duckdb"), (Dialect::ClickHouse, "chdb")];
        let dialects: Vec<_> = all.iter().filter(has).map(|(dialect, _)| *dialect).collect();
        for (dialect, package) in all {
            if !dialects.contains(&dialect) {
                println!("skipped: {}, since {python} has no package {package}", dialect.name());
            }
        }
        let paths: Vec<String> =
            data.files.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let rows = data.folder.path().join("rows.bin");
        std::fs::write(&rows, data.rows()).expect("written");
        Some(Self { python, dialects, files: files(&paths), rows })
    }

    /// Those that are there.
    pub fn dialects(&self) -> impl Iterator<Item = Dialect> {
        self.dialects.iter().copied()
    }

    /// Where an engine has the records.
    pub fn relation(dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::DuckDb => "flows",
            Dialect::ClickHouse => "sensor.flows",
        }
    }

    /// The numbers of the records that fulfil each condition.
    pub fn select(&self, dialect: Dialect, conditions: &[String]) -> Vec<Result<Vec<u64>, String>> {
        let from = Self::relation(dialect);
        let select = |own: &String| format!("SELECT sequence FROM {from} WHERE {own} ORDER BY 1");
        let queries: Vec<String> = conditions.iter().map(select).collect();
        let number = |row: Vec<Value>| match &row[0] {
            Value::String(text) => text.parse().expect("a number"),
            value => value.as_u64().expect("a number"),
        };
        let numbers = |answer: Answer| answer.map(|rows| rows.into_iter().map(number).collect());
        self.ask(dialect, &queries).into_iter().map(numbers).collect()
    }

    /// Asks queries.
    pub fn ask(&self, dialect: Dialect, queries: &[String]) -> Vec<Answer> {
        let options = TableOptions {
            database: Some("sensor".to_owned()),
            table: "flows".to_owned(),
            keep_days: None,
        };
        let asked = json!({
            "engine": if dialect == Dialect::DuckDb { "duckdb" } else { "chdb" },
            "queries": queries,
            "files": self.files,
            "table": create_table(&options),
            "columns": Rows::columns(),
            "rows": self.rows,
            "structure": structure(&create_table(&options)),
        });
        let mut child = Command::new(&self.python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python");
        let mut stdin = child.stdin.take().expect("a pipe");
        let asked = asked.to_string();
        let writer = std::thread::spawn(move || stdin.write_all(asked.as_bytes()));
        let output = child.wait_with_output().expect("python");
        writer.join().expect("no panic").expect("written");
        assert!(output.status.success(), "{dialect:?}");
        let said: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a document");
        let answer = |said: Value| match said {
            Value::Array(rows) => {
                let row = |row: Value| row.as_array().cloned().expect("a row");
                Ok(rows.into_iter().map(row).collect())
            }
            other => Err(other.to_string()),
        };
        said.into_iter().map(answer).collect()
    }
}

/// The columns of a statement with their types, as `file` wants them.
fn structure(table: &str) -> String {
    let inside = table.split_once("(\n").map_or("", |(_, inside)| inside);
    let columns = inside.lines().take_while(|line| !line.trim().starts_with("INDEX"));
    let column = |line: &str| line.split(" CODEC").next().unwrap_or_default().trim().to_owned();
    columns.map(column).collect::<Vec<_>>().join(", ").replace('\'', "\\'")
}
