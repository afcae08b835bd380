//! `matgrad code`: a function and its derivatives as a program in another language.

use matgrad::{Code, Limits, Request, data};

use crate::args::{CodeArgs, convention, layout, target};
use crate::{DONE, Trouble, print, source, within};

pub fn run(args: CodeArgs) -> Result<u8, Trouble> {
    let text = source::text(&args.function)?;
    let mut request = Request::new(text, "").convention(convention(&args.convention));
    request.of = args.function.of.clone();
    let mut code = Code::new(request, target(&args.target));
    code.order = if args.wrt.is_empty() { 0 } else { usize::from(args.order) };
    code.wrt = args.wrt;
    code.layout = args.layout.as_deref().map(layout);
    code.name = args.name;
    code.shard = args.shard;
    let program = within::deadline(args.function.deadline, move |deadline| {
        code.request = code.request.limits(Limits { deadline, ..Limits::default() });
        Ok(code.write()?)
    })?;
    match &args.out {
        None => print(&program),
        Some(path) => {
            data::write_whole(path, program.as_bytes())
                .map_err(|error| Trouble::plain(format!("cannot write `{path}`: {error}")))?;
        }
    }
    Ok(DONE)
}
