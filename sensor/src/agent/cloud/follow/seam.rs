//! The seam between what finds objects (a folder, a bucket, a server that takes uploads) and what decodes them.
//!
//! A source of objects is an [`ObjectSource`]: it works on a thread of its own, and [hands over](Desk::hand) each object with a
//! way to its octets. The desk is bounded, so a source waits while records are decoded and put out. Each object gets one
//! [`Answer`], once that is so for good: when the outputs have its records and the state file says so. What is acknowledged to others
//! (a message in a queue, an upload) is acknowledged then, and not before.
//!
//! After a restart a source hands over again whatever [`Desk::wants`]; objects that were under way come first, in the order of
//! [`Desk::resumed`], so that not one record of them is put out twice.

use std::{
    fmt,
    fs::File,
    io::{self, Cursor, Read},
    os::unix::fs::FileExt as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{SyncSender, TrySendError},
    },
    time::Duration,
};

use bytes::Bytes;
use sensor_core::sync::Unpoisoned as _;

pub use super::items::{Answer, Object, Trouble, Wanted};
use super::{
    figures::Figures,
    state::{Planned, State},
};

/// Objects that wait at a desk.
pub const WAITING: usize = 64;

/// Opens the octets of an object from an offset on.
pub type Open = Box<dyn FnMut(u64) -> io::Result<Box<dyn Read + Send>> + Send>;

/// The octets of an object as they are stored; compression is looked through.
pub enum Content {
    /// Here they are.
    Octets(Bytes),
    /// They are the first octets of a file, as many as this, whoever else reads it.
    File(Arc<File>, u64),
    /// They are read when it is their turn; from 0 on, and some from further behind where the object grows.
    Open(Open),
}

impl Content {
    /// The octets from `offset` on.
    ///
    /// # Errors
    /// What the source says.
    pub fn open(&mut self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Octets(octets) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(octets.len());
                Ok(Box::new(Cursor::new(octets.slice(start..))))
            }
            Self::File(file, end) => {
                Ok(Box::new(Part { file: file.clone(), at: offset, end: *end }))
            }
            Self::Open(open) => open(offset),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Octets(octets) => write!(f, "{} octets", octets.len()),
            Self::File(_, end) => write!(f, "{end} octets of a file"),
            Self::Open(_) => f.write_str("to be opened"),
        }
    }
}

/// A part of a file.
struct Part {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..length], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Takes the answer. It is called on the thread that decodes, and must not wait.
pub type Reply = Box<dyn FnOnce(Answer) + Send>;

/// An object, handed over.
pub struct Handed {
    /// What is known of it.
    pub object: Object,
    /// The way to its octets.
    pub content: Content,
    /// Who gets the answer.
    pub reply: Reply,
}

/// Whoever decodes has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// Where objects are handed over.
#[derive(Clone)]
pub struct Desk {
    pub(super) objects: SyncSender<Handed>,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) figures: Arc<Figures>,
    pub(super) stop: Stop,
}

impl Desk {
    /// Whether an object is to be handed over. Cheap: for each object of a listing.
    pub fn wants(&self, object: &Object) -> Wanted {
        self.state.lock().unpoisoned().wants(object)
    }

    /// Objects that are unknown and were last changed before this are not wanted; milliseconds since the epoch.
    pub fn floor(&self) -> u64 {
        self.state.lock().unpoisoned().floor
    }

    /// Whatever was last changed before `floor` was read, or is not to be: what is unknown and older is not wanted from now on. The
    /// state file has it with the next lot.
    pub fn raise_floor(&self, floor: u64) {
        let mut state = self.state.lock().unpoisoned();
        state.floor = state.floor.max(floor);
    }

    /// The objects that were under way when the agent ended. They are to be handed over first, in this order, with the version of
    /// then and as many octets as that had, also where they have grown since.
    pub fn resumed(&self) -> Vec<Planned> {
        self.state.lock().unpoisoned().plan.clone()
    }

    /// Hands an object over; waits while there is no room.
    ///
    /// # Errors
    /// When whoever decodes has ended, or is to end.
    pub fn hand(&self, mut handed: Handed) -> Result<(), Closed> {
        loop {
            match self.objects.try_send(handed) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(Closed),
                Err(TrySendError::Full(back)) => handed = back,
            }
            if self.stop.wait(Duration::from_millis(20)) {
                return Err(Closed);
            }
        }
    }

    /// Hands an object over if there is room for it.
    ///
    /// # Errors
    /// True where there is none; false when whoever decodes has ended, or is to end.
    pub fn try_hand(&self, handed: Handed) -> Result<(), bool> {
        if self.stop.is_asked() {
            return Err(false);
        }
        self.objects.try_send(handed).map_err(|error| matches!(error, TrySendError::Full(_)))
    }

    /// Where the source counts what only it knows.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }
}

#[cfg(test)]
impl Desk {
    /// A desk that hands over to `objects`, for a source of which `state` was read.
    pub fn of_test(objects: SyncSender<Handed>, state: State) -> Self {
        let silence = super::silence::Silence::new(None, 0);
        let figures = Figures::new("test", "memory".to_owned(), silence);
        let (state, stop) = (Arc::new(Mutex::new(state)), Stop::default());
        Self { objects, state, figures: Arc::new(figures), stop }
    }
}

/// The wish that a source, and whoever decodes, end.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks for it.
    pub fn ask(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether it was asked for.
    pub fn is_asked(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Waits so long, or until it is asked for; whether it is.
    pub fn wait(&self, time: Duration) -> bool {
        const STEP: Duration = Duration::from_millis(20);
        let mut left = time;
        while !self.is_asked() && !left.is_zero() {
            let step = left.min(STEP);
            std::thread::sleep(step);
            left -= step;
        }
        self.is_asked()
    }
}

/// What finds objects.
pub trait ObjectSource: Send + 'static {
    /// Hands objects to `desk` until `stop` is asked for. Runs on a thread of its own, without capabilities.
    fn run(self: Box<Self>, desk: &Desk, stop: &Stop);
}
