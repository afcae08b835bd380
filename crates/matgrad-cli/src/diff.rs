//! `matgrad diff`: a derivative and what a reader has to know about it.

use matgrad::{Answer, Limits, Request};

use crate::args::{DiffArgs, Format, convention, layout};
use crate::human::Page;
use crate::{DONE, Trouble, source, style, within};

pub fn run(args: DiffArgs) -> Result<u8, Trouble> {
    let text = source::text(&args.function)?;
    let Some(wrt) = args.wrt.clone() else {
        return Err(Trouble::plain("which variable? add --wrt X"));
    };
    let mut request = Request::new(text, wrt)
        .order(args.order)
        .layout(layout(&args.layout))
        .convention(convention(&args.convention));
    request.of = args.function.of.clone();
    let answer = within::deadline(args.function.deadline, move |deadline| {
        let request = request.limits(Limits { deadline, ..Limits::default() });
        Ok(matgrad::derive(&request)?)
    })?;
    show(&answer, &args);
    Ok(DONE)
}

fn show(answer: &Answer, args: &DiffArgs) {
    match args.format {
        Format::Text => print!("{}", Page::for_stdout(args.ascii).answer(answer)),
        Format::Json => println!("{:#}", answer.json()),
        Format::Latex => println!("{}", answer.latex()),
    }
    if answer.is_refuted() {
        let color = style::color(&std::io::stderr());
        eprintln!("{}: {}", style::paint(color, style::ERROR, "CHECK FAILED"), answer.notes.join("; "));
    }
}
