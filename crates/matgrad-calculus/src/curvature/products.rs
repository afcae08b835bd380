//! Products: powers, quadratic forms, quadratic over linear, entropies, norms.

use matgrad_syntax::Rational;

use super::Curvature::{self, Affine, Concave, Convex};
use super::composition::{Facts, Found};
use super::mirror::{Role, Roles, mirrored};
use crate::graph::{Factor, Graph, MapOp, MatrixOp, Node, NodeId, Product};

/// Whether a node is a sum of squares of affine functions, so that its root is a norm.
pub(super) fn pure_quadratic(g: &Graph, facts: &Facts, id: NodeId) -> bool {
    match g.node(id) {
        Node::Sum(terms, _) => {
            !terms.is_empty() && terms.iter().all(|(c, n)| !c.is_negative() && quadratic_term(g, facts, *n))
        }
        _ => quadratic_term(g, facts, id),
    }
}

fn quadratic_term(g: &Graph, facts: &Facts, id: NodeId) -> bool {
    if facts.constant(id) {
        return facts.known.sign(id).nonnegative();
    }
    let Node::Product(p) = g.node(id) else { return false };
    powers_of(g, facts, p).is_some_and(|q| q.iter().all(|p| *p == Rational::int(2)))
}

/// The exponents p of a sum of weighted `|u|^p` with affine or convex u that are not negative.
fn powers_of(g: &Graph, facts: &Facts, p: &Product) -> Option<Vec<Rational>> {
    let accepts = |f: &Factor, role: Role| match role {
        Role::Half => facts.constant(f.node) || f.exponent.is_one() && facts.affine(f.node),
        Role::Core => f.exponent.is_one() && facts.constant(f.node) && facts.known.is_semidefinite(f.node),
        Role::Weight => {
            facts.constant(f.node) && facts.known.power(f).nonnegative()
                || f.exponent == Rational::int(2) && facts.affine(f.node)
                || f.exponent >= Rational::ONE && facts.convex(f.node) && facts.known.sign(f.node).nonnegative()
        }
    };
    let mut found = None;
    mirrored(g, p, &[], &accepts, &mut |roles| {
        let of = |role: Role| factors(p, roles, role).filter(|f| !facts.constant(f.node));
        let halves = of(Role::Half).count();
        let weights: Vec<&Factor> = of(Role::Weight).collect();
        found = match (halves, weights.as_slice()) {
            (2, []) => Some(vec![Rational::int(2)]),
            (0, [f]) => Some(vec![f.exponent.clone()]),
            _ => None,
        };
        found.is_some()
    });
    found
}

fn factors<'a>(p: &'a Product, roles: &'a Roles, role: Role) -> impl Iterator<Item = &'a Factor> {
    p.factors.iter().zip(roles).filter(move |(_, own)| **own == role).map(|(f, _)| f)
}

pub(super) fn product(g: &Graph, facts: &Facts, p: &Product) -> Found {
    let varying: Vec<&Factor> = p.factors.iter().filter(|f| !facts.constant(f.node)).collect();
    if let [f] = varying.as_slice()
        && f.exponent.is_one()
        && facts.affine(f.node)
    {
        return Some((Affine, "affine"));
    }
    if let Some(found) = trace_function(g, facts, p, &varying) {
        return Some(found);
    }
    if let Some(found) = spectral(g, facts, p, &varying) {
        return Some(found);
    }
    let definite = |f: &Factor| f.exponent.is_one() && facts.known.is_semidefinite(f.node);
    let inverse = |f: &Factor| {
        f.exponent.is_one()
            && matches!(g.node(f.node), Node::Matrix(MatrixOp::Inverse, args)
                if facts.affine(args[0]) && facts.known.is_positive_definite(args[0]))
    };
    let accepts = |f: &Factor, role: Role| match role {
        Role::Half => facts.constant(f.node) || f.exponent.is_one() && facts.affine(f.node),
        Role::Core => facts.constant(f.node) && definite(f) || inverse(f),
        Role::Weight => {
            let diagonal = matches!(f.labels.as_slice(), [a, b] if a == b);
            if facts.constant(f.node) { facts.known.power(f).nonnegative() || diagonal && definite(f) } else { true }
        }
    };
    let mut found: Found = None;
    mirrored(g, p, &[], &accepts, &mut |roles| {
        found = reading(g, facts, p, roles);
        found.is_some()
    });
    found
}

