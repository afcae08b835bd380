//! `matgrad bench`: what compiled functions cost on this machine, on random data.

mod workloads;

use std::time::{Duration, Instant};

use matgrad::{Array, Evaluation, Inputs, Limits, Random, Text, draw};
use serde_json::{Value, json};

use crate::args::{BenchArgs, engine, layout, precision};
use crate::progress::Progress;
use crate::{DONE, Trouble, print, source, timing, within};
use workloads::{WORKLOADS, Workload};

/// About how long the runs of one function take together.
const ENOUGH: Duration = Duration::from_millis(300);
const ENOUGH_QUICK: Duration = Duration::from_millis(20);

/// A function to be timed.
struct Task {
    name: String,
    evaluation: Evaluation,
    data: Inputs,
    sizes: String,
}

pub fn run(args: BenchArgs) -> Result<u8, Trouble> {
    matgrad::set_threads(args.threads as usize);
    let json = args.json;
    let (enough, deadline) = (if args.quick { ENOUGH_QUICK } else { ENOUGH }, args.deadline);
    let chosen: Vec<&Workload> = match &args.function {
        Some(_) => Vec::new(),
        None => {
            WORKLOADS.iter().filter(|w| args.only.as_ref().is_none_or(|text| w.name.contains(text.as_str()))).collect()
        }
    };
    if args.function.is_none() && chosen.is_empty() {
        let names: Vec<&str> = WORKLOADS.iter().map(|w| w.name).collect();
        return Err(Trouble::plain(format!("nothing is called so; there are: {}", names.join("; "))));
    }
    let mut rows: Vec<Value> = Vec::new();
    // drawn between the functions only, so that no measurement is disturbed
    let progress = Progress::new(chosen.len().max(1));
    let mut one = |task: Task| -> Result<(), Trouble> {
        let Task { name, mut evaluation, data, sizes } = task;
        progress.begin(&name);
        let row = within::quietly(deadline, move |limit| {
            evaluation.limits = Limits { deadline: limit, ..Limits::default() };
            Ok(measure(name, &sizes, &evaluation, &data, enough)?)
        })?;
        if !json {
            let heading = if rows.is_empty() { heading() } else { String::new() };
            progress.aside(|| print(&(heading + &line(&row))));
        }
        rows.push(row);
        progress.done();
        Ok(())
    };
    match &args.function {
        Some(_) => one(own(&args)?)?,
        None => chosen.into_iter().try_for_each(|workload| one(task(workload, &args)?))?,
    }
    drop(progress);
    if json {
        print(&format!("{:#}\n", Value::Array(rows)));
    }
    Ok(DONE)
}

/// The function that the user names.
fn own(args: &BenchArgs) -> Result<Task, Trouble> {
    let text = source::given(args.function.as_deref().unwrap_or(""), &args.declare)?;
    let sizes: Vec<(&str, usize)> = args.size.iter().map(|(name, size)| (name.as_str(), *size)).collect();
    let data = draw(&text, &sizes, args.seed)?;
    let mut evaluation = Evaluation::new(text);
    evaluation.wrt.clone_from(&args.wrt);
    let first = usize::from(!args.wrt.is_empty());
    evaluation.orders = (first..=usize::from(args.order).max(first)).collect();
    evaluation.layout = layout(&args.layout);
    evaluation.sparse = args.sparse && !args.wrt.is_empty();
    let sizes: Vec<String> = sizes.iter().map(|(name, size)| format!("{name} = {size}")).collect();
    let name = args.function.clone().unwrap_or_default();
    Ok(Task { name, evaluation: with(evaluation, args), data, sizes: sizes.join(", ") })
}

fn with(mut evaluation: Evaluation, args: &BenchArgs) -> Evaluation {
    evaluation.engine = engine(&args.engine);
    evaluation.precision = precision(&args.dtype);
    evaluation
}

