//! Straight-line code as C99, and what an installed compiler makes of it.

mod loops;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use libloading::Library;
use matgrad_calculus::graph::MapOp;
use smallvec::SmallVec;

use super::Inst;
use super::straight::Straight;
use crate::kernel::elementwise::{function_of_two, value_of};
use crate::kernel::power::Power;
pub(crate) use loops::CompiledLoop;

/// Functions of our own that the C code calls: C99 has no others of this accuracy.
type Two = extern "C" fn(f64, f64) -> f64;

extern "C" fn polygamma(x: f64, order: f64) -> f64 {
    value_of(MapOp::Polygamma(order as u32), x)
}

macro_rules! own {
    ($($name:ident = $op:ident;)*) => {
        $(extern "C" fn $name(x: f64, _: f64) -> f64 {
            value_of(MapOp::$op, x)
        })*
    };
}

own! {
    erf = Erf;
    gamma = Gamma;
    lgamma = Lgamma;
    softplus = Softplus;
    sigmoid = Sigmoid;
}

extern "C" fn power(x: f64, e: f64) -> f64 {
    function_of_two(MapOp::Pow)(x, e)
}

/// In the order in which the C code numbers them.
const OWN: [Two; 7] = [polygamma, erf, gamma, lgamma, softplus, sigmoid, power];

/// What stands in front of every function.
const START: &str = "\
#include <math.h>

static inline double larger(double a, double b) { return a != a ? a : b != b ? b : a >= b ? a : b; }
static inline double smaller(double a, double b) { return a != a ? a : b != b ? b : a <= b ? a : b; }
static inline double sign(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : x != x ? x : 0.0; }

";

/// The start of the function of straight-line code.
const FUNCTION: &str = "\
void matgrad(const double *const *in, double *const *out, double (*const *own)(double, double)) {
";

fn number(x: f64) -> String {
    if x.is_nan() {
        "NAN".into()
    } else if x.is_infinite() {
        if x > 0.0 { "INFINITY".into() } else { "-INFINITY".into() }
    } else {
        format!("{x:e}")
    }
}

/// The value of an instruction.
fn value(inst: &Inst, load: impl Fn(u32) -> String) -> String {
    match *inst {
        Inst::Constant(x) => number(x),
        Inst::Load(at) => load(at),
        Inst::Neg(a) => format!("-r{}", a.0),
        Inst::Add(a, b) => format!("r{} + r{}", a.0, b.0),
        Inst::Sub(a, b) => format!("r{} - r{}", a.0, b.0),
        Inst::Mul(a, b) => format!("r{} * r{}", a.0, b.0),
        Inst::Div(a, b) => format!("r{} / r{}", a.0, b.0),
        Inst::MulAdd(a, b, c) => format!("r{} * r{} + r{}", a.0, b.0, c.0),
        Inst::Power(Power::Half(1), a) => format!("sqrt(r{})", a.0),
        Inst::Power(Power::Whole(e), a) => format!("own[6](r{}, {e})", a.0),
        Inst::Power(Power::Half(e), a) => format!("own[6](r{}, {})", a.0, number(f64::from(e) / 2.0)),
        Inst::Power(Power::Real(e), a) => format!("own[6](r{}, {})", a.0, number(e)),
        Inst::Unary(op, a) => unary(op, a.0),
        Inst::Binary(op, a, b) => {
            let (a, b) = (a.0, b.0);
            match op {
                MapOp::Max => format!("larger(r{a}, r{b})"),
                MapOp::Min => format!("smaller(r{a}, r{b})"),
                MapOp::Atan2 => format!("atan2(r{a} + 0.0, r{b} + 0.0)"),
                MapOp::Pow => format!("own[6](r{a}, r{b})"),
                MapOp::Less => format!("r{a} < r{b}"),
                MapOp::LessEq => format!("r{a} <= r{b}"),
                MapOp::Equal => format!("r{a} == r{b}"),
                MapOp::NotEqual => format!("r{a} != r{b}"),
                _ => "NAN".into(),
            }
        }
        Inst::Select(c, a, b) => format!("r{} != 0 ? r{} : r{}", c.0, a.0, b.0),
        // made for machine code only
        Inst::Bits(..) => "NAN".into(),
    }
}

/// The code as a function of C.
pub(crate) fn text(straight: &Straight) -> String {
    let mut out = START.to_owned() + FUNCTION;
    let load = |at: u32| {
        let (input, place) = straight.loads.get(at as usize).copied().unwrap_or_default();
        format!("in[{input}][{place}]")
    };
    for (k, inst) in straight.code.insts.iter().enumerate() {
        let _ = writeln!(out, "  const double r{k} = {};", value(inst, load));
    }
    for (result, regs) in straight.results.iter().enumerate() {
        for (at, reg) in regs.iter().enumerate() {
            let _ = writeln!(out, "  out[{result}][{at}] = r{};", reg.0);
        }
    }
    out.push_str("}\n");
    out
}

