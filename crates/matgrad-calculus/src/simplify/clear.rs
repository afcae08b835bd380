//! Fractions inside a denominator: `r/(r^2/v + 1)/v = r/(r^2 + v)`.

use matgrad_syntax::Rational;

use crate::graph::{Graph, Node, NodeId, ProductBuilder, Whole};

/// The product with the sums in its denominators multiplied by the scalars that their terms are divided by; `None` where
/// there are none.
pub(super) fn cleared(g: &mut Graph, node: NodeId) -> Option<NodeId> {
    let (number, rest) = g.split(node);
    let Node::Product(p) = g.node(rest).clone() else { return None };
    let mut product = ProductBuilder { coefficient: Some(number), factors: Vec::new(), dims: p.dims.clone() };
    let mut any = false;
    for f in p.factors {
        let power = f.exponent.to_i64().filter(|k| (-3..0).contains(k));
        match power.and_then(|k| Some((k, g.without_fractions(f.node)?))) {
            Some((k, Whole { node, number, divisors })) => {
                any = true;
                for (divisor, times) in divisors {
                    product.power(divisor, &[], &times * &Rational::int(-k));
                }
                for _ in k..0 {
                    product.scale(&number);
                }
                product.power(node, &f.labels, f.exponent);
            }
            None => product.power(f.node, &f.labels, f.exponent),
        }
    }
    any.then(|| product.build(g, &p.out))
}
