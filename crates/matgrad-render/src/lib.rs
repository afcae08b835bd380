//! matgrad-render
