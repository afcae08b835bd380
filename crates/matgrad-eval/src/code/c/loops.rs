//! Fused loops as C99: the loops of a program are compiled together.

use std::fmt::Write;
use std::sync::Arc;

use libloading::Library;
use smallvec::SmallVec;

use super::{OWN, START, Two, load_library, value};
use crate::fused::{Fold, FusedLoop, Strides};

/// The function of a loop: pointers to the arguments and the results.
#[allow(unsafe_code, reason = "C")]
type Entry = unsafe extern "C" fn(*const *const f64, *const *mut f64, *const Two);

/// A loop that a C compiler has made.
#[derive(Debug)]
pub(crate) struct CompiledLoop {
    library: Arc<Library>,
    name: String,
}

/// The loops, each as a function.
fn text(loops: &[&FusedLoop]) -> String {
    let mut out = START.to_owned();
    for (k, work) in loops.iter().enumerate() {
        let _ = writeln!(
            out,
            "void loop{k}(const double *const *in, double *const *out, double (*const *own)(double, double)) {{"
        );
        let at = |start: usize, strides: &Strides| {
            let moving = strides.iter().enumerate().filter(|(_, s)| **s != 0);
            let terms: Vec<String> = moving.map(|(v, s)| format!(" + {s} * i{v}")).collect();
            format!("{start}{}", terms.concat())
        };
        for (v, n) in work.extents.iter().enumerate() {
            let _ = writeln!(out, "for (long i{v} = 0; i{v} < {n}; i{v}++)");
        }
        out.push_str("{\n");
        for (r, inst) in work.code.insts.iter().enumerate() {
            let load = |s: u32| {
                let stream = work.streams.get(s as usize);
                stream.map_or("NAN".into(), |s| format!("in[{}][{}]", s.arg, at(s.start, &s.strides)))
            };
            let _ = writeln!(out, "  const double r{r} = {};", value(inst, load));
        }
        for output in &work.outputs {
            let (place, r) = (format!("out[{}][{}]", output.out, at(output.start, &output.strides)), output.value.0);
            let fold = output.fold.or(output.add.then_some(Fold::Sum));
            let _ = match fold {
                None => writeln!(out, "  {place} = r{r};"),
                Some(Fold::Sum) => writeln!(out, "  {place} += r{r};"),
                Some(Fold::Product) => writeln!(out, "  {place} *= r{r};"),
                Some(Fold::Max) => writeln!(out, "  {place} = larger({place}, r{r});"),
                Some(Fold::Min) => writeln!(out, "  {place} = smaller({place}, r{r});"),
            };
        }
        out.push_str("}\n}\n");
    }
    out
}

impl CompiledLoop {
    /// Compiles loops with `$CC`, or `cc`.
    pub fn all(loops: &[&FusedLoop]) -> Result<Vec<Self>, String> {
        if loops.is_empty() {
            return Ok(Vec::new());
        }
        let library = Arc::new(load_library(&text(loops), "-O3")?);
        let one = |k: usize| Self { library: library.clone(), name: format!("loop{k}\0") };
        Ok((0..loops.len()).map(one).collect())
    }

    /// Runs the loop it was made of; says whether all that it reaches is in the memory given, else nothing happens.
    pub fn run(&self, work: &FusedLoop, args: &[&[f64]], outs: &mut [&mut [f64]]) -> bool {
        if !work.reaches(args, outs) {
            return false;
        }
        let sources: SmallVec<[*const f64; 16]> = args.iter().map(|x| x.as_ptr()).collect();
        let places: SmallVec<[*mut f64; 16]> = outs.iter_mut().map(|x| x.as_mut_ptr()).collect();
        // SAFETY: the function has this type by `text`; it reads and writes what the streams and outputs of this loop reach,
        // which lies inside, as was checked above, and calls the functions of `OWN`
        #[allow(unsafe_code)]
        unsafe {
            let Ok(entry) = self.library.get::<Entry>(self.name.as_bytes()) else { return false };
            entry(sources.as_ptr(), places.as_ptr(), OWN.as_ptr());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{Builder, Inst};
    use crate::fused::{Output, Stream};

    #[test]
    fn loops_as_c() {
        let mut build = Builder::default();
        let x = build.push(Inst::Load(0));
        let square = build.push(Inst::Mul(x, x));
        let mut out = [square];
        let code = build.finish(&mut out);
        let strides = |s: &[usize]| Strides::from_slice(s);
        let stream = Stream { arg: 1, start: 2, strides: strides(&[7, 1]) };
        let sum =
            Output { out: 0, start: 0, strides: strides(&[1, 0]), value: out[0], fold: Some(Fold::Sum), add: false };
        let work = FusedLoop::new([3, 5].into_iter().collect(), vec![stream], code, vec![sum]);
        let text = text(&[&work]);
        let lines = "for (long i0 = 0; i0 < 3; i0++)\nfor (long i1 = 0; i1 < 5; i1++)\n{\n";
        let body = "  const double r0 = in[1][2 + 7 * i0 + 1 * i1];\n  const double r1 = r0 * r0;\n  out[0][0 + 1 * i0] += r1;\n}\n}\n";
        assert!(text.ends_with(&format!("{lines}{body}")), "{text}");
        // memory that is too short is not touched
        assert!(work.reaches(&[&[0.0; 1], &[0.0; 21]], &[&mut [0.0; 3]]));
        assert!(!work.reaches(&[&[0.0; 1], &[0.0; 20]], &[&mut [0.0; 3]]));
        assert!(!work.reaches(&[&[0.0; 1], &[0.0; 21]], &[&mut [0.0; 2]]));
    }
}
