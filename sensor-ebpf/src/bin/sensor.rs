//! The product's programs: what the agent attaches to interfaces, and the one by which it reads the kernel's clock.
//!
//! Every packet passes, whatever happens to its record.

#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "clock helpers, and the licence section that the loader reads")]
#![expect(missing_docs, reason = "the program macros drop doc comments")]

use aya_ebpf::{
    bindings::{TC_ACT_UNSPEC, xdp_action::XDP_PASS},
    helpers::generated::{bpf_jiffies64, bpf_ktime_get_boot_ns},
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};
use sensor_common::key::Direction;
use sensor_ebpf::{
    count::{count, count_skb},
    handover, hook,
    maps::CLOCK,
};

/// Received frames, before the kernel makes socket buffers of them.
#[xdp(frags)]
pub fn ingress(context: XdpContext) -> u32 {
    let (frame, packet) = hook::xdp(&context);
    count(&frame, &packet);
    XDP_PASS
}

/// Received frames of an interface whose XDP hook is taken or missing.
#[classifier]
pub fn tc_ingress(context: TcContext) -> i32 {
    count_skb(&context, &hook::tc(&context, Direction::Ingress));
    TC_ACT_UNSPEC
}

/// Sent frames.
#[classifier]
pub fn tc_egress(context: TcContext) -> i32 {
    count_skb(&context, &hook::tc(&context, Direction::Egress));
    TC_ACT_UNSPEC
}

/// Received packets of a device without a link layer.
#[classifier]
pub fn tc_ingress_l3(context: TcContext) -> i32 {
    count_skb(&context, &hook::tc_ip(&context, Direction::Ingress));
    TC_ACT_UNSPEC
}

/// Sent packets of a device without a link layer.
#[classifier]
pub fn tc_egress_l3(context: TcContext) -> i32 {
    count_skb(&context, &hook::tc_ip(&context, Direction::Egress));
    TC_ACT_UNSPEC
}

/// At the front of a hook, while what is to stand there is still behind others ([`handover`]).
#[classifier]
pub fn successor(context: TcContext) -> i32 {
    handover::at_the_new_place(&context);
    TC_ACT_UNSPEC
}

/// Behind others at a hook, until nothing comes there any more that has not been counted at the front.
#[classifier]
pub fn predecessor(context: TcContext) -> i32 {
    handover::at_the_old_place(&context);
    TC_ACT_UNSPEC
}

/// Never attached: the agent runs it to learn which moment the jiffies in the slots stand for.
#[xdp]
pub fn clock(_: XdpContext) -> u32 {
    if let Some(clock) = CLOCK.get_ptr_mut(0) {
        // SAFETY: the agent runs this program from one thread and reads the map afterwards; helpers without arguments.
        unsafe { clock.write([bpf_jiffies64(), bpf_ktime_get_boot_ns()]) };
    }
    XDP_PASS
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
