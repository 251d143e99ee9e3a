//! Which worker a device's datagrams reach: a function of the sender's address alone, once for the kernel and once for
//! ourselves, who have to know where to put what was saved.
//!
//! The kernel's form is a classic BPF program (`SO_ATTACH_REUSEPORT_CBPF`, socket(7)). It returns the place of a socket in
//! its group, which is the order in which they were bound.

use std::net::IpAddr;

/// Spreads neighbouring addresses: 2^32 divided by the golden ratio.
const SPREAD: u32 = 0x9e37_79b1;

/// The worker of `workers` that serves the device at `address`.
pub fn worker(address: IpAddr, workers: usize) -> usize {
    let folded = match address.to_canonical() {
        IpAddr::V4(address) => u32::from(address),
        IpAddr::V6(address) => {
            let words = address.octets();
            let words = words
                .chunks_exact(4)
                .map(|word| word.iter().fold(0, |number, octet| number << 8 | u32::from(*octet)));
            words.fold(0, |folded, word| folded ^ word)
        }
    };
    (folded.wrapping_mul(SPREAD) >> 16) as usize % workers.max(1)
}

/// One instruction: code, jumps and constant, as in `struct sock_filter` of linux/filter.h.
pub type Instruction = (u16, u8, u8, u32);

/// Loads relative to the IP header instead of the payload (`SKF_NET_OFF`).
const NETWORK: u32 = -0x10_0000_i32 as u32;

const LOAD_OCTET: u16 = 0x30;
const LOAD_WORD: u16 = 0x20;
const SHIFT_RIGHT: u16 = 0x74;
const JUMP_EQUAL: u16 = 0x15;
const JUMP: u16 = 0x05;
const TO_X: u16 = 0x07;
const XOR_X: u16 = 0xac;
const MULTIPLY: u16 = 0x24;
const MODULO: u16 = 0x94;
const RETURN: u16 = 0x16;

/// [`worker`] as a program for the kernel.
pub fn program(workers: usize) -> Vec<Instruction> {
    let load = |offset: u32| (LOAD_WORD, 0, 0, NETWORK.wrapping_add(offset));
    let mut program = vec![
        (LOAD_OCTET, 0, 0, NETWORK),
        (SHIFT_RIGHT, 0, 0, 4),
        (JUMP_EQUAL, 0, 2, 4),
        // The source address of an IPv4 header, and over the part for IPv6.
        load(12),
        (JUMP, 0, 0, 10),
        load(8),
    ];
    for word in 1..4 {
        program.extend([(TO_X, 0, 0, 0), load(8 + 4 * word), (XOR_X, 0, 0, 0)]);
    }
    program.extend([
        (MULTIPLY, 0, 0, SPREAD),
        (SHIFT_RIGHT, 0, 0, 16),
        (MODULO, 0, 0, workers as u32),
        (RETURN, 0, 0, 0),
    ]);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `program` over an IP header, as the kernel would.
    fn run(program: &[Instruction], header: &[u8]) -> u32 {
        let (mut at, mut a, mut x) = (0, 0_u32, 0_u32);
        loop {
            let (code, yes, no, k) = program[at];
            at += 1;
            let offset = k.wrapping_sub(NETWORK) as usize;
            match code {
                LOAD_OCTET => a = header[offset].into(),
                LOAD_WORD => {
                    a = u32::from_be_bytes(header[offset..offset + 4].try_into().unwrap());
                }
                SHIFT_RIGHT => a >>= k,
                JUMP_EQUAL => at += usize::from(if a == k { yes } else { no }),
                JUMP => at += k as usize,
                TO_X => x = a,
                XOR_X => a ^= x,
                MULTIPLY => a = a.wrapping_mul(k),
                MODULO => a %= k,
                RETURN => return a,
                _ => panic!("no such instruction"),
            }
        }
    }

    #[test]
    fn the_kernel_and_we_agree() {
        for workers in [1, 2, 3, 7] {
            let program = program(workers);
            let mut reached = vec![0; workers];
            for n in 0..200_u32 {
                let address = 0x0a00_0000 + n * 7;
                let mut header = vec![0x45; 12];
                header.extend(address.to_be_bytes());
                let worker_v4 = worker(IpAddr::V4(address.into()), workers);
                assert_eq!(run(&program, &header), worker_v4 as u32);
                reached[worker_v4] += 1;
                let address = (0x2001_0db8_u128 << 96) + u128::from(n) * 0x1_0000_0001;
                let mut header = vec![0x60; 8];
                header.extend(address.to_be_bytes());
                let worker_v6 = worker(IpAddr::V6(address.into()), workers);
                assert_eq!(run(&program, &header), worker_v6 as u32);
            }
            assert!(reached.iter().all(|&count| count > 200 / workers / 2), "{reached:?}");
        }
    }
}
