//! `matgrad eval --time N`: what a run of a compiled program costs.

use std::time::{Duration, Instant};

use matgrad::{Failure, Inputs, Plan};
use serde_json::{Value, json};

/// A batch of runs lasts at least so long, so that reading the clocks does not count.
const BATCH: Duration = Duration::from_millis(1);

/// Processor time of this process, in seconds, where the system tells it.
fn processor() -> Option<f64> {
    #[cfg(unix)]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9)
    }
    #[cfg(not(unix))]
    None
}

/// Runs the plan `runs` times more and describes the cost of one: wall and processor seconds, operations, bytes moved.
pub fn measure(plan: &Plan, inputs: &Inputs, runs: usize, planned: Duration) -> Result<Value, Failure> {
    if let Some(rounded) = plan.rounded(inputs)? {
        let mut prepared = plan.prepare_single(&rounded)?;
        return repeated(plan, runs, planned, || {
            prepared.run();
            Ok(())
        });
    }
    if let Some(mut prepared) = plan.prepare(inputs)? {
        return repeated(plan, runs, planned, || {
            prepared.run();
            Ok(())
        });
    }
    let mut memory = plan.memory();
    repeated(plan, runs, planned, || plan.execute(inputs, &mut memory))
}

fn repeated(
    plan: &Plan,
    runs: usize,
    planned: Duration,
    mut run: impl FnMut() -> Result<(), Failure>,
) -> Result<Value, Failure> {
    run()?;
    let start = Instant::now();
    run()?;
    let once = start.elapsed().max(Duration::from_nanos(20));
    let per = (BATCH.as_secs_f64() / once.as_secs_f64()).ceil().clamp(1.0, runs.max(1) as f64) as usize;
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    let mut left = runs;
    while left > 0 {
        let count = per.min(left);
        left -= count;
        let (before, start) = (processor(), Instant::now());
        for _ in 0..count {
            run()?;
        }
        wall.push(start.elapsed().as_secs_f64() / count as f64);
        cpu.extend(before.zip(processor()).map(|(before, after)| (after - before) / count as f64));
    }
    Ok(json!({
        "plan_s": planned.as_secs_f64(),
        "runs": runs,
        "run_s": summary(wall),
        "cpu_s": summary(cpu),
        "flops": plan.flops(),
        "bytes": plan.traffic(),
    }))
}

fn summary(mut times: Vec<f64>) -> Value {
    times.sort_by(f64::total_cmp);
    json!({ "min": times.first(), "median": times.get(times.len() / 2) })
}
