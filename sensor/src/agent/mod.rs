//! The agent wires sources, engine and exports together; its configuration is read here.

pub mod config;
