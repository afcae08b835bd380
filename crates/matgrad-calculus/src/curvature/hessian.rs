//! Hessians as sums of positive semidefinite terms.

use matgrad_syntax::Rational;
use rustc_hash::FxHashSet;

use super::Line;
use super::mirror::{Role, Roles, mirrored};
use crate::diff::sign::Knowledge;
use crate::graph::{Factor, Graph, Label, Labels, MapOp, MatrixOp, Node, NodeId, Product, ProductBuilder, ReduceOp};

/// Whether a function of these inputs has second derivatives wherever it is formed without kinks.
pub fn is_smooth(g: &Graph, root: NodeId, inputs: &[NodeId]) -> bool {
    let mut varies: FxHashSet<NodeId> = inputs.iter().copied().collect();
    for id in g.reachable(&[root]) {
        let mut here = varies.contains(&id);
        g.for_each_child(id, |child| here |= varies.contains(&child));
        if !here {
            continue;
        }
        varies.insert(id);
        let kinked = match g.node(id) {
            Node::Map(op, _) => matches!(
                op,
                MapOp::Abs
                    | MapOp::Sign
                    | MapOp::Relu
                    | MapOp::Max
                    | MapOp::Min
                    | MapOp::Where
                    | MapOp::Less
                    | MapOp::LessEq
                    | MapOp::Equal
                    | MapOp::NotEqual
                    | MapOp::Cbrt
            ),
            Node::Reduce(op, ..) => matches!(op, ReduceOp::Max | ReduceOp::Min),
            Node::Matrix(op, _) => matches!(
                op,
                MatrixOp::Eigvals
                    | MatrixOp::Eigvecs
                    | MatrixOp::Singvals
                    | MatrixOp::SvdU
                    | MatrixOp::SvdV
                    | MatrixOp::NormSpec
                    | MatrixOp::NormNuc
                    | MatrixOp::Pinv
            ),
            Node::Call(..) | Node::Loop(..) | Node::Placeholder { .. } => true,
            _ => false,
        };
        if kinked {
            return false;
        }
    }
    true
}

/// Terms that add up to a Hessian, whose first half of axes is paired with the second, each with the reason why it is
/// positive semidefinite; `None` where no such reading is found.
pub fn semidefinite(g: &mut Graph, node: NodeId) -> Option<Vec<Line>> {
    let spread = g.distribute(node);
    let all = if spread == node { vec![node] } else { vec![spread, node] };
    for candidate in all {
        if let Some(lines) = sum(g, candidate) {
            return Some(lines);
        }
    }
    let far = g.distribute_all(node);
    if far == node { None } else { sum(g, far) }
}

fn sum(g: &mut Graph, node: NodeId) -> Option<Vec<Line>> {
    let order = g.reachable(&[node]);
    let known = Knowledge::new(g, &order);
    let (terms, dims) = g.terms(node);
    let mut good: Vec<(Rational, NodeId, String)> = Vec::new();
    let mut rest: Vec<(Rational, NodeId)> = Vec::new();
    for (c, term) in terms {
        match term_reason(g, &known, term).filter(|_| !c.is_negative()) {
            Some(why) => good.push((c, term, why)),
            None => rest.push((c, term)),
        }
    }
    let mut lines = Vec::new();
    for (c, term) in rest {
        // a term that is taken away lies below one that is there
        let negative = c.is_negative();
        let found =
            good.iter().position(|(d, above, _)| negative && below(g, &known, (&-c.clone(), term), (d, *above)))?;
        let (d, above, _) = good.remove(found);
        let pair = g.sum(&[(d, above), (c, term)], &dims);
        lines.push(Line { node: pair, curvature: None, why: "psd by the Cauchy-Schwarz inequality".into() });
    }
    for (c, term, why) in good {
        let node = g.sum(&[(c, term)], &dims);
        lines.push(Line { node, curvature: None, why });
    }
    Some(lines)
}

/// The product that a node is.
fn product_of(g: &Graph, node: NodeId) -> Product {
    if let Node::Product(p) = g.node(node) {
        return p.clone();
    }
    let labels: Labels = (0..g.rank(node) as Label).collect();
    let dims = g.axes(node).clone();
    let factors = vec![Factor { node, labels: labels.clone(), exponent: Rational::ONE }];
    Product { factors, out: labels, dims }
}

/// The labels of a Hessian's axes in pairs.
fn pairs(p: &Product) -> Option<Vec<(Label, Label)>> {
    let half = p.out.len() / 2;
    (p.out.len() == 2 * half).then(|| (0..half).map(|k| (p.out[k], p.out[k + half])).collect())
}

/// Why a term is positive semidefinite.
fn term_reason(g: &Graph, known: &Knowledge, node: NodeId) -> Option<String> {
    let p = product_of(g, node);
    let pairs = pairs(&p)?;
    let accepts = |f: &Factor, role: Role| match role {
        Role::Half => true,
        Role::Core => f.exponent.is_one() && known.is_semidefinite(f.node),
        Role::Weight => {
            let diagonal = matches!(f.labels.as_slice(), [a, b] if a == b);
            known.power(f).nonnegative() || diagonal && f.exponent.is_one() && known.is_semidefinite(f.node)
        }
    };
    let mut why = None;
    mirrored(g, &p, &pairs, &accepts, &mut |roles| {
        why = Some(reason(g, &p, &pairs, roles));
        true
    });
    why
}