/// One of those that come with the program.
fn task(workload: &Workload, args: &BenchArgs) -> Result<Task, Trouble> {
    let text = Text::script("workload.mg", workload.script);
    let size = |(name, full, quick): &(&'static str, usize, usize)| (*name, if args.quick { *quick } else { *full });
    let sizes: Vec<(&str, usize)> = workload.sizes.iter().map(size).collect();
    let mut data = draw(&text, &sizes, args.seed)?;
    let mut random = Random::new(args.seed);
    for (name, dimension) in workload.indices {
        let largest = sizes.iter().find(|(name, _)| name == dimension).map_or(1, |(_, size)| *size);
        if let Some(array) = data.get_mut(name) {
            *array = Array::from_fn(array.shape(), |_| 1.0 + (random.uniform() * largest as f64).floor());
        }
    }
    let mut evaluation = Evaluation::new(text);
    evaluation.wrt = workload.wrt.split(',').map(str::to_owned).collect();
    evaluation.orders = vec![workload.order];
    evaluation.layout = layout(workload.layout);
    evaluation.sparse = workload.sparse;
    let sizes: Vec<String> = sizes.iter().map(|(name, size)| format!("{name} = {size}")).collect();
    Ok(Task { name: workload.name.to_owned(), evaluation: with(evaluation, args), data, sizes: sizes.join(", ") })
}

/// What the value alone costs, and what it costs with the derivative.
fn measure(
    name: String,
    sizes: &str,
    evaluation: &Evaluation,
    data: &Inputs,
    enough: Duration,
) -> Result<Value, matgrad::Failure> {
    let value = Evaluation { wrt: Vec::new(), orders: vec![0], sparse: false, value: true, ..evaluation.clone() };
    let (value, _) = times(&value, data, enough)?;
    let (both, first) = times(&Evaluation { value: true, ..evaluation.clone() }, data, enough)?;
    let number = |of: &Value, path: &str| of.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let (run, plan) = (number(&both, "/cpu_s/median"), number(&both, "/plan_s"));
    Ok(json!({
        "name": name,
        "sizes": sizes,
        "plan_s": plan,
        "first_s": first.as_secs_f64(),
        "run_s": run,
        "value_s": number(&value, "/cpu_s/median"),
        "flops_per_s": number(&both, "/flops") / run,
        "bytes_per_s": number(&both, "/bytes") / run,
    }))
}

/// The times of an evaluation, and how long it takes from the text to the first numbers.
fn times(evaluation: &Evaluation, data: &Inputs, enough: Duration) -> Result<(Value, Duration), matgrad::Failure> {
    let start = Instant::now();
    let plan = evaluation.plan(data)?;
    let planned = start.elapsed();
    let mut memory = plan.memory();
    plan.execute(data, &mut memory)?;
    let first = start.elapsed();
    let once = first.saturating_sub(planned).max(Duration::from_nanos(50));
    let runs = (enough.as_secs_f64() / once.as_secs_f64()).ceil().clamp(3.0, 1e6) as usize;
    Ok((timing::measure(&plan, data, runs, planned)?, first))
}

const WIDTH: usize = 38;

fn heading() -> String {
    format!(
        "{:<WIDTH$} {:>10} {:>10} {:>10} {:>8} {:>9} {:>8}\n",
        "value and derivative", "plan", "first", "run", "/ value", "Gflop/s", "GB/s"
    )
}

fn line(row: &Value) -> String {
    let number = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
    let (run, value) = (number("run_s"), number("value_s"));
    let mut name = row["name"].as_str().unwrap_or("").to_owned();
    if name.chars().count() > WIDTH {
        name = name.chars().take(WIDTH - 1).chain(['…']).collect();
    }
    format!(
        "{name:<WIDTH$} {:>10} {:>10} {:>10} {:>8.1} {:>9.2} {:>8.2}  {}\n",
        seconds(number("plan_s")),
        seconds(number("first_s")),
        seconds(run),
        run / value,
        number("flops_per_s") / 1e9,
        number("bytes_per_s") / 1e9,
        row["sizes"].as_str().unwrap_or("")
    )
}

/// A time with three digits.
fn seconds(time: f64) -> String {
    let (scaled, unit) = match time {
        t if t < 1e-6 => (t * 1e9, "ns"),
        t if t < 1e-3 => (t * 1e6, "µs"),
        t if t < 1.0 => (t * 1e3, "ms"),
        t => (t, "s"),
    };
    let digits = if scaled < 10.0 { 2 } else { usize::from(scaled < 100.0) };
    format!("{scaled:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        assert_eq!(seconds(1.234e-8), "12.3 ns");
        assert_eq!(seconds(0.001_234), "1.23 ms");
        assert_eq!(seconds(123.4), "123 s");
        assert_eq!(seconds(4.56e-6), "4.56 µs");
    }
}
