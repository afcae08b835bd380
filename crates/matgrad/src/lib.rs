//! matgrad
