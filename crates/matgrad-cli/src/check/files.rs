//! `matgrad check FILE…`: everything that files claim, with a bar while it lasts.

use std::path::Path;

use matgrad::{Exercise, Failure, exercises};
use serde_json::{Value, json};

use crate::args::{CheckArgs, Format};
use crate::progress::Progress;
use crate::{DONE, Trouble, WRONG, print, source, style, within};

/// Whether this is the name of a file that can be judged.
pub fn is_file(given: &str) -> bool {
    (given.ends_with(".mg") || given.ends_with(".jsonl")) && !given.contains(['\n', '='])
}

/// A file, what it asks, and what came out.
struct File {
    name: String,
    exercises: Vec<Exercise>,
    count: usize,
    wrong: Vec<(String, String)>,
}

pub fn run(args: &CheckArgs) -> Result<u8, Trouble> {
    let mut files = Vec::new();
    for name in std::iter::once(&args.function.function).chain(&args.more) {
        let text = source::read(Path::new(name))?;
        let declared: String = args.function.declare.iter().map(|line| format!("{line}; ")).collect();
        let mut file = File { name: name.clone(), exercises: Vec::new(), count: 0, wrong: Vec::new() };
        // a corpus declares what it needs in its lines
        let whole = if text.trim_start().starts_with('{') { text } else { declared + &text };
        match exercises(name, &whole) {
            Ok(found) => file.exercises = found,
            Err(failure) => file.wrong.push((name.clone(), first_line(&failure))),
        }
        files.push(file);
    }
    if let ([file], true) = (files.as_slice(), files.iter().all(|f| f.exercises.is_empty() && f.wrong.is_empty())) {
        return Err(Trouble::plain(format!(
            "`{}` claims nothing: there are no steps (lines that start with `=`) and no queries; --wrt X --claim 'a*b'' checks one claim",
            file.name
        )));
    }
    let progress = Progress::new(files.iter().map(|file| file.exercises.len()).sum());
    let text = args.format != Format::Json;
    let several = files.len() > 1;
    for file in &mut files {
        for exercise in std::mem::take(&mut file.exercises) {
            let name = exercise.name.clone();
            progress.begin(&if several && name != file.name { format!("{}: {name}", file.name) } else { name.clone() });
            let judged = within::quietly(args.function.deadline, move |deadline| Ok(exercise.judge(deadline)?));
            match judged {
                Ok(found) => {
                    file.count += found.count;
                    file.wrong.extend(found.wrong.into_iter().map(|said| (name.clone(), said)));
                }
                Err(Trouble::Failure(failure)) => file.wrong.push((name, first_line(&failure))),
                Err(Trouble::Plain(message)) => file.wrong.push((name, message)),
            }
            progress.done();
        }
        if text {
            progress.aside(|| print(&told(file)));
        }
    }
    drop(progress);
    let wrong: usize = files.iter().map(|file| file.wrong.len()).sum();
    let count: usize = files.iter().map(|file| file.count).sum();
    match args.format {
        Format::Json => print(&format!("{:#}\n", Value::Array(files.iter().map(json).collect()))),
        _ if files.len() > 1 && wrong == 0 => print(&format!("all right: {count} in {} files\n", files.len())),
        _ if files.len() > 1 => print(&format!("{wrong} wrong, in {} files\n", files.len())),
        _ => {}
    }
    Ok(if wrong == 0 { DONE } else { WRONG })
}

fn first_line(failure: &Failure) -> String {
    failure.diagnostics.first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default()
}

/// `file.mg: right, 3 answers and claims`, or everything that is wrong in it.
fn told(file: &File) -> String {
    let color = style::color(&std::io::stdout());
    if file.wrong.is_empty() && file.count == 0 {
        return format!("{}: {}\n", file.name, style::paint(color, style::DIM, "claims nothing"));
    }
    if file.wrong.is_empty() {
        let right = style::paint(color, style::GOOD, "right");
        return format!("{}: {right}, {}\n", file.name, counted(file.count));
    }
    let wrong = style::paint(color, style::ERROR, "wrong");
    let line = |(name, said): &(String, String)| {
        let place = if *name == file.name { String::new() } else { format!("{name}: ") };
        format!("  {place}{said}\n")
    };
    let lines: String = file.wrong.iter().map(line).collect();
    format!("{}: {wrong}, {} of {}\n{lines}", file.name, file.wrong.len(), counted(file.count.max(file.wrong.len())))
}

fn counted(count: usize) -> String {
    if count == 1 { "1 answer or claim".into() } else { format!("{count} answers and claims") }
}

fn json(file: &File) -> Value {
    let wrong: Vec<Value> = file.wrong.iter().map(|(name, said)| json!({"name": name, "said": said})).collect();
    json!({"file": file.name, "count": file.count, "wrong": wrong})
}
