//! Columns within others, as Security Lake writes them: they become what the same records in JSON become.

use std::sync::Arc;

use parquet::{
    basic::{Compression, Repetition, Type as Physical},
    data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type},
    file::{
        properties::{WriterProperties, WriterVersion},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::{parser::parse_message_type, types::Type},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::table;
use crate::cloud::{
    ledger::Reason,
    tests::{all_values, decode},
};

/// Columns of Security Lake, with the times that a test chooses.
fn schema(times: &str) -> String {
    format!(
        "message flows {{
            optional group metadata {{ optional group product {{ optional binary version (STRING); required binary name (STRING); }}
                optional group profiles (LIST) {{ repeated group list {{ optional binary element (STRING); }} }} }}
            optional group cloud {{ optional group account {{ optional binary uid (STRING); }} optional binary region (STRING);
                required binary zone (STRING); }}
            optional group src_endpoint {{ optional int32 port; optional binary svc_name (STRING); optional binary ip (STRING);
                optional group intermediate_ips (LIST) {{ repeated group list {{ optional binary element (STRING); }} }}
                optional binary interface_uid (STRING); optional binary vpc_uid (STRING); }}
            required group dst_endpoint {{ optional int32 port; optional binary ip (STRING); optional binary interface_uid (STRING);
                optional binary subnet_uid (STRING); }}
            optional group connection_info {{ required int32 protocol_num; optional int32 tcp_flags; optional binary direction (STRING); }}
            optional group traffic {{ optional int64 packets; optional int64 bytes; }}
            {times}
            optional binary status_code (STRING); optional binary disposition (STRING); optional binary action (STRING);
            optional int64 type_uid;
            optional group unmapped {{ optional binary team (STRING); optional binary reject_reason (STRING); }}
        }}"
    )
}

const MILLISECONDS: &str = "required int64 start_time; required int64 end_time;";

/// Records whose groups and values are there in every combination.
fn records(count: u64) -> Vec<Value> {
    let record = |row: u64| {
        let has = |what: u64| row % what != what - 1;
        let at = 1_790_000_000_000 + row * 1000;
        let mut record = json!({
            "metadata": {"product": {"version": "5", "name": "Amazon VPC"}, "profiles": ["cloud", "datetime"]},
            "cloud": {"account": {"uid": "123456789012"}, "region": "eu-west-1", "zone": format!("euw1-az{}", row % 3)},
            "src_endpoint": {"port": row % 60_000, "svc_name": "-", "ip": format!("10.0.{}.{}", row / 256 % 256, row % 256)},
            "dst_endpoint": {"port": 443, "ip": "172.16.0.9"},
            "connection_info": {"protocol_num": 6, "tcp_flags": 19, "direction": if has(2) { "Inbound" } else { "Outbound" }},
            "traffic": {"packets": row, "bytes": row * 60},
            "start_time": at, "end_time": at + 59_000,
            "status_code": "OK", "type_uid": 400_106,
        });
        // Which interface it was depends on the direction, and only one end has any.
        let end = if has(2) { "dst_endpoint" } else { "src_endpoint" };
        record[end]["interface_uid"] = json!(format!("eni-{}", row / 700));
        if has(3) {
            record["src_endpoint"]["vpc_uid"] = json!("vpc-1");
            record["dst_endpoint"]["subnet_uid"] = json!("subnet-1");
        }
        // One says it, or the other.
        record[if has(5) { "disposition" } else { "action" }] =
            json!(if has(11) { "Allowed" } else { "Blocked" });
        for (what, group) in [(7, "cloud"), (13, "metadata"), (17, "traffic")] {
            if !has(what) {
                record[group] = Value::Null;
            }
        }
        for (what, group, member) in [
            (19, "src_endpoint", "port"),
            (23, "traffic", "packets"),
            (29, "connection_info", "tcp_flags"),
            (31, "cloud", "account"),
        ] {
            if !has(what) && !record[group].is_null() {
                record[group][member] = Value::Null;
            }
        }
        if row.is_multiple_of(37) {
            record["unmapped"] = json!({"team": "red", "reject_reason": "BPA"});
        }
        match row % 41 {
            // Nothing was seen.
            5 => {
                record["src_endpoint"] = Value::Null;
                record["status_code"] = json!("NODATA");
            }
            // No record at all.
            6 => record["src_endpoint"]["ip"] = json!("10.0.0.256"),
            7 => record["connection_info"] = Value::Null,
            _ => {}
        }
        record
    };
    (0..count).map(record).collect()
}

/// What a column has of the records: levels of repetition and definition, and values.
#[derive(Default)]
struct Told<'r> {
    repeated: Vec<i16>,
    defined: Vec<i16>,
    values: Vec<&'r Value>,
}

