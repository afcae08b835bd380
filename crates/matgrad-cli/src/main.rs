//! The `matgrad` command.
fn main() {}
