//! DuckDB and Arrow read the files of the store, and find in them what was stored.

use std::{collections::BTreeMap, path::Path, process::Command};

use sensor_core::flow::{
    batch::{Addresses, FlowBatch},
    columns::Column,
    profile::Side,
};
use sensor_store::{
    cells::{Groups as _, Told},
    journal::{Sync, reader::Journal, writer::Writer},
    layout::Item,
    segment::{reader::Segment, writer::write},
    testing::{BEGIN, Traffic},
};
use serde_json::{Value, json};

/// The Python that has them, which `cargo xtask test labs` finds.
const PYTHON: &str = "SENSOR_PYTHON";

/// What both say of a file; addresses in hexadecimal digits, times as milliseconds.
const SCRIPT: &str = r#"
import json, sys
import duckdb, pyarrow.parquet as pq, pyarrow.compute as pc
path = sys.argv[1]
own = duckdb.connect()
columns = [row[0] for row in own.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
def by_duckdb():
    one = lambda text: own.execute(f"SELECT {text} FROM '{path}'").fetchone()
    count, octets, packets, ports, sources = one("count(*), sum(octets)::BIGINT, sum(packets)::BIGINT, sum(srcport)::BIGINT, count(DISTINCT srcip)")
    first, last = one("epoch_ms(min(time_start)), epoch_ms(max(time_end))")
    sequence = one("min(sequence)::BIGINT, max(sequence)::BIGINT, sum(sequence)::BIGINT")
    address = own.execute(f"SELECT srcip, count(*) FROM '{path}' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1").fetchone()
    countries = own.execute(f"SELECT dst_profile->>'country', count(*) FROM '{path}' GROUP BY 1").fetchall()
    told = {name: one(f'count("{name}")')[0] for name in columns}
    # By its filter and its statistics, where DuckDB uses them.
    busiest = own.execute(f"SELECT count(*) FROM '{path}' WHERE srcip = ?", [address[0]]).fetchone()[0]
    return dict(rows=count, octets=octets, packets=packets, ports=ports, sources=sources, first=first, last=last, sequence=list(sequence),
        busiest=[address[0].hex(), address[1], busiest], countries={str(k): v for k, v in countries}, told=told)
def by_arrow():
    table = pq.read_table(path, page_checksum_verification=True)
    column = table.column
    total = lambda name: pc.sum(column(name)).as_py()
    epoch = lambda scalar: scalar.cast('int64').as_py()
    counts = {}
    for address in column('srcip').to_pylist():
        counts[address] = counts.get(address, 0) + 1
    address, busiest = max(counts.items(), key=lambda item: (item[1], [-octet for octet in item[0]]))
    countries = {}
    for text in column('dst_profile').to_pylist():
        country = str(json.loads(text).get('country'))
        countries[country] = countries.get(country, 0) + 1
    sequence = column('sequence').cast('int64')
    told = {name: table.num_rows - column(name).null_count for name in table.column_names}
    return dict(rows=table.num_rows, octets=total('octets'), packets=total('packets'), ports=total('srcport'), sources=len(counts),
        first=epoch(pc.min(column('time_start'))), last=epoch(pc.max(column('time_end'))),
        sequence=[pc.min(sequence).as_py(), pc.max(sequence).as_py(), pc.sum(sequence).as_py()],
        busiest=[address.hex(), busiest, busiest], countries=countries, told=told)
print(json.dumps([by_duckdb(), by_arrow()]))
"#;

/// What both have to say.
fn wanted(batches: &[FlowBatch], file: &Segment) -> Value {
    let (mut sources, mut countries) =
        (BTreeMap::<u128, u64>::new(), BTreeMap::<String, u64>::new());
    let (mut octets, mut packets, mut ports, mut rows) = (0, 0, 0, 0_u64);
    let (mut first, mut last) = (u64::MAX, 0);
    for batch in batches {
        for row in 0..batch.len() {
            let source = match &batch.addresses {
                Addresses::V4 { source, .. } => 0xffff << 32 | u128::from(source[row]),
                Addresses::V6 { source, .. } => source[row],
            };
            *sources.entry(source).or_default() += 1;
            let country = batch.profile(Side::Destination, row).country.clone();
            *countries.entry(country.unwrap_or_else(|| "None".to_owned())).or_default() += 1;
            (octets, packets) = (octets + batch.octets[row], packets + batch.packets[row]);
            ports += u64::from(batch.source_port[row]);
            (first, last) = (first.min(batch.start[row]), last.max(batch.end[row]));
            rows += 1;
        }
    }
    let busiest =
        sources.iter().max_by_key(|(address, count)| (**count, std::cmp::Reverse(**address)));
    let (address, count) = busiest.expect("a source");
    let text = format!("{address:032x}");
    let told = told(file);
    json!({
        "rows": rows, "octets": octets, "packets": packets, "ports": ports, "sources": sources.len(), "first": first, "last": last,
        "sequence": [1, rows, rows * (rows + 1) / 2], "busiest": [text, count, count], "countries": countries, "told": told,
    })
}

/// How many rows tell each column of a file.
fn told(file: &Segment) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (name, _) in file.octets() {
        let count = |group: usize| match Item::find(&name) {
            None => file.groups()[group].rows,
            Some(item) => match file.told(group, item) {
                Told::Nowhere => 0,
                Told::Everywhere => file.groups()[group].rows,
                Told::Partly => {
                    let told =
                        file.cells(group, item).expect("readable").told.expect("partly told");
                    told.iter().filter(|told| **told).count()
                }
            },
        };
        let rows: usize = (0..file.groups().len()).map(count).sum();
        all.insert(name, rows as u64);
    }
    all
}

