//! `matgrad eval`: values and derivatives on data.

use std::time::Instant;

use matgrad::{Array, Csr, Evaluation, Inputs, Limits, Product, data};
use serde_json::Value;

use crate::args::{EvalArgs, convention, engine, layout, precision};
use crate::human::Page;
use crate::{DONE, Trouble, arrays, numbers, print, source, style, timing, within};

pub fn run(args: EvalArgs) -> Result<u8, Trouble> {
    let text = source::text(&args.function)?;
    let mut inputs = Inputs::new();
    for file in &args.data {
        load(file, &mut inputs)?;
    }
    let mut evaluation = Evaluation::new(text);
    evaluation.of = args.function.of.clone();
    evaluation.wrt = args.wrt.clone();
    evaluation.orders = args.order.0.clone();
    evaluation.value = args.order.0.contains(&0);
    evaluation.layout = layout(&args.layout);
    evaluation.convention = convention(&args.convention);
    evaluation.engine = engine(&args.engine);
    evaluation.precision = precision(&args.dtype);
    evaluation.product = product(&args, &mut inputs)?;
    evaluation.constant.clone_from(&args.constant);
    evaluation.batch.clone_from(&args.batch);
    evaluation.sparse = args.sparse;
    evaluation.diagonal = args.diagonal;

    matgrad::set_threads(args.threads as usize);
    let (only_plan, runs) = (args.plan, args.time);
    let outcome = within::deadline(args.function.deadline, move |deadline| {
        evaluation.limits = Limits { deadline, ..Limits::default() };
        let start = Instant::now();
        let plan = evaluation.plan(&inputs)?;
        let planned = start.elapsed();
        if only_plan {
            return Ok(Outcome::Listing(plan.listing()));
        }
        let results = plan.run_sparse(&inputs)?;
        let times = runs.map(|runs| timing::measure(&plan, &inputs, runs as usize, planned)).transpose()?;
        Ok(Outcome::Arrays(results, times))
    })?;
    match outcome {
        Outcome::Listing(listing) => print(&listing),
        Outcome::Arrays(results, times) => {
            write(&results, &args)?;
            if let Some(times) = times {
                eprintln!("{times}");
            }
        }
    }
    Ok(DONE)
}

enum Outcome {
    Listing(String),
    Arrays(Results, Option<Value>),
}

/// Dense and sparse results by name.
type Results = (Vec<(String, Array)>, Vec<(String, Csr)>);

fn load(file: &str, inputs: &mut Inputs) -> Result<(), Trouble> {
    data::load(file, &data::Limits::default(), inputs).map_err(|error| Trouble::plain(error.to_string()))
}

/// The product asked for; its array may come from a file of its own.
fn product(args: &EvalArgs, inputs: &mut Inputs) -> Result<Option<Product>, Trouble> {
    let mut named = |argument: &str| -> Result<String, Trouble> {
        let mut names = Vec::new();
        for part in argument.split(',') {
            match part.split_once('=') {
                Some((name, _)) => {
                    load(part, inputs)?;
                    names.push(name.trim().to_owned());
                }
                None => names.push(part.trim().to_owned()),
            }
        }
        Ok(names.join(","))
    };
    Ok(match (&args.jvp, &args.vjp, &args.hvp, &args.gnvp) {
        (Some(v), ..) => Some(Product::Jvp(named(v)?)),
        (_, Some(u), ..) => Some(Product::Vjp(named(u)?)),
        (_, _, Some(v), _) => Some(Product::Hvp(named(v)?)),
        (.., Some(v)) => Some(Product::Gnvp(named(v)?)),
        _ => None,
    })
}

fn write((results, matrices): &Results, args: &EvalArgs) -> Result<(), Trouble> {
    let color = style::color(&std::io::stderr());
    let non_finite = |data: &[f64]| data.iter().filter(|x| !x.is_finite()).count();
    let dense = results.iter().map(|(name, array)| (name, array.data()));
    for (name, data) in dense.chain(matrices.iter().map(|(name, matrix)| (name, matrix.data()))) {
        let count = non_finite(data);
        if count > 0 {
            let warning = style::paint(color, style::WARNING, "warning");
            eprintln!("{warning}: {count} of {} entries of {name} are not finite", data.len());
        }
    }
    match &args.out {
        Some(path) => {
            let named: Vec<(&str, &Array)> = results.iter().map(|(name, array)| (name.as_str(), array)).collect();
            let sparse: Vec<(&str, &Csr)> = matrices.iter().map(|(name, matrix)| (name.as_str(), matrix)).collect();
            let saved = if args.sparse { data::save_sparse(path, &named, &sparse) } else { data::save(path, &named) };
            saved.map_err(|error| Trouble::plain(error.to_string()))
        }
        None => {
            let page = Page::for_stdout(false);
            let rows = page.unicode && style::speaks_unicode() && !style::dumb();
            for (name, array) in results {
                let shown = if rows { numbers::text(name, array, page.width) } else { arrays::text(name, array) };
                print(&(shown + "\n"));
            }
            for (name, matrix) in matrices {
                print(&(arrays::sparse_text(name, matrix) + "\n"));
            }
            Ok(())
        }
    }
}
