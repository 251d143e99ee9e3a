//! Standard output.

use std::io::{ErrorKind, Write};

use super::outcome::{Failure, Message, Verdict};
use crate::stdio;

/// Whether people read it.
pub fn is_terminal() -> bool {
    stdio::output_is_terminal()
}

/// Standard output of this process.
pub struct Stdout {
    writer: Box<dyn Write + Send>,
    text: Vec<u8>,
}

impl Stdout {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self::to(stdio::output())
    }

    fn to(writer: impl Write + Send + 'static) -> Self {
        Self { writer: Box::new(writer), text: Vec::new() }
    }

    /// Writes the batch, a line end behind each message.
    pub fn deliver(&mut self, batch: &[Message]) -> Result<usize, Failure> {
        self.text.clear();
        for message in batch {
            self.text.extend_from_slice(message);
            self.text.push(b'\n');
        }
        match self.writer.write_all(&self.text).and_then(|()| self.writer.flush()) {
            Ok(()) => Ok(self.text.len()),
            Err(error) => {
                let gone = error.kind() == ErrorKind::BrokenPipe;
                let verdict = if gone { Verdict::Gone } else { Verdict::Retry { after: None } };
                Err(Failure { delivered: 0, verdict, error: error.to_string() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read as _};

    use super::*;

    #[test]
    fn lines_until_nobody_reads() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut stdout = Stdout::to(writer);
        assert_eq!(stdout.deliver(&[b"a".to_vec(), b"b".to_vec()]).unwrap(), 4);
        let mut text = [0; 4];
        reader.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"a\nb\n");
        drop(reader);
        let failure = stdout.deliver(&[b"c".to_vec()]).unwrap_err();
        assert_eq!((failure.delivered, failure.verdict), (0, Verdict::Gone));
    }
}
