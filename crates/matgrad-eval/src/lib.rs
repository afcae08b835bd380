//! matgrad-eval
