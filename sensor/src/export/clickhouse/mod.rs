//! Flow records into a table of ClickHouse, by HTTP, as rows of RowBinary ([`super::lots`]). The server knows a repeat by its token, and
//! counts it once.
//!
//! * [`options`]: where to, and how lots are cut. `client`: posts one.

pub mod options;

mod client;

use sensor_core::flow::interfaces::SharedInterfaces;

use self::{client::Client, options::ClickHouseOptions};
use super::lots::{carrier::Failure, error::LotsError, lot::Cutter, sink::LotsSink};
use crate::clock;

/// Starts inserting. A server that cannot be reached is no error: it is tried again.
///
/// # Errors
/// Certificates or credentials that cannot be read, a thread that cannot be started.
pub fn start(
    options: &ClickHouseOptions,
    interfaces: SharedInterfaces,
    queue: u64,
) -> Result<LotsSink, LotsError> {
    let client = Client::new(options.clone())?;
    let lots = Cutter::new(options.lots.clone(), interfaces, clock::now());
    LotsSink::start("clickhouse", options.to_string(), client, lots, queue)
}

/// Whether an output can be started with these options.
///
/// # Errors
/// Certificates or credentials that cannot be read.
pub fn check(options: &ClickHouseOptions) -> Result<(), LotsError> {
    Client::new(options.clone()).map(drop)
}

/// Has the server do a statement, such as the one that makes the table, or a question; what it answers.
///
/// # Errors
/// When it cannot be asked, or refuses.
pub fn ask(options: &ClickHouseOptions, statement: &str) -> Result<String, LotsError> {
    let client = Client::new(options.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(LotsError::Start)?;
    let answer = runtime.block_on(client.ask(statement));
    runtime.shutdown_background();
    let (Failure::Later(problem) | Failure::Refused(problem)) = match answer {
        Ok(answer) => return Ok(answer),
        Err(failure) => failure,
    };
    Err(LotsError::Settings { output: options.to_string(), problem })
}
