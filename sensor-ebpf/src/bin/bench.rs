//! x
#![no_std]
#![no_main]
extern crate sensor_ebpf;
