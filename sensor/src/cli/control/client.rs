//! HTTP over the control socket: one request to a connection, its answer whole or line by line.

use std::{io, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::HOST,
};
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, runtime::Runtime, time::timeout};

use crate::cli::exit::Failure;

/// Octets of a line at most: a flow with many labels has some kilobytes.
const LINE: usize = 1 << 20;

/// Asks an agent.
pub struct Client {
    path: PathBuf,
    runtime: Runtime,
}

/// What it says.
pub struct Answer {
    headers: hyper::HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// Of the agent at the socket `path`.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn new(path: PathBuf) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { path, runtime })
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// When no agent answers within `patience`, or it refuses.
    pub fn ask(&self, method: &str, target: &str, patience: Duration) -> anyhow::Result<Answer> {
        self.runtime.block_on(async {
            let asking = async {
                let response = self.send(method, target).await?;
                let (parts, body) = response.into_parts();
                let body = body.collect().await.context("the answer is cut short")?.to_bytes();
                anyhow::Ok((parts, body))
            };
            let answered = timeout(patience, asking).await;
            let (parts, body) = answered.map_err(|_| self.silent(patience))??;
            check(parts.status, &body)?;
            Ok(Answer { headers: parts.headers, body })
        })
    }

    /// Asks, and hands on each line of the answer as it comes, until `each` has enough or the agent ends.
    ///
    /// # Errors
    /// As those of [`Self::ask`], where `patience` is for the beginning of the answer; those of `each`.
    pub fn stream(
        &self,
        target: &str,
        patience: Duration,
        mut each: impl FnMut(&str) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let response = timeout(patience, self.send("GET", target)).await;
            let response = response.map_err(|_| self.silent(patience))??;
            let (parts, mut body) = response.into_parts();
            if parts.status != StatusCode::OK {
                let body = timeout(patience, body.collect()).await;
                let body = body.map_err(|_| self.silent(patience))??.to_bytes();
                return check(parts.status, &body);
            }
            let mut rest = Vec::new();
            while let Some(frame) = body.frame().await {
                // The agent has ended in the midst of something: what was whole has been shown.
                let Ok(frame) = frame else { break };
                let Ok(octets) = frame.into_data() else { continue };
                rest.extend_from_slice(&octets);
                let end = rest.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
                for line in String::from_utf8_lossy(&rest[..end]).lines() {
                    if !each(line)? {
                        return Ok(());
                    }
                }
                rest.drain(..end);
                if rest.len() > LINE {
                    bail!("the answer has a line of more than {LINE} octets");
                }
            }
            bail!("the sensor has stopped");
        })
    }

    async fn send(&self, method: &str, target: &str) -> anyhow::Result<Response<Incoming>> {
        let stream = UnixStream::connect(&self.path).await.map_err(|error| self.absent(error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(target).header(HOST, "localhost");
        let request = request.body(Empty::<Bytes>::new())?;
        sender.send_request(request).await.map_err(|error| self.unanswered(error))
    }

    /// Why a request had no answer.
    fn unanswered(&self, error: hyper::Error) -> anyhow::Error {
        let path = self.path.display();
        let text = if error.is_parse() {
            format!("what answers at {path} is no sensor")
        } else {
            format!(
                "the sensor at {path} closed the connection; it may be stopping, or have too many clients"
            )
        };
        anyhow::Error::from(error).context(text)
    }

    fn silent(&self, patience: Duration) -> anyhow::Error {
        let path = self.path.display();
        anyhow::anyhow!("the sensor at {path} gives no answer within {} s", patience.as_secs())
    }

    /// Why there is no connection.
    fn absent(&self, error: io::Error) -> anyhow::Error {
        let path = self.path.display();
        let text = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => format!(
                "no sensor is running at {path}; name another socket with --socket, or its configuration with --config"
            ),
            io::ErrorKind::PermissionDenied => format!(
                "cannot use {path}: only root, the user of the sensor and members of its group `control.group` may"
            ),
            _ => format!("cannot connect to {path}"),
        };
        anyhow::Error::from(error).context(text)
    }
}

/// An agent that refuses says why.
fn check(status: StatusCode, body: &[u8]) -> anyhow::Result<()> {
    let text = || String::from_utf8_lossy(body).trim_end().to_owned();
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::BAD_REQUEST => Err(Failure::usage(text()).into()),
        StatusCode::NOT_FOUND => {
            bail!("the sensor that answers does not know this request; is it of another version?")
        }
        _ => bail!("{}", text()),
    }
}
