//! The ways to see packets: those there are, those that are asked for, and why a better one was not taken.

use std::fmt;

use super::device::Occupant;

/// The driver cannot run XDP programs.
pub const NO_NATIVE_XDP: &str = "driver has none";
/// Frames of the device begin with the IP header.
pub const NO_ETHERNET: &str = "XDP requires Ethernet headers";
/// Why tcx cannot be had.
pub const NO_TCX: &str = "needs Linux 6.6";

/// Why XDP cannot be had: another program is there, which is known unless it went meanwhile.
pub(super) fn slot_taken(by: Option<&Occupant>) -> String {
    match by {
        None => "slot taken by another program".to_owned(),
        Some(occupant) => format!("slot taken by {occupant}"),
    }
}

/// The driver refuses XDP for frames of this length.
pub(super) fn refused_at(mtu: u32, why: &str) -> String {
    format!("driver refuses it at MTU {mtu} ({why})")
}

/// How received packets are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngressMode {
    /// XDP in the driver.
    NativeXdp,
    /// tcx, behind the kernel's merging of frames; counts segments.
    TcxIngress,
    /// clsact, as tcx.
    ClsactIngress,
    /// XDP in the stack: merged frames count once.
    GenericXdp,
}

/// How sent packets are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressMode {
    /// tcx.
    Tcx,
    /// clsact.
    Clsact,
}

/// What the user wishes for received packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IngressWish {
    /// The best exact way there is.
    #[default]
    Best,
    /// Native XDP, also where another way counts better; tcx where it cannot be had.
    NativeXdp,
    /// tcx or clsact: the XDP slot is left to others.
    Tc,
    /// Generic XDP.
    GenericXdp,
}

/// A better way, and why it was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The way.
    pub way: &'static str,
    /// Why not.
    pub reason: String,
}

/// A way to see packets, for messages.
pub(super) trait Way {
    /// Its name.
    fn name(self) -> &'static str;
}

/// All reasons in one line.
pub fn reasons(passed_over: &[PassedOver]) -> String {
    let reasons: Vec<_> = passed_over.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}

impl IngressMode {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NativeXdp => "native XDP",
            Self::TcxIngress => "tcx",
            Self::ClsactIngress => "clsact",
            Self::GenericXdp => "generic XDP",
        }
    }
}

impl EgressMode {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        }
    }
}

impl Way for IngressMode {
    fn name(self) -> &'static str {
        self.name()
    }
}

impl Way for EgressMode {
    fn name(self) -> &'static str {
        self.name()
    }
}

impl fmt::Display for IngressMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if *self == Self::GenericXdp {
            f.write_str(" (as requested; merged frames count once)")?;
        }
        Ok(())
    }
}

impl fmt::Display for EgressMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.way, self.reason)
    }
}