/// What one reading of a product says about it.
fn reading(g: &Graph, facts: &Facts, p: &Product, roles: &Roles) -> Found {
    let varying = |role: Role| factors(p, roles, role).filter(|f| !facts.constant(f.node));
    let halves = varying(Role::Half).count();
    let cores = varying(Role::Core).count();
    let weights: Vec<&Factor> = varying(Role::Weight).collect();
    match (halves, cores, weights.as_slice()) {
        (0, 0, all) => monomial(g, facts, all),
        (2, 0, []) => Some((Convex, "a sum of squares of affine functions")),
        (2, 0, all) => {
            // quadratic over linear, or over a power of it
            let mut room = Rational::ONE;
            for f in all {
                let under = f.exponent.is_negative() && facts.concave(f.node) && positive(facts, f);
                if !under {
                    return None;
                }
                room = &room + &f.exponent;
            }
            (!room.is_negative()).then_some((Convex, "a square over a positive concave function"))
        }
        (0 | 2, 1, []) => Some((Convex, "a matrix fractional function: X^-1 between affine functions, X pd")),
        _ => None,
    }
}

/// Whether the base of a power is positive where the power is real and has a value.
fn positive(facts: &Facts, f: &Factor) -> bool {
    let sign = facts.known.sign(f.node);
    sign.nonnegative() || !f.exponent.is_integer()
}

/// A product of powers at one place.
fn monomial(g: &Graph, facts: &Facts, all: &[&Factor]) -> Found {
    if let [f] = all {
        return single(g, facts, f);
    }
    if let Some(found) = entropy(g, facts, all) {
        return Some(found);
    }
    let (mut up, mut total): (Vec<&Factor>, Rational) = (Vec::new(), Rational::ZERO);
    for f in all {
        total = &total + &f.exponent;
        if f.exponent.is_negative() {
            if !(facts.concave(f.node) && positive(facts, f)) {
                return None;
            }
        } else {
            up.push(f);
        }
    }
    match up.as_slice() {
        [] => Some((Convex, "a product of negative powers of positive concave functions")),
        [f] if total >= Rational::ONE => {
            let square = f.exponent.is_integer() && f.exponent.is_even() && facts.affine(f.node);
            let above = facts.convex(f.node) && facts.nonnegative(g, f.node);
            (square || above).then_some((Convex, "a power over powers of positive concave functions"))
        }
        several if several.len() == all.len() && total <= Rational::ONE => several
            .iter()
            .all(|f| facts.concave(f.node) && positive(facts, f))
            .then_some((Concave, "a geometric mean of concave functions that are not negative")),
        _ => None,
    }
}

