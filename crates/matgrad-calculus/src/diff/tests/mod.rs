//! Derivatives against graphs written by hand, and against numbers.
mod forms;