fn unary(op: MapOp, a: u32) -> String {
    let name = match op {
        MapOp::Exp => "exp",
        MapOp::Log => "log",
        MapOp::Abs => "fabs",
        MapOp::Sign => "sign",
        MapOp::Cbrt => "cbrt",
        MapOp::Sin => "sin",
        MapOp::Cos => "cos",
        MapOp::Tan => "tan",
        MapOp::Asin => "asin",
        MapOp::Acos => "acos",
        MapOp::Atan => "atan",
        MapOp::Sinh => "sinh",
        MapOp::Cosh => "cosh",
        MapOp::Tanh => "tanh",
        MapOp::Asinh => "asinh",
        MapOp::Acosh => "acosh",
        MapOp::Atanh => "atanh",
        MapOp::Relu => return format!("larger(r{a}, 0)"),
        MapOp::Polygamma(order) => return format!("own[0](r{a}, {order})"),
        MapOp::Erf => return format!("own[1](r{a}, 0)"),
        MapOp::Gamma => return format!("own[2](r{a}, 0)"),
        MapOp::Lgamma => return format!("own[3](r{a}, 0)"),
        MapOp::Softplus => return format!("own[4](r{a}, 0)"),
        MapOp::Sigmoid => return format!("own[5](r{a}, 0)"),
        _ => return "NAN".into(),
    };
    format!("{name}(r{a})")
}

/// The function of `text`, compiled.
#[allow(unsafe_code, reason = "C")]
type Entry = unsafe extern "C" fn(*const *const f64, *const *mut f64, *const Two);

/// Code that a C compiler has made.
#[derive(Debug)]
pub(crate) struct Compiled {
    library: Library,
    inputs: Vec<usize>,
    results: Vec<usize>,
}

/// A new directory, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("matgrad-{}-{count}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && count < 10_000 => {}
                Err(error) => return Err(format!("no directory for the C compiler: {error}")),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // where the system keeps a loaded library's file, it stays in the directory for temporary files
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Compiled {
    /// Compiles the code with `$CC`, or `cc`.
    pub fn new(straight: &Straight) -> Result<Self, String> {
        let library = load_library(&text(straight), "-O2")?;
        let results = straight.results.iter().map(Vec::len).collect();
        Ok(Self { library, inputs: straight.inputs.clone(), results })
    }

    /// Computes the results; says whether all lengths were right, else nothing happens.
    pub fn run(&self, inputs: &[&[f64]], results: &mut [&mut [f64]]) -> bool {
        let fits = inputs.len() >= self.inputs.len()
            && results.len() == self.results.len()
            && inputs.iter().zip(&self.inputs).all(|(x, n)| x.len() >= *n)
            && results.iter().zip(&self.results).all(|(x, n)| x.len() >= *n);
        if !fits {
            return false;
        }
        let sources: SmallVec<[*const f64; 16]> = inputs.iter().map(|x| x.as_ptr()).collect();
        let places: SmallVec<[*mut f64; 16]> = results.iter_mut().map(|x| x.as_mut_ptr()).collect();
        // SAFETY: the function has this type by `text`; it reads the inputs below `self.inputs[k]` and writes the results
        // below `self.results[k]`, whose lengths were checked above, and calls the functions of `OWN`
        #[allow(unsafe_code)]
        unsafe {
            let Ok(entry) = self.library.get::<Entry>(b"matgrad\0") else { return false };
            entry(sources.as_ptr(), places.as_ptr(), OWN.as_ptr());
        }
        true
    }
}

/// What the compiler makes of a text: `$CC`, or `cc`, which optimises as the level says.
fn load_library(text: &str, level: &str) -> Result<Library, String> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let folder = Folder::new()?;
    let (source, object) = (folder.0.join("code.c"), folder.0.join("code.so"));
    std::fs::write(&source, text).map_err(|error| format!("no file for the C compiler: {error}"))?;
    build(Path::new(&compiler), level, &source, &object)?;
    // SAFETY: the library was made of our text a moment ago; it has no initialisers
    #[allow(unsafe_code)]
    let library = unsafe { Library::new(&object) };
    library.map_err(|error| format!("what the C compiler made cannot be loaded: {error}"))
}

fn build(compiler: &Path, level: &str, source: &Path, object: &Path) -> Result<(), String> {
    let mut command = Command::new(compiler);
    command.args(["-std=c99", level, "-fPIC", "-shared", "-fno-math-errno", "-w"]);
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        command.arg("-march=native");
    }
    let name = compiler.display();
    match command.arg(source).arg("-o").arg(object).arg("-lm").output() {
        Err(error) => Err(format!("the engine `cc` needs a C compiler; `{name}` does not run: {error}")),
        Ok(done) if !done.status.success() => {
            let message = String::from_utf8_lossy(&done.stderr);
            Err(format!("the C compiler `{name}` failed: {}", message.trim().lines().next().unwrap_or("no message")))
        }
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Builder;

    #[test]
    fn code_as_c() {
        let mut build = Builder::default();
        let x = build.push(Inst::Load(0));
        let half = build.constant(0.5);
        let product = build.push(Inst::Mul(half, x));
        let mut out = [build.push(Inst::Unary(MapOp::Exp, product))];
        let code = build.finish(&mut out);
        let straight = Straight::new(code, &[0], vec![vec![out[0], out[0]]]);
        let lines = "  const double r0 = in[0][0];\n  const double r1 = 5e-1;\n  const double r2 = r1 * r0;\n";
        let rest = "  const double r3 = exp(r2);\n  out[0][0] = r3;\n  out[0][1] = r3;\n}\n";
        assert_eq!(text(&straight), format!("{START}{FUNCTION}{lines}{rest}"));
    }

    #[test]
    fn a_compiler_that_is_not_there() {
        let folder = Folder::new().expect("a directory");
        let error = build(Path::new("no-such-compiler"), "-O2", &folder.0, &folder.0).unwrap_err();
        assert!(error.starts_with("the engine `cc` needs a C compiler; `no-such-compiler` does not run"), "{error}");
    }
}
