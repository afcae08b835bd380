//! What `matgrad bench` times: the scripts in `workloads`, which the comparison with other systems uses as well.

/// A function with a derivative, at a size.
pub struct Workload {
    /// What it is called.
    pub name: &'static str,
    /// The script.
    pub script: &'static str,
    /// The variables, separated by commas.
    pub wrt: &'static str,
    /// The order of the derivative.
    pub order: usize,
    /// Its layout.
    pub layout: &'static str,
    /// Whether it is a sparse matrix.
    pub sparse: bool,
    /// The sizes of the dimension names, of the usual problem and of a quick one.
    pub sizes: &'static [(&'static str, usize, usize)],
    /// Index vectors, with the dimension whose positions they hold.
    pub indices: &'static [(&'static str, &'static str)],
}

const PLAIN: Workload =
    Workload { name: "", script: "", wrt: "x", order: 1, layout: "gradient", sparse: false, sizes: &[], indices: &[] };

macro_rules! script {
    ($name:literal) => {
        include_str!(concat!("../../workloads/", $name, ".mg"))
    };
}

/// All of them.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "quadratic form: Hessian",
        script: script!("quadratic"),
        order: 2,
        sizes: &[("n", 1000, 100)],
        ..PLAIN
    },
    Workload {
        name: "logistic regression: gradient",
        script: script!("logistic"),
        wrt: "w",
        sizes: &[("m", 2000, 200), ("n", 1000, 100)],
        ..PLAIN
    },
    Workload {
        name: "logistic regression: Hessian",
        script: script!("logistic"),
        wrt: "w",
        order: 2,
        sizes: &[("m", 2000, 200), ("n", 1000, 100)],
        ..PLAIN
    },
    Workload {
        name: "matrix factorisation: gradient",
        script: script!("factorisation"),
        wrt: "U",
        sizes: &[("m", 1000, 100), ("n", 1000, 100), ("k", 5, 5)],
        ..PLAIN
    },
    Workload {
        name: "matrix factorisation: Hessian",
        script: script!("factorisation"),
        wrt: "U",
        order: 2,
        sizes: &[("m", 200, 20), ("n", 200, 20), ("k", 5, 5)],
        ..PLAIN
    },
    Workload {
        name: "matrix factorisation: sparse Hessian",
        script: script!("factorisation"),
        wrt: "U",
        order: 2,
        sparse: true,
        sizes: &[("m", 1000, 100), ("n", 1000, 100), ("k", 5, 5)],
        ..PLAIN
    },
    Workload {
        name: "network of 10 layers: gradient",
        script: script!("network"),
        wrt: "W1",
        sizes: &[("n", 1000, 100)],
        ..PLAIN
    },
    Workload {
        name: "log of a determinant: gradient",
        script: script!("logdet"),
        wrt: "X",
        sizes: &[("n", 500, 50)],
        ..PLAIN
    },
    Workload {
        name: "tr(C'*inv(X)): gradient",
        script: script!("inverse"),
        wrt: "X",
        sizes: &[("n", 500, 50)],
        ..PLAIN
    },
    Workload {
        name: "Gaussian process: gradient",
        script: script!("gp"),
        wrt: "theta",
        sizes: &[("n", 500, 50), ("d", 5, 5)],
        ..PLAIN
    },
    Workload {
        name: "Gaussian mixture: gradient",
        script: script!("gmm"),
        wrt: "al,mu,D,L",
        sizes: &[("n", 1000, 100), ("K", 10, 5), ("d", 10, 4)],
        ..PLAIN
    },
    Workload {
        name: "LSTM, two layers: gradient",
        script: script!("lstm"),
        wrt: "W1,B1,W2,B2,E",
        sizes: &[("m", 1000, 100), ("b", 14, 14)],
        ..PLAIN
    },
    Workload {
        name: "bundle adjustment: sparse Jacobian",
        script: script!("bundle"),
        wrt: "cams,X,w",
        layout: "jacobian",
        sparse: true,
        sizes: &[("N", 49, 5), ("M", 7776, 100), ("p", 31843, 400)],
        indices: &[("cam", "N"), ("pt", "M")],
        ..PLAIN
    },
    Workload { name: "Rosenbrock: gradient", script: script!("rosenbrock"), sizes: &[("n", 100_000, 1000)], ..PLAIN },
    Workload {
        name: "Rosenbrock: sparse Hessian",
        script: script!("rosenbrock"),
        order: 2,
        sparse: true,
        sizes: &[("n", 100_000, 1000)],
        ..PLAIN
    },
    Workload {
        name: "Broyden: sparse Jacobian",
        script: script!("broyden"),
        layout: "jacobian",
        sparse: true,
        sizes: &[("n", 100_000, 1000)],
        ..PLAIN
    },
    Workload {
        name: "Bratu: sparse Jacobian",
        script: script!("bratu"),
        wrt: "u",
        layout: "jacobian",
        sparse: true,
        sizes: &[("k", 316, 32)],
        ..PLAIN
    },
    Workload { name: "exp(x1*x2^2): gradient and Hessian", script: script!("exponential"), order: 2, ..PLAIN },
    Workload { name: "arm of 6 joints: Jacobian", script: script!("arm"), wrt: "q", layout: "jacobian", ..PLAIN },
];
