//! Completions and manual pages, from the definition of the command line itself.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::{DONE, Trouble, print};

/// What a shell needs to complete the command.
pub fn completions(shell: Shell) -> Result<u8, Trouble> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "matgrad", &mut text);
    print(&String::from_utf8_lossy(&text));
    Ok(DONE)
}

/// The manual page of the command, or those of all commands in a folder.
pub fn pages(folder: Option<&Path>) -> Result<u8, Trouble> {
    let trouble = |error: std::io::Error| Trouble::plain(format!("the manual cannot be written: {error}"));
    let Some(folder) = folder else {
        let mut text = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut text).map_err(trouble)?;
        print(&String::from_utf8_lossy(&text));
        return Ok(DONE);
    };
    std::fs::create_dir_all(folder).map_err(trouble)?;
    let mut command = Cli::command();
    command.build();
    let mut open = vec![command];
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned());
        let page = clap_mangen::Man::new(command);
        let mut text = Vec::new();
        page.render(&mut text).map_err(trouble)?;
        matgrad::data::write_whole(folder.join(page.get_filename()), &text).map_err(trouble)?;
    }
    Ok(DONE)
}
