//! The page: `matgrad serve`. A server on the loopback interface with everything in it, and the JSON interface that the
//! page uses (`/api/v1`, described by `/api/v1/openapi.json`). It holds no mathematics: every answer is the library's.

mod api;
mod assets;
mod server;

pub use server::{Server, bind};
