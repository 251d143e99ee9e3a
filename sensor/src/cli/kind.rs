//! Kinds of records, as flags name them.

use clap::ValueEnum;
use sensor_core::flow::fields;

/// What a record, or a query, is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordKindArg {
    /// Flow records
    Flow,
    /// DNS messages
    Dns,
    /// Policy events
    Alert,
    /// Configuration changes
    Audit,
}

impl From<RecordKindArg> for fields::RecordKind {
    fn from(context: RecordKindArg) -> Self {
        match context {
            RecordKindArg::Flow => Self::Flow,
            RecordKindArg::Dns => Self::Dns,
            RecordKindArg::Alert => Self::Alert,
            RecordKindArg::Audit => Self::Audit,
        }
    }
}