fn reason(g: &Graph, p: &Product, pairs: &[(Label, Label)], roles: &Roles) -> String {
    let of = |role: Role| p.factors.iter().zip(roles).filter(move |(_, own)| **own == role).map(|(f, _)| f);
    let weights = of(Role::Weight).any(|f| !f.labels.is_empty());
    let scalars = of(Role::Weight).any(|f| f.labels.is_empty() && g.constant(f.node).is_none());
    let (halves, cores) = (of(Role::Half).count() > 0, of(Role::Core).count() > 0);
    let diagonal = pairs.iter().all(|(a, b)| a == b);
    let base = match (halves, cores, weights) {
        _ if pairs.is_empty() => "not negative".to_owned(),
        (false, false, _) if diagonal => "psd: diagonal with entries >= 0".to_owned(),
        (true, true, _) => "psd: C'*P*C with P psd".to_owned(),
        (true, false, true) => "psd: C'*diag(w)*C with w >= 0".to_owned(),
        (true, false, false) => "psd: C'*C".to_owned(),
        (false, true, _) => "psd by what is declared".to_owned(),
        (false, false, _) => "psd".to_owned(),
    };
    if scalars && !pairs.is_empty() { format!("{base}, times a number >= 0") } else { base }
}

/// Whether `d*above - c*term` is semidefinite by the Cauchy-Schwarz inequality: `above` is Σ_s w_s L_s L_s' and `term` is
/// a number q times g g' with g = Σ_s w_s r_s L_s, so that it holds where c q Σ_s w_s r_s² is not above d.
fn below(g: &mut Graph, known: &Knowledge, (c, term): (&Rational, NodeId), (d, above): (&Rational, NodeId)) -> bool {
    let (p, q) = (product_of(g, above), product_of(g, term));
    let (Some(ends), Some(own)) = (pairs(&p), pairs(&q)) else { return false };
    if ends.is_empty() {
        return false;
    }
    // the half of `above` with the labels that both halves share
    let accepts = |f: &Factor, role: Role| match role {
        Role::Half => true,
        Role::Core => false,
        Role::Weight => known.power(f).nonnegative(),
    };
    let mut readings: Vec<Roles> = Vec::new();
    mirrored(g, &p, &ends, &accepts, &mut |roles| {
        readings.push(roles.clone());
        readings.len() >= 4
    });
    let twins = |f: &Factor, role: Role| match role {
        Role::Half => !f.labels.is_empty(),
        Role::Core => false,
        Role::Weight => f.labels.is_empty(),
    };
    if !mirrored(g, &q, &own, &twins, &mut |_| true) {
        return false;
    }
    let Some((one, number)) = halved(&q, &own) else { return false };
    for roles in readings {
        let half = side(&p, &ends, &roles);
        let weights: Vec<&Factor> =
            p.factors.iter().zip(&roles).filter(|(_, r)| **r == Role::Weight).map(|(f, _)| f).collect();
        let Some(map) = matched(&half, &ends, &one, &own, &p, &q) else { continue };
        // what g has beyond the half of `above`: w r, on the shared labels
        let used: Vec<usize> = map.factors;
        let mut b = ProductBuilder::new();
        let mut labels: Vec<Option<Label>> = vec![None; q.dims.len().max(p.dims.len()) * 2 + 2];
        let shift = q.dims.len();
        let mut label = |b: &mut ProductBuilder, at: usize, dim| *labels[at].get_or_insert_with(|| b.label(dim));
        let mut scalar =
            |b: &mut ProductBuilder, f: &Factor, from: &Product, to: &dyn Fn(Label) -> usize, e: Rational| {
                let own: Labels = f.labels.iter().map(|l| label(b, to(*l), from.dims[usize::from(*l)])).collect();
                b.power(f.node, &own, e);
            };
        // the rest of g may depend on the shared labels only
        let moved: Vec<Label> = ends.iter().zip(&own).filter(|((a, b), _)| a != b).map(|(_, (x, _))| *x).collect();
        let shared = |l: &Label| map.labels.contains(&Some(*l)) && !moved.contains(l);
        let rest = || one.iter().enumerate().filter(|(at, _)| !used.contains(at)).map(|(_, f)| f);
        if !rest().all(|f| f.labels.iter().all(shared)) {
            continue;
        }
        for f in rest() {
            scalar(&mut b, f, &q, &|l| usize::from(l), &f.exponent * &Rational::int(2));
        }
        let of_above =
            |l: Label| map.labels.get(usize::from(l)).copied().flatten().map_or(shift + usize::from(l), usize::from);
        let mut plain = true;
        for f in weights {
            let image = |l: &Label| map.labels.get(usize::from(*l)).copied().flatten();
            plain &= f.labels.iter().all(|l| image(l).is_some_and(|x| shared(&x)));
            scalar(&mut b, f, &p, &of_above, -f.exponent.clone());
        }
        if !plain {
            continue;
        }
        for f in &number {
            scalar(&mut b, f, &q, &|l| usize::from(l), f.exponent.clone());
        }
        let total = b.build(g, &[]);
        let dims = g.axes(total).clone();
        let one = g.number(Rational::ONE);
        let gap = g.sum(&[(d.clone(), one), (-c.clone(), total)], &dims);
        let gap = g.distribute_all(gap);
        if g.is_zero(gap) {
            return true;
        }
        let order = g.reachable(&[gap]);
        if Knowledge::new(g, &order).sign(gap).nonnegative() {
            return true;
        }
    }
    false
}

