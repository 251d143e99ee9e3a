//! Standard output.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use super::{Failure, Message, Verdict};

/// Whether people read it.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Standard output of this process.
pub struct Stdout {
    text: Vec<u8>,
}

impl Stdout {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self { text: Vec::new() }
    }

    /// Writes the batch, a line end behind each message.
    pub fn deliver(&mut self, batch: &[Message]) -> Result<usize, Failure> {
        self.text.clear();
        for message in batch {
            self.text.extend_from_slice(message);
            self.text.push(b'\n');
        }
        let mut stdout = io::stdout().lock();
        match stdout.write_all(&self.text).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(self.text.len()),
            Err(error) => {
                let gone = error.kind() == ErrorKind::BrokenPipe;
                let verdict = if gone { Verdict::Gone } else { Verdict::Retry { after: None } };
                Err(Failure { delivered: 0, verdict, error: error.to_string() })
            }
        }
    }
}