/// One power.
fn single(g: &Graph, facts: &Facts, f: &Factor) -> Found {
    let (u, a) = (f.node, &f.exponent);
    let bend = facts.of(u);
    if a.is_one() {
        return bend.map(|bend: Curvature| {
            let why = if bend == Affine { "affine" } else { "a combination with weights that are not negative" };
            (bend, why)
        });
    }
    let even = a.is_integer() && a.is_even();
    let two = Rational::int(2);
    if !a.is_negative() && !even && (a * &two) >= Rational::ONE && pure_quadratic(g, facts, u) {
        let why = if *a == Rational::new(1, 2) { "a norm of an affine function" } else { "a power of a norm" };
        return Some((Convex, why));
    }
    if let Some(p) = norm_power(g, facts, u)
        && (a * &p).is_one()
        && p >= Rational::ONE
    {
        return Some((Convex, "a p-norm of affine functions"));
    }
    if let Some(found) = power_of_monomial(g, facts, f) {
        return Some(found);
    }
    if let Node::Matrix(MatrixOp::Det, args) = g.node(u)
        && facts.affine(args[0])
        && facts.known.is_positive_definite(args[0])
    {
        let n = g.axes(args[0]).first().and_then(|n| g.sizes.value(*n));
        if a.is_negative() {
            return Some((Convex, "a negative power of the determinant of an affine pd matrix"));
        }
        if n.is_some_and(|n| &Rational::int(n) * a <= Rational::ONE) {
            return Some((Concave, "the n-th root of the determinant of an affine pd matrix"));
        }
        return None;
    }
    if even && !a.is_negative() && facts.affine(u) {
        return Some((Convex, "an even power of an affine function"));
    }
    if *a >= Rational::ONE && facts.convex(u) && (facts.nonnegative(g, u) || !a.is_integer() && facts.affine(u)) {
        return Some((Convex, "a power, convex and nondecreasing, of a convex function that is not negative"));
    }
    if !a.is_negative() && *a < Rational::ONE && facts.concave(u) {
        return Some((Concave, "a root, concave and nondecreasing, of a concave function"));
    }
    if a.is_negative() && facts.concave(u) && positive(facts, f) {
        return Some((Convex, "a negative power of a positive concave function"));
    }
    None
}

/// A power of a product of entries: a geometric mean, where no sum is in between.
fn power_of_monomial(g: &Graph, facts: &Facts, f: &Factor) -> Found {
    let Node::Product(q) = g.node(f.node) else { return None };
    let selected = |l: &crate::graph::Label| {
        q.out.contains(l)
            || q.factors
                .iter()
                .any(|own| matches!(g.node(own.node), Node::OneHot { .. }) && own.labels.as_slice() == [*l])
    };
    if !q.factors.iter().flat_map(|own| &own.labels).all(selected) {
        return None;
    }
    let mut powers: Vec<Factor> = Vec::new();
    for own in &q.factors {
        if facts.constant(own.node) {
            if !facts.known.power(own).nonnegative() {
                return None;
            }
            continue;
        }
        powers.push(Factor { exponent: &own.exponent * &f.exponent, ..own.clone() });
    }
    let all: Vec<&Factor> = powers.iter().collect();
    if all.len() < 2 { None } else { monomial(g, facts, &all) }
}

/// Sums and extreme ones of eigenvalues and singular values of an affine matrix.
fn spectral(g: &Graph, facts: &Facts, p: &Product, varying: &[&Factor]) -> Found {
    let [f] = varying else { return None };
    let [label] = f.labels.as_slice() else { return None };
    let Node::Matrix(op, args) = g.node(f.node) else { return None };
    if !f.exponent.is_one() || p.out.contains(label) || !facts.affine(args[0]) {
        return None;
    }
    let mut place = None;
    for own in p.factors.iter().filter(|own| facts.constant(own.node)) {
        match g.node(own.node) {
            Node::OneHot { at, dim } if own.labels.as_slice() == [*label] && place.is_none() => {
                place = Some((*at, *dim))
            }
            _ if own.labels.is_empty() && facts.known.power(own).nonnegative() => {}
            _ => return None,
        }
    }
    match (op, place) {
        (MatrixOp::Eigvals, Some((at, dim))) if at == dim => {
            Some((Convex, "the largest eigenvalue of an affine symmetric matrix"))
        }
        (MatrixOp::Eigvals, Some((at, _))) if g.sizes.is_one(at) => {
            Some((Concave, "the smallest eigenvalue of an affine symmetric matrix"))
        }
        (MatrixOp::Singvals, Some((at, _))) if g.sizes.is_one(at) => {
            Some((Convex, "the largest singular value of an affine matrix, a norm"))
        }
        (MatrixOp::Singvals, None) => Some((Convex, "the sum of the singular values of an affine matrix, a norm")),
        _ => None,
    }
}

