//! What crosses the kernel border.
#![no_std]