impl<'r> Told<'r> {
    /// `level` groups around `value` are there; `repeats` where it is not the first one of its record.
    fn tell(
        &mut self,
        kind: &Type,
        path: &[String],
        value: Option<&'r Value>,
        level: i16,
        repeats: bool,
    ) {
        let value = value.filter(|value| !value.is_null());
        let Some((name, below)) = path.split_first() else {
            self.repeated.push(repeats.into());
            self.defined.push(level);
            self.values.extend(value);
            return;
        };
        let fields = kind.get_fields();
        let kind = fields.iter().find(|field| field.name() == name).expect("a field");
        let within = |value: &'r Value| value.get(name).filter(|value| !value.is_null());
        match kind.get_basic_info().repetition() {
            Repetition::REPEATED => match value.and_then(Value::as_array).map(Vec::as_slice) {
                None | Some([]) => self.missing(level, repeats),
                Some(elements) => {
                    // The level between a list and its elements has no member.
                    for (at, element) in elements.iter().enumerate() {
                        self.tell(&kind.get_fields()[0], &[], Some(element), level + 2, at > 0);
                    }
                }
            },
            repetition => match value.and_then(within) {
                None if repetition == Repetition::REQUIRED && value.is_some() => {
                    panic!("{name} is required")
                }
                None => self.missing(level, repeats),
                value => {
                    let more = i16::from(repetition == Repetition::OPTIONAL);
                    self.tell(kind, below, value, level + more, repeats);
                }
            },
        }
    }

    fn missing(&mut self, level: i16, repeats: bool) {
        self.repeated.push(repeats.into());
        self.defined.push(level);
    }
}

/// The file that holds `records`.
fn file(schema: &str, records: &[Value], version: WriterVersion, dictionary: bool) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_writer_version(version)
        .set_dictionary_enabled(dictionary)
        .set_data_page_row_count_limit(170)
        .set_write_batch_size(170);
    let mut writer =
        SerializedFileWriter::new(Vec::new(), schema.clone(), Arc::new(properties.build()))
            .expect("a file in memory");
    for records in records.chunks(1300) {
        let mut group = writer.next_row_group().expect("a group");
        let columns = parquet::schema::types::SchemaDescriptor::new(schema.clone());
        for column in columns.columns() {
            let mut told = Told::default();
            for record in records {
                told.tell(&schema, column.path().parts(), Some(record), 0, false);
            }
            let mut writer = group.next_column().expect("a column").expect("one more");
            write(&mut writer, column.physical_type(), &told);
            writer.close().expect("a column");
        }
        group.close().expect("a group");
    }
    writer.into_inner().expect("a file")
}

fn write(column: &mut SerializedColumnWriter<'_>, kind: Physical, told: &Told<'_>) {
    let (defined, repeated) = (Some(&told.defined[..]), Some(&told.repeated[..]));
    let numbers = || told.values.iter().map(|value| value.as_i64().expect("a number"));
    let written = match kind {
        Physical::INT32 => {
            let values: Vec<i32> = numbers().map(|number| number as i32).collect();
            column.typed::<Int32Type>().write_batch(&values, defined, repeated)
        }
        Physical::INT64 => {
            let values: Vec<i64> = numbers().collect();
            column.typed::<Int64Type>().write_batch(&values, defined, repeated)
        }
        _ => {
            let texts = told.values.iter().map(|value| value.as_str().expect("a text"));
            let values: Vec<ByteArray> = texts.map(ByteArray::from).collect();
            column.typed::<ByteArrayType>().write_batch(&values, defined, repeated)
        }
    };
    written.expect("values");
}

/// The file of `written` becomes what `records` in JSON become.
fn check_same(records: &[Value], octets: Vec<u8>) {
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    let (batches, expected) = decode(text.as_bytes(), usize::MAX, &Default::default());
    let (rows, ledger, error) = table(octets);
    assert_eq!(error, None);
    let wanted = all_values(&batches);
    for (number, (row, wanted)) in rows.iter().zip(&wanted).enumerate() {
        assert_eq!(row, wanted, "row {number}");
    }
    assert_eq!(rows.len(), wanted.len());
    let account = |ledger: &crate::cloud::ledger::Ledger| {
        (ledger.records, ledger.flows, ledger.windows, ledger.errors, ledger.unknown.clone())
    };
    assert_eq!(account(&ledger), account(&expected));
}

#[test]
fn columns_within_others_become_what_json_becomes() {
    let records = records(2000);
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for dictionary in [true, false] {
            check_same(&records, file(&schema(MILLISECONDS), &records, version, dictionary));
        }
    }
    let (rows, ledger, _) =
        table(file(&schema(MILLISECONDS), &records, WriterVersion::PARQUET_1_0, true));
    let (windows, errors) = (ledger.windows.iter().sum::<u64>(), ledger.all_errors());
    assert_eq!((windows, errors), (49, 98));
    assert_eq!(rows.len() as u64 + windows + errors, 2000);
}

