//! No input makes the check panic or run away: random expressions with every function of the language.

use matgrad_check::{Answer, Layout, Options, Problem, check_claim, verify};
use matgrad_syntax::functions::FUNCTIONS;
use matgrad_syntax::parse;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 || self.below(6) == 0 {
            return self
                .pick(&[
                    "x",
                    "y",
                    "A",
                    "B",
                    "S",
                    "t",
                    "T",
                    "I",
                    "1",
                    "2",
                    "0.5",
                    "n",
                    "pi",
                    "vector(1)",
                    "i",
                    "0",
                    "zeros(0)",
                ])
                .into();
        }
        match self.below(10) {
            0 => format!("({})'", self.expression(depth - 1)),
            1 => format!("-({})", self.expression(depth - 1)),
            2..=4 => {
                let operator = self.pick(&["+", "-", "*", ".*", "/", "./", "\\", "⊗", ":", "^", ".^", "<"]);
                format!("({} {operator} {})", self.expression(depth - 1), self.expression(depth - 1))
            }
            5 => {
                let reducer = self.pick(&["sum", "prod", "max", "mean", "logsumexp"]);
                let head = self.pick(&["i", "i,j", "i:3", "i:n", "i; i < 3", "i,j; i != j"]);
                let body =
                    self.pick(&["x[i]", "A[i,j]*x[j]", "x[i+1]", "delta[i,j]*x[i]", "eps[i,j,i]", "i", "S[i,:]"]);
                format!("{reducer}[{head}]({body}*{})", self.expression(depth - 1))
            }
            6 => {
                let subscript = self.pick(&["1", "2,1", ":,1", "1:2", "i,j", "1,:", "n", "1,1,1", "2:1"]);
                format!("({})[{subscript}]", self.expression(depth - 1))
            }
            7 => {
                let (a, b) = (self.expression(depth - 1), self.expression(depth - 1));
                if self.below(2) == 0 { format!("[{a}, {b}]") } else { format!("[{a}, {b}; {b}, {a}]") }
            }
            _ => {
                let function = FUNCTIONS[self.below(FUNCTIONS.len())];
                let count = function.min_args + self.below(function.max_args - function.min_args + 1);
                let mut args: Vec<String> = (0..count).map(|_| self.expression(depth - 1)).collect();
                if matches!(function.name, "fold" | "scan" | "map") {
                    args[0] = "g".into();
                }
                format!("{}({})", function.name, args.join(", "))
            }
        }
    }
}

#[test]
fn random_expressions() {
    let mut random = Random(11);
    let mut compared = 0;
    for round in 0..4000 {
        let function = random.expression(1 + round % 6);
        let answer = if round % 3 == 0 { "zeros(1,n)".into() } else { random.expression(2) };
        let declarations = "x in R^n\ny in R^m\nA in R^(m x n)\nB in R^(n x n)\nS in R^(n x n) pd\nt in R\nT in R^(2 x 3 x 2)\ng(a) = sin(a)\n";
        let script = parse(&format!("{declarations}F = {function}")).script;
        let text = parse(&answer).script;
        let wrt = random.pick(&["x", "A", "B", "S", "t", "T"]);
        let (Some(problem), Some(answer)) = (
            Problem::of_script(&script, wrt.into()),
            Answer::of_script(&text, Layout::ALL[random.below(7)], 1 + random.below(2)),
        ) else {
            continue;
        };
        let verdict = verify(&problem, &answer, &Options { points: 1, ..Options::default() });
        compared += verdict.points;
        if round % 5 == 0 {
            check_claim(&problem, &answer, &Options::default());
        }
    }
    assert!(compared > 100, "only {compared} comparisons");
}
