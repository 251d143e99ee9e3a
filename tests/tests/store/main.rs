//! The flow store on a disk that is full, and its files before readers of other hands.

mod full;
mod peers;
