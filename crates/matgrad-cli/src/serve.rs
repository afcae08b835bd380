//! `matgrad serve`: the page.

use crate::args::ServeArgs;
use crate::{DONE, Trouble, print};

pub fn run(args: ServeArgs) -> Result<u8, Trouble> {
    let trouble = |error| Trouble::plain(format!("port {} cannot be used: {error}; --port takes another", args.port));
    let server = matgrad_serve::bind(args.port).map_err(trouble)?;
    print(&format!("matgrad is at http://{} (Ctrl-C ends it)\n", server.address()));
    server.run().map_err(|error| Trouble::plain(format!("the server ends: {error}")))?;
    Ok(DONE)
}
