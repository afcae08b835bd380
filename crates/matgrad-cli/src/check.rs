//! `matgrad check`: is a claimed derivative right?

use matgrad::{Claim, Limits, Request};

use crate::args::{CheckArgs, Format, convention, layout};
use crate::{DONE, Trouble, WRONG, print, source, style, within};

pub fn run(args: CheckArgs) -> Result<u8, Trouble> {
    let text = source::text(&args.function)?;
    let mut request = Request::new(text, args.wrt.clone()).order(args.order).convention(convention(&args.convention));
    request.of = args.function.of.clone();
    if let Some(name) = &args.layout {
        request = request.layout(layout(name));
    }
    let claim = Claim { text: args.claim.clone(), any_layout: args.layout.is_none() };
    let finding = within::deadline(args.function.deadline, move |deadline| {
        let request = request.limits(Limits { deadline, ..Limits::default() });
        Ok(matgrad::check(&request, &claim)?)
    })?;
    match args.format {
        Format::Json => print(&format!("{:#}\n", finding.json())),
        _ => {
            let color = style::color(&std::io::stdout());
            let verdict = if finding.right {
                style::paint(color, style::GOOD, "right")
            } else {
                style::paint(color, style::ERROR, "wrong")
            };
            print(&format!("{verdict}: {}\n", finding.sentence));
        }
    }
    Ok(if finding.right { DONE } else { WRONG })
}
