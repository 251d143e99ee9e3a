//! NetFlow: versions 5 and 7, whose records have a fixed form ([`fixed`]), and version 9 ([`v9`]).

pub mod fixed;
pub mod v9;
