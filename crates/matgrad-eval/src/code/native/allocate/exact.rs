//! Numbers that are too large for a formula: out of the way of all others, a function is called that changes no register but
//! that of the value.

use matgrad_calculus::graph::MapOp;

use super::Allocator;
use crate::code::Reg;
use crate::code::native::asm::{
    Compare, Gpr, Logic, Open, R8, R9, R10, R11, RAX, RBP, RCX, RDI, RDX, RSI, RSP, Rm, Width, Xmm,
};
use crate::code::native::functions;
use crate::kernel::vector::LIMIT;

/// A jump out of the code, and where it comes back.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    jump: Open,
    back: usize,
    code: u32,
}

/// General registers that a function may change.
const CHANGED: [Gpr; 8] = [RCX, RDX, RSI, RDI, R8, R9, R10, R11];

impl Allocator<'_> {
    /// The value of a formula, where the number is not too large for it.
    pub(super) fn unless(&mut self, reg: Reg, op: MapOp, value: Reg, number: Reg, operands: &[Reg]) -> Option<()> {
        let (value_at, number) = (self.register(value)?, self.register(number)?);
        let size = self.spare();
        let x = if self.ends(value) { value_at } else { self.spare() };
        self.asm.load(self.width, x, Rm::Reg(value_at));
        let (mask, limit) = (self.asm.pooled(u64::MAX >> 1), self.asm.pooled(LIMIT.to_bits()));
        self.asm.logic(self.width, Logic::And, size, number, mask);
        self.asm.compare(self.width, Compare::Greater, size, size, limit);
        let jump = self.asm.jump_where(self.width, size);
        self.fetched = None;
        let lanes = if self.width == Width::One { 1 } else { 4 };
        let code = functions::exact_code(op, number, x, lanes)?;
        self.exits.push(Exit { jump, back: self.asm.bytes.len(), code });
        self.release(operands);
        self.put(reg, x);
        Some(())
    }

    /// What the jumps go to: to be written after the end of the function.
    pub fn exits(&mut self) {
        let exits = std::mem::take(&mut self.exits);
        let mut calls = Vec::with_capacity(exits.len());
        for exit in exits {
            self.asm.close(exit.jump);
            self.asm.small_number(exit.code);
            calls.push(self.asm.call_open());
            self.asm.jump_back(exit.back);
        }
        if calls.is_empty() {
            return;
        }
        calls.into_iter().for_each(|call| self.asm.close(call));
        self.asm.push(RBP);
        self.asm.copy(RBP, RSP);
        CHANGED.iter().for_each(|r| self.asm.push(*r));
        self.asm.add(RSP, -512);
        self.asm.align_stack();
        let place = |k: u8| Rm::Mem(RSP, 32 * i32::from(k));
        (0..16).for_each(|k| self.asm.store(Width::Four, place(k), Xmm(k)));
        self.asm.copy(RDI, RSP);
        self.asm.second_argument();
        self.asm.clear_upper();
        self.asm.number(RAX, functions::address_of_exact());
        self.asm.call(RAX);
        (0..16).for_each(|k| self.asm.load(Width::Four, Xmm(k), place(k)));
        self.asm.address(RSP, RBP, -8 * CHANGED.len() as i32);
        CHANGED.iter().rev().for_each(|r| self.asm.pop(*r));
        self.asm.pop(RBP);
        self.asm.ret();
    }
}
