//! A TCP connection that can tell how much of what was written to it has arrived: when it breaks, what is in the
//! kernel's buffer is lost, and should be counted so.

#![expect(unsafe_code, reason = "getsockopt(TCP_INFO) has no safe wrapper")]

use std::{
    io,
    mem::size_of,
    net::SocketAddr,
    os::fd::AsRawFd,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A connection and the octets written to it.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    written: u64,
}

impl Connection {
    /// A connection that nothing has been written to yet.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, written: 0 }
    }

    /// The own end.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Octets that the kernel has taken.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Octets that the other end's kernel has acknowledged, also when the connection is broken by now; 0 when
    /// this kernel cannot tell.
    pub fn acknowledged(&self) -> u64 {
        // SAFETY: tcp_info is plain integers, for which all zeros is a value.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` octets, which is the size of `info`, and the length back.
        let failed = unsafe {
            libc::getsockopt(
                self.stream.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                (&raw mut info).cast(),
                &raw mut length,
            )
        };
        // The kernel counts the SYN as an octet (tcp_snd_una_update in net/ipv4/tcp_input.c).
        if failed == 0 { info.tcpi_bytes_acked.saturating_sub(1).min(self.written) } else { 0 }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, octets);
        if let Poll::Ready(Ok(count)) = written {
            self.written += count as u64;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
