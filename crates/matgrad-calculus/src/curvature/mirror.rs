//! Products that read the same from both ends, which are sums of squares.
//!
//! Let σ exchange labels in pairs and leave others fixed, and map factors to factors. Where the factors that it moves fall
//! in two halves L and L' that share fixed labels only, a factor on an exchanged pair is a positive semidefinite matrix, and
//! one on fixed labels is not negative, the product is Σ_s w_s Σ_pq L_ps (⊗ M)_pq L_qs, which is never negative: a product
//! entry by entry of semidefinite kernels is semidefinite (Schur).

use crate::graph::{Factor, Graph, Label, Product};

/// What a factor does in a product that reads the same from both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// One of two equal factors in the halves.
    Half,
    /// A semidefinite matrix between the halves.
    Core,
    /// A number that is not negative for each value of the fixed labels.
    Weight,
}

/// The role of each factor.
pub(super) type Roles = Vec<Role>;

/// So many steps are tried for one product.
const BUDGET: usize = 4000;

struct Search<'a> {
    g: &'a Graph,
    p: &'a Product,
    accepts: &'a dyn Fn(&Factor, Role) -> bool,
    done: &'a mut dyn FnMut(&Roles) -> bool,
    /// Labels that are on one side together: the axes of the variable.
    together: Vec<Label>,
    budget: usize,
}

#[derive(Clone)]
struct State {
    image: Vec<Option<Label>>,
    roles: Vec<Option<Role>>,
}

impl State {
    fn bind(&mut self, a: Label, b: Label) -> bool {
        let (Some(x), Some(y)) = (self.image.get(usize::from(a)).copied(), self.image.get(usize::from(b)).copied())
        else {
            return false;
        };
        if x.is_some_and(|x| x != b) || y.is_some_and(|y| y != a) {
            return false;
        }
        self.image[usize::from(a)] = Some(b);
        self.image[usize::from(b)] = Some(a);
        true
    }

    fn bind_all(&mut self, a: &[Label], b: &[Label]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(x, y)| self.bind(*x, *y))
    }
}

/// Looks for such a reading in which `pairs` of labels of the result are exchanged and its other labels stay; `done` sees
/// each and says whether it will do.
pub(super) fn mirrored(
    g: &Graph,
    p: &Product,
    pairs: &[(Label, Label)],
    accepts: &dyn Fn(&Factor, Role) -> bool,
    done: &mut dyn FnMut(&Roles) -> bool,
) -> bool {
    let mut state = State { image: vec![None; p.dims.len()], roles: vec![None; p.factors.len()] };
    for (a, b) in pairs {
        if p.dims.get(usize::from(*a)) != p.dims.get(usize::from(*b)) || !state.bind(*a, *b) {
            return false;
        }
    }
    for label in &p.out {
        if state.image.get(usize::from(*label)).is_some_and(Option::is_none) && !state.bind(*label, *label) {
            return false;
        }
    }
    let together = pairs.iter().filter(|(a, b)| a != b).map(|(a, _)| *a).collect();
    let mut search = Search { g, p, accepts, done, together, budget: BUDGET };
    // the choices still open; no deeper than there are factors
    let mut open = vec![state];
    while let Some(state) = open.pop() {
        if search.budget == 0 {
            return false;
        }
        search.budget -= 1;
        match search.next(&state) {
            None if search.holds(&state) => {
                let roles: Option<Roles> = state.roles.iter().copied().collect();
                if roles.is_some_and(|roles| (search.done)(&roles)) {
                    return true;
                }
            }
            None => {}
            Some(at) => open.extend(search.choices(&state, at)),
        }
    }
    false
}

impl Search<'_> {
    /// A factor without a role, one whose labels are known first.
    fn next(&self, state: &State) -> Option<usize> {
        let known =
            |at: usize| self.p.factors[at].labels.iter().filter(|l| state.image[usize::from(**l)].is_some()).count();
        (0..self.p.factors.len()).filter(|at| state.roles[*at].is_none()).max_by_key(|at| known(*at))
    }

    fn choices(&self, state: &State, at: usize) -> Vec<State> {
        let factor = &self.p.factors[at];
        let mut found = Vec::new();
        let mut add = |state: Option<State>| found.extend(state);
        if (self.accepts)(factor, Role::Weight) {
            let mut next = state.clone();
            next.roles[at] = Some(Role::Weight);
            add(factor.labels.iter().all(|l| next.bind(*l, *l)).then_some(next));
        }
        if let [a, b] = factor.labels.as_slice()
            && (self.accepts)(factor, Role::Core)
        {
            let mut next = state.clone();
            next.roles[at] = Some(Role::Core);
            add(next.bind(*a, *b).then_some(next));
        }
        if (self.accepts)(factor, Role::Half) {
            for (other, twin) in self.p.factors.iter().enumerate() {
                if other == at || state.roles[other].is_some() {
                    continue;
                }
                if twin.node != factor.node || twin.exponent != factor.exponent {
                    continue;
                }
                let mut turned = twin.labels.clone();
                turned.reverse();
                let symmetric = turned.len() == 2 && self.g.is_known_symmetric(twin.node);
                for labels in std::iter::once(&twin.labels).chain(symmetric.then_some(&turned)) {
                    let mut next = state.clone();
                    next.roles[at] = Some(Role::Half);
                    next.roles[other] = Some(Role::Half);
                    add(next.bind_all(&factor.labels, labels).then_some(next));
                }
            }
        }
        found
    }

    /// Whether the two halves share fixed labels only.
    fn holds(&self, state: &State) -> bool {
        let image = |l: Label| state.image[usize::from(l)].unwrap_or(l);
        let mut side: Vec<usize> = (0..self.p.dims.len()).collect();
        fn find(side: &[usize], mut at: usize) -> usize {
            while side[at] != at {
                at = side[at];
            }
            at
        }
        let mut join = |labels: &[Label]| {
            let moved: Vec<usize> = labels.iter().filter(|l| image(**l) != **l).map(|l| usize::from(*l)).collect();
            for pair in moved.windows(2) {
                let (a, b) = (find(&side, pair[0]), find(&side, pair[1]));
                side[a] = b;
            }
        };
        let mirrored: Vec<Label> = self.together.iter().map(|l| image(*l)).collect();
        join(&self.together);
        join(&mirrored);
        for (factor, role) in self.p.factors.iter().zip(&state.roles) {
            if *role == Some(Role::Half) {
                join(&factor.labels);
            }
        }
        (0..self.p.dims.len()).all(|l| {
            let other = usize::from(image(l as Label));
            other == l || find(&side, l) != find(&side, other)
        })
    }
}
