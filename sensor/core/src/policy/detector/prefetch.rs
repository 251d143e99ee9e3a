//! The steps in which the memory of a key is fetched ahead of its use.

/// Which memory of a key is fetched, besides its state.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// What says where it is.
    Where,
    /// That itself.
    There,
}
