//! Objects of cloud logs: files, folders full of them, and standard input, through their compression.

use std::{
    io::{self, Read},
    ops::ControlFlow,
    path::Path,
};

use sensor_core::{dns::DnsBatch, flow::batch::FlowBatch};
use sensor_wire::cloud::{
    decoder::{Decoder, Hints, Table, is_table},
    double::Reporting,
    flows::Flows,
    format::{ENOUGH, Format},
};
use thiserror::Error;

use super::{
    folders::{self, Found, Listing, Skipped, Why},
    foreign,
    meter::Meter,
    open::{self, STDIN},
    seek,
};

/// Octets that are read at once.
pub const PIECE: usize = 256 << 10;

/// Why an object could not be read.
#[derive(Debug, Error)]
pub enum ObjectError {
    /// The system says so.
    #[error("cannot read {0}")]
    Read(String, #[source] io::Error),
    /// Nothing that is decoded begins so.
    #[error("{0} is no cloud flow log that is known here ({known}); {1}", known = formats())]
    Format(String, &'static str),
    /// Folders in which nothing was found that is decoded.
    #[error("{0} holds no cloud flow log that is known here ({known}); captures and exports in it must be named one by one", known = formats())]
    NoLog(String),
}

fn formats() -> String {
    Format::ALL.map(Format::name).join(", ")
}

/// The objects that `paths` name, in the order of their times: folders stand for the files in them.
///
/// # Errors
/// The first folder that cannot be read.
pub fn list(paths: &[impl AsRef<Path>]) -> Result<Listing, ObjectError> {
    folders::list(paths)
        .map_err(|(path, error)| ObjectError::Read(path.display().to_string(), error))
}

/// The format of a file, by its first octets; none where they cannot be read.
pub fn format(path: &Path) -> Option<Format> {
    if path == Path::new(STDIN) || !path.is_file() {
        return None;
    }
    let mut begin = vec![0; ENOUGH];
    let mut file = open::open(path, &Meter::default()).ok()?;
    // Also of one that cannot be read to its end.
    let length = fill(&mut file, &mut begin).ok()?;
    Format::detect(&begin[..length])
}

/// What objects tell.
#[expect(clippy::large_enum_variant, reason = "handed on one at a time, and not kept")]
pub enum Batch {
    /// Flows.
    Flows(FlowBatch),
    /// DNS records.
    Dns(DnsBatch),
}

impl Batch {
    /// Records in it.
    pub fn records(&self) -> usize {
        match self {
            Self::Flows(batch) => batch.len(),
            Self::Dns(batch) => batch.len(),
        }
    }
}

/// Reads objects, one after the other.
pub struct Objects {
    format: Option<Format>,
    hints: Hints,
    reporting: Reporting,
    /// The time of reading.
    now: u64,
    /// What each cloud tells.
    pub flows: Vec<Flows>,
    /// Objects so far.
    pub count: u64,
    /// What was passed over, or given up, in folders.
    pub skipped: Vec<Skipped>,
}

impl Objects {
    /// Of this format, or of those that their first octets tell; without what `reporting` leaves out. `now` is the time of reading,
    /// in milliseconds since the epoch: of what is dated after that, nothing is believed.
    pub fn new(format: Option<Format>, hints: Hints, reporting: Reporting, now: u64) -> Self {
        Self { format, hints, reporting, now, flows: Vec::new(), count: 0, skipped: Vec::new() }
    }

    /// Reads an object; `each` gets its records, and may end it.
    ///
    /// # Errors
    /// Where it cannot be read to its end; what was read is decoded all the same. What nobody named, but lies in a folder,
    /// is among the skipped then, as what holds no log.
    pub fn read(
        &mut self,
        object: &Found,
        meter: &Meter,
        each: &mut impl FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ObjectError> {
        match self.read_to_end(object, meter, each) {
            Err(ObjectError::Read(_, error)) if object.of_folder => {
                Ok(self.skip(object, Why::Unreadable(error)))
            }
            result => result,
        }
    }

    fn skip(&mut self, object: &Found, why: Why) -> ControlFlow<()> {
        self.skipped.push(Skipped { path: object.path.clone(), why });
        ControlFlow::Continue(())
    }

    fn read_to_end(
        &mut self,
        object: &Found,
        meter: &Meter,
        each: &mut impl FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ObjectError> {
        let path = &object.path;
        let shown = path.display().to_string();
        let failed = |error| ObjectError::Read(shown.clone(), error);
        let mut file = open::open(path, meter).map_err(failed)?;
        let mut piece = vec![0; PIECE];
        let mut length = fill(&mut file, &mut piece).map_err(failed)?;
        if length == 0 {
            if object.of_folder {
                return Ok(self.skip(object, Why::Empty));
            }
            self.count += 1;
            return Ok(ControlFlow::Continue(()));
        }
        let format = self.format.or_else(|| Format::detect(&piece[..length.min(ENOUGH)]));
        let Some(format) = format else {
            if object.of_folder {
                return Ok(self.skip(object, Why::Foreign));
            }
            let hint = foreign::hint(&piece[..length]).unwrap_or("name its format with `--as`");
            return Err(ObjectError::Format(shown, hint));
        };
        self.count += 1;
        let flows = self.flows(format);
        let flows = &mut self.flows[flows];
        if is_table(format, &piece[..length]) {
            let octets = seek::seekable(path, &piece[..length], file, meter).map_err(failed)?;
            let read = Table::open(octets, &shown, flows).map_err(io::Error::from);
            return read_table(read.map_err(failed)?, flows, each, failed);
        }
        let mut decoder = Decoder::new(format, &shown, &self.hints);
        let mut ended = ControlFlow::Continue(());
        let mut result = Ok(());
        while length != 0 && ended.is_continue() {
            decoder.feed(&piece[..length], flows);
            ended = hand_on(flows, false, each);
            match fill(&mut file, &mut piece) {
                Ok(more) => length = more,
                Err(error) => {
                    result = Err(failed(error));
                    break;
                }
            }
        }
        decoder.finish(flows);
        if ended.is_continue() {
            ended = hand_on(flows, true, each);
        }
        result.map(|()| ended)
    }

    fn flows(&mut self, format: Format) -> usize {
        let source = format.source();
        let known = self.flows.iter().position(|flows| flows.cloud() == source);
        known.unwrap_or_else(|| {
            let mut flows = Flows::new(source);
            flows.set_reporting(self.reporting.clone());
            flows.set_now(self.now);
            self.flows.push(flows);
            self.flows.len() - 1
        })
    }
}

/// Reads what is not read from its beginning to its end.
fn read_table(
    mut table: Table,
    flows: &mut Flows,
    each: &mut impl FnMut(Batch) -> ControlFlow<()>,
    failed: impl Fn(io::Error) -> ObjectError,
) -> Result<ControlFlow<()>, ObjectError> {
    loop {
        let read = table.read(flows);
        let has_more = matches!(read, Ok(true));
        let ended = hand_on(flows, !has_more, each);
        if !has_more || ended.is_break() {
            return read.map_err(|fault| failed(fault.into())).map(|_| ended);
        }
    }
}

fn hand_on(
    flows: &mut Flows,
    all: bool,
    each: &mut impl FnMut(Batch) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut ended = ControlFlow::Continue(());
    let mut hand = |batch| {
        if ended.is_continue() {
            ended = each(batch);
        }
    };
    flows.take(all, |batch| hand(Batch::Flows(batch)));
    flows.take_dns(all, |batch| hand(Batch::Dns(batch)));
    ended
}

/// Reads until the buffer is full or nothing more comes.
///
/// # Errors
/// What the reader says, once nothing came before that.
pub fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What came before the fault is decoded first; the fault comes again.
            Err(_) if length != 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _, path::PathBuf};

    use super::*;

    /// 2015-05-10, the day of the records.
    const NOW: u64 = 1_431_280_934_000;
    const LINE: &str = "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1431280876 1431280934 ACCEPT OK\n";

    fn read(paths: &[PathBuf]) -> (usize, Vec<Result<(), String>>) {
        let mut objects = Objects::new(None, Hints::default(), Reporting::default(), NOW);
        let (mut rows, mut results) = (0, Vec::new());
        for found in list(paths).expect("folders are readable").files {
            let result = objects.read(&found, &Meter::default(), &mut |batch| {
                rows += batch.records();
                ControlFlow::Continue(())
            });
            results.push(result.map(drop).map_err(|error| error.to_string()));
        }
        (rows, results)
    }

    fn zipped(text: &str) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(text.as_bytes()).expect("memory");
        out.finish().expect("memory")
    }

    #[test]
    fn a_folder_is_its_files_in_the_order_of_their_times() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = |account: &str, time: &str| {
            folder
                .path()
                .join(account)
                .join(format!("{account}_vpcflowlogs_r_fl-1_{time}_x.log.gz"))
        };
        let (first, second, third) =
            (name("b", "20260101T0000Z"), name("a", "20260101T0005Z"), name("b", "20260101T0010Z"));
        for path in [&third, &second, &first] {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            // Two members, as of an object that was put together from two.
            fs::write(path, [zipped(LINE), zipped(LINE)].concat()).expect("a file");
        }
        fs::write(folder.path().join(".state"), "x").expect("a file");
        let paths = [folder.path().to_owned()];
        let files = list(&paths).expect("readable").files;
        let files: Vec<_> = files.into_iter().map(|found| found.path).collect();
        assert_eq!(files, [first, second, third]);
        assert_eq!(read(&paths), (6, vec![Ok(()); 3]));
    }