fn say(python: &str, path: &Path) -> Value {
    let output = Command::new(python).args(["-c", SCRIPT]).arg(path).output().expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a document")
}

#[test]
fn duckdb_and_arrow_find_what_was_stored() {
    let Ok(python) = std::env::var(PYTHON) else {
        let advice =
            "DuckDB and Arrow do not read files of the store: SENSOR_PYTHON names no Python";
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{advice}; `cargo xtask test labs` sets it"
        );
        println!("skipped: {advice}");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut traffic = Traffic::new(7);
    let mut batches: Vec<FlowBatch> = (0..40).flat_map(|_| traffic.batches(4096)).collect();
    for (number, batch) in batches.iter_mut().enumerate() {
        // Columns of which some rows are told, in some batches; lists, MAC addresses, and addresses behind translations.
        if number % 4 > 1 {
            let rows = batch.len() as u32;
            batch.sample_rate = (0..rows).map(|row| row % 3 * 100).collect();
            batch.nat_source_v4 = (0..rows).map(|row| row % 5).collect();
            batch.source_mac = (0..rows).map(|row| [2, 0, 0, 0, 0, row as u8]).collect();
            for row in 0..rows {
                batch.as_path.put(row as usize, 64_500..64_500 + row % 3);
            }
        }
        if number % 8 == 0 {
            batch.untold |= Column::Tos.bit();
        }
    }
    let path = folder.path().join("journal");
    let mut writer = Writer::create(&path, 1, BEGIN).expect("a journal");
    for batch in &batches {
        writer.append(batch, BEGIN, Sync::Never).expect("a frame");
    }
    let file = folder.path().join("file.parquet");
    write(&Journal::open(&path, 0).expect("a journal"), &file).expect("a file");
    let segment = Segment::open(&file).expect("a file");
    assert!(segment.groups().len() > 4);
    let wanted = wanted(&batches, &segment);
    for (name, said) in ["DuckDB", "Arrow"].iter().zip(say(&python, &file).as_array().expect("two"))
    {
        let own = wanted.as_object().expect("an object");
        for (key, wanted) in own {
            assert_eq!(&said[key], wanted, "{name} of {key}");
        }
    }
}
