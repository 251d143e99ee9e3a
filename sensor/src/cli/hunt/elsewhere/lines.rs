//! Flows that another has found: only what was asked of them is known.

use sensor_core::flow::fields::{Field, Kind, OwnedValue, Value};

use crate::{
    cli::{
        hunt::table::{Table, numbers, words},
        when::Zone,
    },
    export::log::{csv, json, people},
};

/// Flows, a value for each field.
#[derive(Debug, Default)]
pub struct Lines {
    /// The fields.
    pub fields: Vec<&'static Field>,
    /// The flows, in the order in which they are shown.
    pub flows: Vec<Vec<Option<OwnedValue>>>,
    /// Whether people read times as times, and not as numbers: nobody has chosen fields.
    pub is_for_people: bool,
}

/// Fields that people see where they choose none.
pub const FOR_PEOPLE: [&str; 11] = [
    "end",
    "duration",
    "flowsrcname",
    "protocol",
    "srcip",
    "srcport",
    "dstip",
    "dstport",
    "packets",
    "octets",
    "flowtype",
];

impl Lines {
    /// Appends JSON objects, one a line; fields without a value are left out.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        for flow in &self.flows {
            out.push(b'{');
            let told = self
                .fields
                .iter()
                .zip(flow)
                .filter_map(|(field, value)| Some((*field, value.as_ref()?)));
            for (at, (field, value)) in told.enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                json::write_value(out, Value::Text(field.name));
                out.push(b':');
                match value.value() {
                    // As in flow logs: names of an address are one text.
                    Value::Texts(names) if field.kind == Kind::Text => {
                        json::write_value(out, Value::Text(&names.join(",")));
                    }
                    value => json::write_value(out, value),
                }
            }
            out.extend_from_slice(b"}\n");
        }
    }

    /// Appends CSV with a line that names the columns.
    pub fn write_csv(&self, out: &mut Vec<u8>) {
        let names: Vec<&str> = self.fields.iter().map(|field| field.name).collect();
        out.extend_from_slice(names.join(",").as_bytes());
        out.push(b'\n');
        for flow in &self.flows {
            for (at, value) in flow.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                csv::write_cell(out, value.as_ref().map_or(Value::Absent, OwnedValue::value));
            }
            out.push(b'\n');
        }
    }

    /// Appends a table, `width` characters wide where that can be.
    pub fn write_table(&self, out: &mut Vec<u8>, zone: Zone, width: Option<usize>) {
        let column = |field: &&'static Field| {
            let name = field.name.to_ascii_uppercase();
            match matches!(field.kind, Kind::Unsigned(_) | Kind::Integer | Kind::Float) {
                true if !self.is_time(field) => numbers(&name, 0),
                _ => words(&name, 0),
            }
        };
        let mut table = Table::new(self.fields.iter().map(column).collect());
        for flow in &self.flows {
            let cells = self.fields.iter().zip(flow);
            table.push(cells.map(|(field, value)| self.cell(field, value.as_ref(), zone)));
        }
        out.extend_from_slice(table.text(width).as_bytes());
    }

    fn is_time(&self, field: &Field) -> bool {
        self.is_for_people && field.name == "end"
    }

    fn cell(&self, field: &Field, value: Option<&OwnedValue>, zone: Zone) -> String {
        match value {
            Some(OwnedValue::Integer(time)) if self.is_time(field) => zone.show(*time),
            value => people::cell(value.map_or(Value::Absent, OwnedValue::value)),
        }
    }
}
