//! Test files and their outcomes.