/// As text, and as times whose type says the unit.
#[test]
fn times_are_told_in_every_way() {
    let records = records(100);
    let begin = |record: &Value| record["start_time"].as_i64().expect("a time");
    let way = |types: &str, value: &dyn Fn(i64) -> Value| {
        let times =
            format!("optional {types}; optional int64 end_time;").replace("NAME", "start_time_dt");
        let written: Vec<Value> = records
            .iter()
            .map(|record| {
                let mut record = record.clone();
                record["start_time_dt"] = value(begin(&record));
                record
            })
            .collect();
        check_same(&records, file(&schema(&times), &written, WriterVersion::PARQUET_1_0, true));
    };
    way("int64 NAME (TIMESTAMP(MILLIS,true))", &|time| json!(time));
    way("int64 NAME (TIMESTAMP(MICROS,true))", &|time| json!(time * 1000 + 7));
    way("int64 NAME", &|time| json!(time));
    way("int64 NAME", &|time| json!(time / 1000));
    way("binary NAME (STRING)", &|time| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(time as u64);
        let days = time.duration_since(std::time::UNIX_EPOCH).expect("later").as_secs();
        // All of them are of one day, 2026-09-21.
        let second = days - 1_789_948_800;
        json!(format!(
            "2026-09-21 {:02}:{:02}:{:02}.000000",
            second / 3600,
            second / 60 % 60,
            second % 60
        ))
    });
}

#[test]
fn of_two_columns_that_say_the_same_the_first_that_tells_something_counts() {
    let both = format!(
        "optional int64 start_time_dt (TIMESTAMP(MILLIS,true)); optional int64 start_time; {}",
        "required int64 end_time;"
    );
    let mut written = records(3);
    let begins = [1_790_000_001_000_i64, 1_790_000_002_000, 1_790_000_003_000];
    for (record, begin) in written.iter_mut().zip(begins) {
        record["start_time_dt"] = json!(begin);
        record["start_time"] = json!(1_790_000_000_000_i64);
        record["end_time"] = json!(1_790_000_059_000_i64);
    }
    written[1]["start_time_dt"] = Value::Null;
    let mut told = written.clone();
    for (record, begin) in told.iter_mut().zip([begins[0], 1_790_000_000_000, begins[2]]) {
        record["start_time"] = json!(begin);
        record.as_object_mut().expect("an object").remove("start_time_dt");
    }
    check_same(&told, file(&schema(&both), &written, WriterVersion::PARQUET_1_0, true));
}

/// The list says what stood for an address; the flow is told without.
#[test]
fn lists_that_nobody_needs_are_passed_over_and_others_are_refused_by_name() {
    let mut written = records(50);
    let told = written.clone();
    for (at, record) in
        written.iter_mut().enumerate().filter(|(_, record)| !record["src_endpoint"].is_null())
    {
        record["src_endpoint"]["intermediate_ips"] = json!(vec!["10.9.9.9"; at % 4]);
    }
    check_same(&told, file(&schema(MILLISECONDS), &written, WriterVersion::PARQUET_1_0, true));

    let list =
        "optional group NAME (LIST) { repeated group list { optional binary element (STRING); } }";
    let one = "optional binary ip (STRING);";
    let schema = schema(MILLISECONDS).replacen(one, &list.replace("NAME", "ip"), 1);
    for record in &mut written {
        if let Some(address) = record["src_endpoint"].get("ip").cloned() {
            record["src_endpoint"]["ip"] = json!([address]);
        }
    }
    let (rows, ledger, error) = table(file(&schema, &written, WriterVersion::PARQUET_1_0, true));
    let error = error.expect("an error");
    assert!(error.contains("in column `src_endpoint.ip.list.element` lists"), "{error}");
    assert_eq!((rows.len(), ledger.errors[Reason::Syntax as usize]), (0, 50));
}

/// Of a group that may repeat, each of its columns is a list.
#[test]
fn groups_that_repeat_are_refused_by_name() {
    let schema = "message flows { repeated group dst_endpoint { optional binary ip (STRING); } required int64 end_time; }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).expect("a file");
    let mut group = writer.next_row_group().expect("a group");
    let (one, other, time) = (json!("10.0.0.1"), json!("10.0.0.2"), json!(1_790_000_000_000_i64));
    let addresses = Told { repeated: vec![0, 1], defined: vec![2, 2], values: vec![&one, &other] };
    let times = Told { repeated: vec![0], defined: vec![0], values: vec![&time] };
    for (kind, told) in [(Physical::BYTE_ARRAY, addresses), (Physical::INT64, times)] {
        let mut column = group.next_column().expect("a column").expect("one more");
        write(&mut column, kind, &told);
        column.close().expect("a column");
    }
    group.close().expect("a group");
    let (_, ledger, error) = table(writer.into_inner().expect("a file"));
    let error = error.expect("an error");
    assert!(error.contains("in column `dst_endpoint.ip` lists"), "{error}");
    assert_eq!(ledger.errors[Reason::Syntax as usize], 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn octets_that_are_changed_anywhere_are_accounted_for(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        second in any::<bool>(), dictionary in any::<bool>(),
    ) {
        let version = if second { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
        let mut octets = file(&schema(MILLISECONDS), &records(40), version, dictionary);
        let behind = 4;
        for (place, octet) in changes {
            let place = behind + place.index(octets.len() - behind);
            octets[place] = octet;
        }
        table(octets);
    }
}
