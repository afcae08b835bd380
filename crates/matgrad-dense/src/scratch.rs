//! Memory that is kept from call to call.

use std::cell::RefCell;

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};

use crate::real::Field;

thread_local! {
    static STACK: RefCell<Option<(MemBuffer, StackReq)>> = const { RefCell::new(None) };
}

/// Calls with a stack of the size required.
pub fn with_stack<T>(required: StackReq, call: impl FnOnce(&mut MemStack) -> T) -> T {
    let kept = STACK.with(RefCell::take);
    let required = match &kept {
        Some((_, known)) => known.or(required),
        None => required,
    };
    let (mut buffer, known) = match kept {
        Some((buffer, known)) if known == required => (buffer, known),
        _ => (MemBuffer::new(required), required),
    };
    let result = call(MemStack::new(&mut buffer));
    STACK.with(|place| place.replace(Some((buffer, known))));
    result
}

/// Calls with so many numbers of whatever value.
pub fn with_numbers<N: Field, T>(count: usize, call: impl FnOnce(&mut [N]) -> T) -> T {
    let mut numbers = N::numbers().with(RefCell::take);
    if numbers.len() < count {
        numbers.resize(count, N::zero());
    }
    let result = call(&mut numbers[..count]);
    N::numbers().with(|place| place.replace(numbers));
    result
}