/// A product g g' times a number: the factors of one g, and those of the number.
fn halved(q: &Product, own: &[(Label, Label)]) -> Option<(Vec<Factor>, Vec<Factor>)> {
    let mut component: Vec<usize> = (0..q.dims.len()).collect();
    let find = |component: &[usize], mut at: usize| {
        while component[at] != at {
            at = component[at];
        }
        at
    };
    let firsts: Vec<usize> = own.iter().map(|(a, _)| usize::from(*a)).collect();
    let seconds: Vec<usize> = own.iter().map(|(_, b)| usize::from(*b)).collect();
    let groups = q.factors.iter().map(|f| f.labels.iter().map(|l| usize::from(*l)).collect::<Vec<_>>());
    for group in groups.chain([firsts.clone(), seconds.clone()]) {
        for pair in group.windows(2) {
            let (a, b) = (find(&component, pair[0]), find(&component, pair[1]));
            component[a] = b;
        }
    }
    let (a, b) = (find(&component, *firsts.first()?), find(&component, *seconds.first()?));
    if a == b {
        return None;
    }
    let on = |f: &Factor, root: usize| f.labels.first().is_some_and(|l| find(&component, usize::from(*l)) == root);
    let one: Vec<Factor> = q.factors.iter().filter(|f| on(f, a)).cloned().collect();
    let two = q.factors.iter().filter(|f| on(f, b));
    // both halves have the same factors; that they hang together the same way is what the mirror says
    let mut left: Vec<(NodeId, Rational)> = one.iter().map(|f| (f.node, f.exponent.clone())).collect();
    for f in two {
        let at = left.iter().position(|(node, e)| *node == f.node && *e == f.exponent)?;
        left.swap_remove(at);
    }
    let number: Vec<Factor> = q.factors.iter().filter(|f| !on(f, a) && !on(f, b)).cloned().collect();
    left.is_empty().then_some((one, number))
}

/// The factors of `above` that hold the first end.
fn side(p: &Product, ends: &[(Label, Label)], roles: &Roles) -> Vec<Factor> {
    let mut inside: Vec<Label> = ends.iter().map(|(a, _)| *a).collect();
    let ends: Vec<Label> = ends.iter().map(|(_, b)| *b).filter(|b| !inside.contains(b)).collect();
    let mut found: Vec<usize> = Vec::new();
    loop {
        let next = p.factors.iter().enumerate().find(|(at, f)| {
            roles.get(*at) == Some(&Role::Half)
                && !found.contains(at)
                && f.labels.iter().any(|l| inside.contains(l))
                && !f.labels.iter().any(|l| ends.contains(l))
        });
        let Some((at, f)) = next else { break };
        found.push(at);
        // one step: what is beyond it is shared with the other half
        inside.extend(f.labels.iter().filter(|_| false).copied());
    }
    found.into_iter().map(|at| p.factors[at].clone()).collect()
}

/// Where the labels and factors of a half are in g.
struct Matched {
    labels: Vec<Option<Label>>,
    factors: Vec<usize>,
}

fn matched(
    half: &[Factor],
    ends: &[(Label, Label)],
    one: &[Factor],
    own: &[(Label, Label)],
    p: &Product,
    q: &Product,
) -> Option<Matched> {
    let mut labels: Vec<Option<Label>> = vec![None; p.dims.len()];
    for ((a, _), (x, _)) in ends.iter().zip(own) {
        if p.dims[usize::from(*a)] != q.dims[usize::from(*x)] {
            return None;
        }
        labels[usize::from(*a)] = Some(*x);
    }
    let mut factors = Vec::new();
    for f in half {
        let at = one.iter().enumerate().position(|(at, twin)| {
            !factors.contains(&at)
                && twin.node == f.node
                && twin.exponent == f.exponent
                && f.labels
                    .iter()
                    .zip(&twin.labels)
                    .all(|(l, t)| labels[usize::from(*l)].is_none_or(|known| known == *t))
        })?;
        factors.push(at);
        for (l, t) in f.labels.iter().zip(&one[at].labels) {
            labels[usize::from(*l)] = Some(*t);
        }
    }
    Some(Matched { labels, factors })
}
