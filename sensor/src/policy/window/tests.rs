//! Windows against naive ones.
