//! What a device says of itself by ethtool's ioctl: its driver, and which offloads are on. Nobody needs a privilege to ask.
//!
//! Layouts: linux/ethtool.h.

#![expect(unsafe_code, reason = "ioctl(2) takes pointers")]

use std::{collections::BTreeSet, io, os::fd::AsRawFd};

use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

use super::netlink::{text, u32_at};

/// The device takes the outermost VLAN tag out of what it receives (`ETH_FLAG_RXVLAN`).
pub(super) const RX_VLAN: u32 = 1 << 8;

/// Commands.
const GET_DRIVER: u32 = 0x3;
const GET_STRINGS: u32 = 0x1b;
const GET_FLAGS: u32 = 0x25;
const GET_SET_SIZES: u32 = 0x37;
const GET_FEATURES: u32 = 0x3a;

/// The names of features, among the sets of strings (`ETH_SS_FEATURES`).
const FEATURE_NAMES: u32 = 4;
/// Octets of a string of such a set (`ETH_GSTRING_LEN`).
const STRING: usize = 32;
/// Octets of `struct ethtool_drvinfo`.
const DRIVER_INFO: usize = 196;
/// Features that no kernel has as many of: a larger number is a mistake.
const MOST_FEATURES: u32 = 4096;

/// Calls the ioctl for `interface`, by name, with `structure`, whose first word is the command.
///
/// # Safety
/// `structure` must be as long as what the kernel writes for that command.
unsafe fn call(interface: &str, structure: &mut [u32]) -> io::Result<()> {
    /// Of linux/sockios.h; libc lacks it.
    const SIOCETHTOOL: libc::Ioctl = 0x8946;
    // SAFETY: all of its bits zero are a valid `ifreq`: numbers, and pointers that are null.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if interface.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, octet) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *place = octet as libc::c_char;
    }
    request.ifr_ifru.ifru_data = structure.as_mut_ptr().cast();
    // Any socket leads to the interfaces of this thread's network namespace.
    let socket = Socket::new(NETLINK_ROUTE)?;
    // SAFETY: the request names an interface by a text that ends with a zero, and points to the structure that its command
    // reads and fills, which is long enough by the caller's promise; both live until the call returns.
    match unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What `interface`, by name, has switched on of the features that `ETHTOOL_GFLAGS` tells of.
pub(super) fn flags(interface: &str) -> io::Result<u32> {
    let mut value = [GET_FLAGS, 0];
    // SAFETY: `struct ethtool_value` is two words.
    unsafe { call(interface, &mut value) }?;
    Ok(value[1])
}

/// The name of the driver of `interface`.
pub(super) fn driver(interface: &str) -> io::Result<String> {
    let mut info = [0; DRIVER_INFO / 4];
    info[0] = GET_DRIVER;
    // SAFETY: `struct ethtool_drvinfo` is as long as this.
    unsafe { call(interface, &mut info) }?;
    Ok(text(&octets(&info)[4..4 + STRING]))
}

/// The features of `interface` that are on, by the kernel's names for them (`rx-gro`).
pub(super) fn features(interface: &str) -> io::Result<BTreeSet<String>> {
    let names = feature_names(interface)?;
    let blocks = names.len().div_ceil(32);
    let mut features = vec![0; 2 + 4 * blocks];
    features[..2].copy_from_slice(&[GET_FEATURES, blocks as u32]);
    // SAFETY: behind its two words, `struct ethtool_gfeatures` has as many blocks of four words as the second says, and the
    // kernel writes no more.
    unsafe { call(interface, &mut features) }?;
    Ok(active(&names, &features[2..]))
}

/// All names of features that this kernel has, by number.
fn feature_names(interface: &str) -> io::Result<Vec<String>> {
    // `struct ethtool_sset_info`: command, reserved, a mask of 64 bits, a word for each bit set in it.
    let mut sizes = [GET_SET_SIZES, 0, 0, 0, 0];
    let mask = (1u64 << FEATURE_NAMES).to_ne_bytes();
    sizes[2] = u32_at(&mask, 0).unwrap_or(0);
    sizes[3] = u32_at(&mask, 4).unwrap_or(0);
    // SAFETY: the mask has one bit, so there is one word behind it.
    unsafe { call(interface, &mut sizes) }?;
    let count = sizes[4];
    if count > MOST_FEATURES {
        return Err(io::Error::other(format!("{count} features are no plausible number")));
    }
    let mut strings = vec![0; 3 + count as usize * STRING / 4];
    strings[..3].copy_from_slice(&[GET_STRINGS, FEATURE_NAMES, count]);
    // SAFETY: the kernel writes as many strings as it has just said that it has; features are numbered at its compilation.
    unsafe { call(interface, &mut strings) }?;
    Ok(octets(&strings[3..]).chunks_exact(STRING).map(text).collect())
}

/// Those of `names` that are active: of each block of four words, the third has a bit for each of 32 features.
fn active(names: &[String], blocks: &[u32]) -> BTreeSet<String> {
    let is_on =
        |at: usize| blocks.get(at / 32 * 4 + 2).is_some_and(|word| word >> (at % 32) & 1 != 0);
    let on = names.iter().enumerate().filter(|(at, name)| is_on(*at) && !name.is_empty());
    on.map(|(_, name)| name.clone()).collect()
}

fn octets(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_features_are_found_in_their_blocks() {
        let names: Vec<_> = (0..40).map(|number| format!("feature {number}")).collect();
        let blocks = [0, 0, 1 << 3, 0, u32::MAX, u32::MAX, 1 << 1, u32::MAX];
        let found: Vec<_> = active(&names, &blocks).into_iter().collect();
        assert_eq!(found, ["feature 3", "feature 33"]);
        assert!(active(&names, &[]).is_empty());
    }

    #[test]
    fn the_loopback_device_says_what_it_does() {
        // It has it in every network namespace, and nobody can switch it off.
        let features = features("lo").unwrap();
        assert!(features.contains("loopback") && !features.contains("rx-lro"), "{features:?}");
        assert!(driver("lo").is_err(), "it has no driver");
        assert!(
            flags("no-such-device-0").is_err() && flags("a name that is far too long").is_err()
        );
    }
}