    #[test]
    fn an_object_that_ends_early_is_read_up_to_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cut.log.gz");
        let whole = zipped(LINE);
        let mut cut = whole.clone();
        cut.extend(&zipped(&LINE.repeat(100))[..40]);
        fs::write(&path, cut).expect("a file");
        let (rows, results) = read(std::slice::from_ref(&path));
        assert!(rows >= 1, "{rows}");
        assert_eq!(results, [Err(format!("cannot read {}", path.display()))]);
        // Its format is known, however soon it ends.
        assert_eq!(format(&path), Some(Format::Aws));
        fs::write(&path, [&whole[..], b"garbage"].concat()).expect("a file");
        assert_eq!(format(&path), Some(Format::Aws));
    }

    #[test]
    fn what_is_no_log_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("picture");
        fs::write(&path, "P6 1 1").expect("a file");
        let (rows, results) = read(std::slice::from_ref(&path));
        let error = results[0].as_ref().expect_err("no log");
        assert!(
            rows == 0 && error.contains("picture is no cloud flow log") && error.contains("aws"),
            "{error}"
        );
        assert_eq!(format(&path), None);
        fs::write(&path, "\u{feff}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
            .expect("a file");
        let (_, results) = read(std::slice::from_ref(&path));
        assert!(
            results[0].as_ref().expect_err("no log").ends_with("makes text of it that is read")
        );
        fs::write(&path, LINE).expect("a file");
        assert_eq!(format(&path), Some(Format::Aws));
    }

    #[test]
    fn what_is_no_log_in_a_folder_is_skipped_and_the_rest_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("README"), "What lies here?\n").expect("a file");
        fs::write(at("empty.log"), "").expect("a file");
        fs::write(at("empty.log.gz"), zipped("")).expect("a file");
        fs::write(at("cut.log.gz"), [zipped(LINE), zipped(LINE)[..20].to_vec()].concat())
            .expect("a file");
        fs::write(at("z.log"), LINE).expect("a file");
        let mut objects = Objects::new(None, Hints::default(), Reporting::default(), NOW);
        let mut rows = 0;
        for found in list(&[folder.path()]).expect("readable").files {
            let read = objects.read(&found, &Meter::default(), &mut |batch| {
                rows += batch.records();
                ControlFlow::Continue(())
            });
            assert!(matches!(read, Ok(ControlFlow::Continue(()))), "{read:?}");
        }
        // The whole member of the log that is cut short, and the whole log.
        assert_eq!((objects.count, rows), (2, 2));
        let kind = |skipped: &Skipped| {
            let name = skipped.path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::mem::discriminant(&skipped.why))
        };
        let unreadable = Why::Unreadable(io::ErrorKind::UnexpectedEof.into());
        let expected = [
            ("README", Why::Foreign),
            ("cut.log.gz", unreadable),
            ("empty.log", Why::Empty),
            ("empty.log.gz", Why::Empty),
        ];
        let expected = expected.map(|(name, why)| (name.to_owned(), std::mem::discriminant(&why)));
        assert_eq!(objects.skipped.iter().map(kind).collect::<Vec<_>>(), expected);
    }
}
