//! What is refused by name rather than answered wrongly.

use matgrad::{Layout, Request, Text, derive};

#[test]
fn second_derivatives_of_a_matrix_valued_exponential_are_refused() {
    let text = Text::expression("expm(X)").declare("X in R^(n x n)");
    let request = Request { order: 2, layout: Layout::Tensor, ..Request::new(text, "X") };
    let failure = derive(&request).expect_err("its rule is wrong");
    assert!(failure.to_string().contains("contract it to a scalar"), "{failure}");
}
