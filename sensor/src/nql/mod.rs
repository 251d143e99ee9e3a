//! NQL: boolean queries over one record.
//!
//! Text becomes a tree ([`ast`]), the tree becomes typed ([`typed`]: names resolved, aliases spelled out, values read),
//! and evaluators take it from there. The language is described in `sensor/docs/nql.md`.

pub mod ast;
pub mod columns;
pub mod dag;
pub mod limits;
pub mod lists;
pub mod literal;
mod optimise;
pub mod pattern;
pub mod reference;
pub mod sets;
pub mod typed;
