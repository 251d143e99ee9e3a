//! What requests reach of the agent.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::observer::Observer;
use crate::agent::{console::served::Served, plant::Plant, reconfigure::Answer};

/// Asks for a reload, and says where its answer goes.
pub type ReloadRequest = oneshot::Sender<Answer>;

/// What requests reach.
#[derive(Clone)]
pub(super) struct Agent {
    /// Its figures.
    pub(super) observer: Arc<Observer>,
    /// Its flows.
    pub(super) plant: Arc<Plant>,
    /// The console, where there is one.
    pub(super) console: Option<Served>,
    /// Takes wishes for a reload.
    pub(super) reload: mpsc::Sender<ReloadRequest>,
}
