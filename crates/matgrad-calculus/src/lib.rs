//! matgrad-calculus
