//! The example of a real program: its Jacobians against central differences.

#[allow(dead_code)]
#[path = "../examples/hand.rs"]
mod hand;

#[test]
fn jacobians_of_the_hand() {
    for complicated in [false, true] {
        let (colors, error) = hand::jacobian_and_error(60, complicated).expect("a Jacobian");
        assert!(error < 1e-8, "{error}");
        // a row has entries by the 26 parameters and by its two coordinates at most
        assert!(colors <= 28, "{colors} colours");
    }
}
