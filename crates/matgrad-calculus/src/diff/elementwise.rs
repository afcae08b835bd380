//! Functions entry by entry: the derivative of each, and its rule in words.

use matgrad_syntax::Rational;
use smallvec::{SmallVec, smallvec};

use crate::graph::{Factor, Graph, Label, Labels, MapOp, NodeId};

use super::DiffError;
use super::linear::{Linear, Term};
use super::rules::Rule;

/// A number times powers of nodes, each shaped like the function or a scalar.
type Entry = (Rational, SmallVec<[(NodeId, Rational); 3]>);

/// `∂id/∂args[slot]`: a diagonal.
pub(super) fn partial(g: &mut Graph, id: NodeId, op: MapOp, args: &[NodeId], slot: usize) -> Result<Linear, DiffError> {
    let Some((coefficient, factors)) = entry(g, id, op, args, slot)? else { return Ok(Linear::Zero) };
    let dims = g.axes(id).clone();
    let labels: Labels = (0..dims.len() as Label).collect();
    let factors = factors.into_iter().map(|(node, exponent)| {
        let labels = if g.rank(node) == 0 { Labels::new() } else { labels.clone() };
        Factor { node, labels, exponent }
    });
    let term = Term::new(coefficient, factors.collect(), &dims, labels.clone(), labels.clone());
    Ok(Linear::Terms(vec![term]))
}

/// The factors of the derivative; `None` where it is 0.
fn entry(g: &mut Graph, id: NodeId, op: MapOp, args: &[NodeId], slot: usize) -> Result<Option<Entry>, DiffError> {
    let one = Rational::ONE;
    let plain = |node: NodeId| -> Entry { (Rational::ONE, smallvec![(node, Rational::ONE)]) };
    let power = |node: NodeId, exponent: Rational| -> Entry { (Rational::ONE, smallvec![(node, exponent)]) };
    let half = || Rational::new(-1, 2);
    let u = args[0];
    Ok(Some(match op {
        MapOp::Exp => plain(id),
        MapOp::Log => power(u, Rational::int(-1)),
        MapOp::Abs => plain(g.map(MapOp::Sign, &[u])),
        MapOp::Sign | MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual => return Ok(None),
        MapOp::Cbrt => (Rational::new(1, 3), smallvec![(id, Rational::int(-2))]),
        MapOp::Sin => plain(g.map(MapOp::Cos, &[u])),
        MapOp::Cos => (Rational::int(-1), smallvec![(g.map(MapOp::Sin, &[u]), one)]),
        MapOp::Tan => power(g.map(MapOp::Cos, &[u]), Rational::int(-2)),
        MapOp::Asin => power(one_plus(g, u, -1), half()),
        MapOp::Acos => (Rational::int(-1), smallvec![(one_plus(g, u, -1), half())]),
        MapOp::Atan => power(one_plus(g, u, 1), Rational::int(-1)),
        MapOp::Sinh => plain(g.map(MapOp::Cosh, &[u])),
        MapOp::Cosh => plain(g.map(MapOp::Sinh, &[u])),
        MapOp::Tanh => plain(one_plus(g, id, -1)),
        MapOp::Asinh => power(one_plus(g, u, 1), half()),
        MapOp::Acosh => {
            let (square, ones) = (g.power(u, &Rational::int(2)), ones_like(g, u));
            power(g.subtract(square, ones), half())
        }
        MapOp::Atanh => power(one_plus(g, u, -1), Rational::int(-1)),
        MapOp::Sigmoid => {
            let minus = g.negate(u);
            (one.clone(), smallvec![(id, one.clone()), (g.map(MapOp::Sigmoid, &[minus]), one)])
        }
        MapOp::Softplus => plain(g.map(MapOp::Sigmoid, &[u])),
        MapOp::Relu => {
            let zeros = zeros_like(g, u);
            plain(g.map(MapOp::Less, &[zeros, u]))
        }
        MapOp::Erf => {
            let square = g.power(u, &Rational::int(2));
            let minus = g.negate(square);
            let (bell, pi) = (g.map(MapOp::Exp, &[minus]), g.pi());
            (Rational::int(2), smallvec![(bell, one), (pi, half())])
        }
        MapOp::Gamma => (one.clone(), smallvec![(id, one.clone()), (g.map(MapOp::Polygamma(0), &[u]), one)]),
        MapOp::Lgamma => plain(g.map(MapOp::Polygamma(0), &[u])),
        MapOp::Polygamma(k) => {
            let next = k.checked_add(1).ok_or_else(|| DiffError {
                message: format!("polygamma({k}, x) has no derivative here: its order is too large"),
                node: id,
            })?;
            plain(g.map(MapOp::Polygamma(next), &[u]))
        }
        // where both operands are equal, the first counts
        MapOp::Max if slot == 0 => plain(g.map(MapOp::LessEq, &[args[1], u])),
        MapOp::Max => plain(g.map(MapOp::Less, &[u, args[1]])),
        MapOp::Min if slot == 0 => plain(g.map(MapOp::LessEq, &[u, args[1]])),
        MapOp::Min => plain(g.map(MapOp::Less, &[args[1], u])),
        MapOp::Atan2 => {
            let (y2, x2) = (g.power(u, &Rational::int(2)), g.power(args[1], &Rational::int(2)));
            let radius = (g.add(x2, y2), Rational::int(-1));
            match slot {
                0 => (one.clone(), smallvec![(args[1], one), radius]),
                _ => (Rational::int(-1), smallvec![(u, one), radius]),
            }
        }
        MapOp::Pow if slot == 0 => {
            let ones = ones_like(g, u);
            let lower = g.subtract(args[1], ones);
            (one.clone(), smallvec![(args[1], one.clone()), (g.map(MapOp::Pow, &[u, lower]), one)])
        }
        MapOp::Pow => (one.clone(), smallvec![(id, one.clone()), (g.map(MapOp::Log, &[u]), one)]),
        MapOp::Where if slot == 0 => return Ok(None),
        MapOp::Where => plain(indicator(g, u, slot == 1)),
    }))
}