/// The p of a node that is a sum of `|u|^p`.
fn norm_power(g: &Graph, facts: &Facts, id: NodeId) -> Option<Rational> {
    let Node::Product(p) = g.node(id) else { return None };
    match powers_of(g, facts, p)?.as_slice() {
        [p] => Some(p.clone()),
        _ => None,
    }
}

/// `u log u`, `u log(u/v)`: entropies.
fn entropy(g: &Graph, facts: &Facts, all: &[&Factor]) -> Found {
    let [a, b] = all else { return None };
    for (u, l) in [(a, b), (b, a)] {
        if !u.exponent.is_one() || !l.exponent.is_one() || !facts.affine(u.node) {
            continue;
        }
        let mut terms: Vec<(Rational, NodeId)> = Vec::new();
        match g.node(l.node) {
            Node::Sum(list, _) => terms.extend(list.iter().cloned()),
            _ => terms.push((Rational::ONE, l.node)),
        }
        let (mut own, mut ok) = (Rational::ZERO, true);
        let mut against = Rational::ZERO;
        for (c, n) in &terms {
            if facts.constant(*n) {
                continue;
            }
            let logs = match g.node(*n) {
                Node::Map(MapOp::Log, args) => ratio(g, args[0]),
                _ => None,
            };
            let Some(logs) = logs else {
                ok = false;
                break;
            };
            for (node, e) in logs {
                let e = c * &e;
                if node == u.node {
                    own = &own + &e;
                } else if facts.constant(node) {
                    continue;
                } else if facts.affine(node) && e.is_negative() {
                    against = &against + &-e;
                } else {
                    ok = false;
                }
            }
        }
        if ok && !own.is_negative() && own != Rational::ZERO && against <= own {
            let why = if against == Rational::ZERO {
                "the negative entropy u*log(u) of an affine function"
            } else {
                "the relative entropy u*log(u/v) of affine functions"
            };
            return Some((Convex, why));
        }
    }
    None
}

/// The factors of a product entry by entry, with exponents.
fn ratio(g: &Graph, id: NodeId) -> Option<Vec<(NodeId, Rational)>> {
    match g.node(id) {
        Node::Product(p) if p.factors.iter().flat_map(|f| &f.labels).all(|l| p.out.contains(l)) => {
            Some(p.factors.iter().map(|f| (f.node, f.exponent.clone())).collect())
        }
        _ => Some(vec![(id, Rational::ONE)]),
    }
}

/// Traces of functions of symmetric matrices.
fn trace_function(g: &Graph, facts: &Facts, p: &Product, varying: &[&Factor]) -> Found {
    let [f] = varying else { return None };
    let [a, b] = f.labels.as_slice() else { return None };
    let others = p.factors.iter().filter(|own| facts.constant(own.node));
    let mut others = others;
    let scalars = others.all(|own| own.labels.is_empty() && facts.known.power(own).nonnegative());
    if a != b || !f.exponent.is_one() || !scalars {
        return None;
    }
    let Node::Matrix(op, args) = g.node(f.node) else { return None };
    let x = args[0];
    match op {
        MatrixOp::Inverse if facts.affine(x) && facts.known.is_positive_definite(x) => {
            Some((Convex, "diagonal entries of the inverse of an affine pd matrix"))
        }
        MatrixOp::Expm if !p.out.contains(a) && facts.affine(x) && g.is_known_symmetric(x) => {
            Some((Convex, "the trace of a convex function of an affine symmetric matrix"))
        }
        MatrixOp::Sqrtm | MatrixOp::Logm if !p.out.contains(a) && facts.affine(x) && facts.known.is_semidefinite(x) => {
            Some((Concave, "the trace of a concave function of an affine psd matrix"))
        }
        _ => None,
    }
}
