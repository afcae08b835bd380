//! JAX on many devices: a mesh, where arguments and results lie on it, and one `jit` over all of it.

use crate::emit::Writer;
use crate::signature::Head;

/// What placing needs besides JAX.
pub(super) const IMPORTS: &str = "import numpy as np\nfrom jax.sharding import Mesh, NamedSharding, PartitionSpec";

/// The mesh, where everything lies, and a function that puts arrays there.
pub(super) fn placement(w: &Writer<'_>, names: &[String], head: &Head) -> String {
    let sharding = &w.program.sharding;
    let spec = |rank: usize, axis: Option<usize>| match axis {
        None => "PartitionSpec()".to_owned(),
        Some(axis) => {
            let words: Vec<&str> = (0..rank).map(|k| if k == axis { "\"shards\"" } else { "None" }).collect();
            format!("PartitionSpec({})", words.join(", "))
        }
    };
    let mut out = String::from(
        "\n# All devices of all hosts in a row. With several hosts, `jax.distributed.initialize()` runs before this module is\n\
         # imported, in every process alike.\n\
         mesh = Mesh(np.array(jax.devices()), (\"shards\",))\n\n\
         # \"shards\" cuts an axis into one part a device; what is not cut lies on every device.\n\
         ARGUMENTS = {\n",
    );
    for (k, name) in names.iter().enumerate() {
        let rank = w.program.inputs[k].shape.axes().len();
        out.push_str(&format!("    \"{name}\": {},\n", spec(rank, sharding.along(k))));
    }
    out.push_str("}\nRESULTS = {\n");
    for (output, described) in w.program.outputs.iter().zip(&head.outputs) {
        let shape = w.program.shape(output.id);
        let axis = sharding.axis(w.program, shape);
        out.push_str(&format!("    \"{}\": {},\n", described.name, spec(shape.axes().len(), axis)));
    }
    out.push_str("}\n");
    out.push_str(PLACE);
    out
}

/// What stands above the function.
pub(super) fn decorator(parameters: &[String]) -> String {
    let mut out = String::from(
        "\n@functools.partial(\n    jax.jit,\n    \
         in_shardings=tuple(NamedSharding(mesh, spec) for spec in ARGUMENTS.values()),\n    \
         out_shardings=RESULT_SHARDINGS,\n",
    );
    if !parameters.is_empty() {
        let words: Vec<String> = parameters.iter().map(|p| format!("\"{p}\"")).collect();
        out.push_str(&format!("    static_argnames=({},),\n", words.join(", ")));
    }
    out.push_str(")\n");
    out
}

const PLACE: &str = r#"RESULT_SHARDINGS = tuple(NamedSharding(mesh, spec) for spec in RESULTS.values())
if len(RESULT_SHARDINGS) == 1:
    RESULT_SHARDINGS = RESULT_SHARDINGS[0]


def place(**arrays):
    """Puts arguments, given by name, where the function wants them, and returns them in this order.

    On one host every array is given whole. Of several hosts each gives the rows (or whatever is cut) that it has read
    itself, all of them equally many, and arrays that are not cut whole.
    """
    placed = []
    for name, array in arrays.items():
        array, spec = np.asarray(array), ARGUMENTS[name]
        for axis, cut in enumerate(spec):
            count = len(mesh.local_devices)
            if cut is not None and array.shape[axis] % count:
                raise ValueError(
                    f"axis {axis} of {name} has length {array.shape[axis]}, which {count} devices cannot share equally"
                )
        sharding = NamedSharding(mesh, spec)
        if jax.process_count() > 1:
            placed.append(jax.make_array_from_process_local_data(sharding, array))
        else:
            placed.append(jax.device_put(array, sharding))
    return placed
"#;