/// `1 + sign·u²`.
fn one_plus(g: &mut Graph, u: NodeId, sign: i64) -> NodeId {
    let (square, ones) = (g.power(u, &Rational::int(2)), ones_like(g, u));
    let dims = g.axes(u).clone();
    g.sum(&[(Rational::ONE, ones), (Rational::int(sign), square)], &dims)
}

fn ones_like(g: &mut Graph, u: NodeId) -> NodeId {
    let dims = g.axes(u).clone();
    g.ones(&dims)
}

fn zeros_like(g: &mut Graph, u: NodeId) -> NodeId {
    let dims = g.axes(u).clone();
    g.zeros(&dims)
}

/// 1 where a condition holds (or does not).
fn indicator(g: &mut Graph, condition: NodeId, holds: bool) -> NodeId {
    use crate::graph::Node;
    if let Node::Map(op @ (MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual), args) = g.node(condition) {
        if holds {
            return condition;
        }
        let (op, a, b) = (*op, args[0], args[1]);
        return match op {
            MapOp::Less => g.map(MapOp::LessEq, &[b, a]),
            MapOp::LessEq => g.map(MapOp::Less, &[b, a]),
            MapOp::Equal => g.map(MapOp::NotEqual, &[a, b]),
            _ => g.map(MapOp::Equal, &[a, b]),
        };
    }
    let zeros = zeros_like(g, condition);
    g.map(if holds { MapOp::NotEqual } else { MapOp::Equal }, &[condition, zeros])
}

const CALCULUS: &str = "elementary calculus";
const DLMF_4: &str = "NIST Digital Library of Mathematical Functions, ch. 4";
const DLMF_5: &str = "NIST Digital Library of Mathematical Functions, ch. 5";

macro_rules! table {
    ($($pattern:pat => $name:literal, $chinese:literal, $statement:literal, $source:expr;)*) => {
        /// The rules of this file, in the order of the operators.
        pub(super) const RULES: &[Rule] =
            &[$(Rule { name: $name, chinese: $chinese, statement: $statement, source: $source }),*];

        pub(super) fn rule(op: MapOp) -> &'static Rule {
            match op {
                $($pattern => &Rule { name: $name, chinese: $chinese, statement: $statement, source: $source },)*
            }
        }
    };
}

table! {
    MapOp::Exp => "exponential", "指数函数", "d exp(u) = exp(u).*du", CALCULUS;
    MapOp::Log => "logarithm", "对数函数", "d log(u) = du./u", CALCULUS;
    MapOp::Abs => "absolute value", "绝对值", "d abs(u) = sign(u).*du", CALCULUS;
    MapOp::Sign => "sign", "符号函数", "d sign(u) = 0 away from the step", CALCULUS;
    MapOp::Cbrt => "cube root", "立方根", "d cbrt(u) = du./(3*cbrt(u).^2)", CALCULUS;
    MapOp::Sin => "sine", "正弦", "d sin(u) = cos(u).*du", CALCULUS;
    MapOp::Cos => "cosine", "余弦", "d cos(u) = -sin(u).*du", CALCULUS;
    MapOp::Tan => "tangent", "正切", "d tan(u) = du./cos(u).^2", CALCULUS;
    MapOp::Asin => "arcsine", "反正弦", "d asin(u) = du./sqrt(1 - u.^2)", DLMF_4;
    MapOp::Acos => "arccosine", "反余弦", "d acos(u) = -du./sqrt(1 - u.^2)", DLMF_4;
    MapOp::Atan => "arctangent", "反正切", "d atan(u) = du./(1 + u.^2)", DLMF_4;
    MapOp::Sinh => "hyperbolic sine", "双曲正弦", "d sinh(u) = cosh(u).*du", DLMF_4;
    MapOp::Cosh => "hyperbolic cosine", "双曲余弦", "d cosh(u) = sinh(u).*du", DLMF_4;
    MapOp::Tanh => "hyperbolic tangent", "双曲正切", "d tanh(u) = (1 - tanh(u).^2).*du", DLMF_4;
    MapOp::Asinh => "area hyperbolic sine", "反双曲正弦", "d asinh(u) = du./sqrt(1 + u.^2)", DLMF_4;
    MapOp::Acosh => "area hyperbolic cosine", "反双曲余弦", "d acosh(u) = du./sqrt(u.^2 - 1)", DLMF_4;
    MapOp::Atanh => "area hyperbolic tangent", "反双曲正切", "d atanh(u) = du./(1 - u.^2)", DLMF_4;
    MapOp::Sigmoid => "sigmoid", "逻辑函数", "d sigmoid(u) = sigmoid(u).*sigmoid(-u).*du", CALCULUS;
    MapOp::Softplus => "softplus", "softplus 函数", "d softplus(u) = sigmoid(u).*du", CALCULUS;
    MapOp::Relu => "rectifier", "线性整流函数", "d relu(u) = (u > 0).*du", CALCULUS;
    MapOp::Erf => "error function", "误差函数", "d erf(u) = 2*exp(-u.^2)/sqrt(pi).*du",
        "NIST Digital Library of Mathematical Functions, ch. 7";
    MapOp::Gamma => "gamma function", "伽马函数", "d gamma(u) = gamma(u).*digamma(u).*du", DLMF_5;
    MapOp::Lgamma => "log-gamma function", "对数伽马函数", "d lgamma(u) = digamma(u).*du", DLMF_5;
    MapOp::Polygamma(_) => "polygamma function", "多伽马函数", "d polygamma(k, u) = polygamma(k+1, u).*du", DLMF_5;
    MapOp::Max => "larger of two", "两者较大", "d max(u, v) = (u >= v).*du + (u < v).*dv", CALCULUS;
    MapOp::Min => "smaller of two", "两者较小", "d min(u, v) = (u <= v).*du + (u > v).*dv", CALCULUS;
    MapOp::Atan2 => "angle", "辐角", "d atan2(y, x) = (x.*dy - y.*dx)./(x.^2 + y.^2)", DLMF_4;
    MapOp::Pow => "power", "幂", "d u.^v = v.*u.^(v-1).*du + log(u).*u.^v.*dv", CALCULUS;
    MapOp::Less => "comparison <", "比较 <", "d (u < v) = 0 away from the step", CALCULUS;
    MapOp::LessEq => "comparison <=", "比较 <=", "d (u <= v) = 0 away from the step", CALCULUS;
    MapOp::Equal => "comparison ==", "比较 ==", "d (u == v) = 0 away from the step", CALCULUS;
    MapOp::NotEqual => "comparison !=", "比较 !=", "d (u != v) = 0 away from the step", CALCULUS;
    MapOp::Where => "choice", "分段", "d where(c, u, v) = where(c, du, dv)", CALCULUS;
}
