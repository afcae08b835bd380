//! The instructions of x86-64 that the compiler uses: vectors with VEX prefixes, and a little to move pointers.

/// A general register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpr(pub u8);

pub const RAX: Gpr = Gpr(0);
pub const RCX: Gpr = Gpr(1);
pub const RDX: Gpr = Gpr(2);
pub const RBX: Gpr = Gpr(3);
pub const RSP: Gpr = Gpr(4);
pub const RBP: Gpr = Gpr(5);
pub const RSI: Gpr = Gpr(6);
pub const RDI: Gpr = Gpr(7);
pub const R8: Gpr = Gpr(8);
pub const R9: Gpr = Gpr(9);
pub const R10: Gpr = Gpr(10);
pub const R11: Gpr = Gpr(11);
pub const R12: Gpr = Gpr(12);
pub const R13: Gpr = Gpr(13);
pub const R14: Gpr = Gpr(14);
pub const R15: Gpr = Gpr(15);

/// A vector register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xmm(pub u8);

/// An operand that may be in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rm {
    Reg(Xmm),
    /// At a distance in bytes from where a register points.
    Mem(Gpr, i32),
    /// As many numbers further than rcx says.
    Index(Gpr, i32),
    /// A number of the pool that follows the code.
    Pool(u32),
}

/// How many numbers an instruction works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    One,
    Four,
}

/// Operations of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arith {
    Add = 0x58,
    Mul = 0x59,
    Sub = 0x5c,
    /// The second operand where one is NaN.
    Min = 0x5d,
    Div = 0x5e,
    /// The second operand where one is NaN.
    Max = 0x5f,
}

/// Operations on bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    And = 0x54,
    Or = 0x56,
    Xor = 0x57,
}

/// Operations on bits as whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    Add = 0xd4,
    Sub = 0xfb,
}

/// Bits moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    Right = 2,
    Left = 6,
}

/// Products and sums rounded once: the signs of the product and of the third number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fused {
    /// a·b + c
    Add,
    /// a·b - c
    Sub,
    /// -a·b + c
    NegAdd,
}

/// Which of dst, second and third operand of a fused instruction are what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// dst = dst·third + second
    F132,
    /// dst = second·dst + third
    F213,
    /// dst = second·third + dst
    F231,
}

/// Ways to put the numbers a0 … a3 and b0 … b3 of two registers side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weave {
    /// a0 b0 a2 b2
    Low,
    /// a1 b1 a3 b3
    High,
    /// a0 b1 a2 b3
    Ends,
    /// A half of one of them, and a half of one of them: 0x20 is the lower ones of both, 0x31 the upper ones, 0x30 the lower
    /// one of the first and the upper one of the second.
    Halves(u8),
}

/// Comparisons, by the number the instruction takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    Equal = 0,
    Less = 1,
    LessEqual = 2,
    Unordered = 3,
    NotEqual = 4,
    /// Not where one is NaN, and no exception there.
    Greater = 0x1e,
}

/// The end of a jump or call whose place is not known yet.
#[derive(Clone, Copy, Debug)]
pub struct Open(usize);

/// Machine code in the making.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    pub bytes: Vec<u8>,
    /// Numbers after the code, four times each, for instructions on one number and on four.
    pub pool: Vec<u64>,
    /// Places of distances to numbers of the pool, how far the end of the instruction is, and which number.
    fixes: Vec<(usize, u8, u32)>,
}

/// The map of opcodes an instruction is in.
#[derive(Clone, Copy)]
enum Map {
    Of0f = 1,
    Of0f38 = 2,
    Of0f3a = 3,
}

/// Map, mandatory prefix (1 for 66, 3 for F2), W, 256 bits, opcode.
#[derive(Clone, Copy)]
struct Opcode(Map, u8, bool, bool, u8);

impl Assembler {
    /// The number of the pool with this value.
    pub fn pooled(&mut self, bits: u64) -> Rm {
        let at = self.pool.iter().position(|known| *known == bits).unwrap_or_else(|| {
            self.pool.push(bits);
            self.pool.len() - 1
        });
        Rm::Pool(at as u32)
    }

    fn vex(&mut self, Opcode(map, prefix, w, long, opcode): Opcode, reg: u8, second: u8, rm: Rm, tail: u8) {
        let low = (!second & 15) << 3 | u8::from(long) << 2 | prefix;
        let high = match rm {
            Rm::Reg(x) => x.0 >= 8,
            Rm::Mem(base, _) | Rm::Index(base, _) => base.0 >= 8,
            Rm::Pool(_) => false,
        };
        let (r, b) = (u8::from(reg < 8) << 7, u8::from(!high) << 5);
        if high || w || !matches!(map, Map::Of0f) {
            self.bytes.extend([0xc4, r | 0x40 | b | map as u8, u8::from(w) << 7 | low]);
        } else {
            self.bytes.extend([0xc5, r | low]);
        }
        self.bytes.push(opcode);
        self.operand(reg, rm, tail);
    }

    /// The bytes that name a register and a second operand; `tail` bytes of the instruction follow.
    fn operand(&mut self, reg: u8, rm: Rm, tail: u8) {
        let reg = (reg & 7) << 3;
        match rm {
            Rm::Reg(x) => self.bytes.push(0xc0 | reg | x.0 & 7),
            Rm::Mem(base, at) | Rm::Index(base, at) => {
                let indexed = matches!(rm, Rm::Index(..));
                let small = i8::try_from(at);
                let mode = if at == 0 && base.0 & 7 != 5 {
                    0x00
                } else if small.is_ok() {
                    0x40
                } else {
                    0x80
                };
                if indexed {
                    self.bytes.extend([mode | reg | 4, 0xc8 | base.0 & 7]);
                } else {
                    self.bytes.push(mode | reg | base.0 & 7);
                }
                if !indexed && base.0 & 7 == 4 {
                    self.bytes.push(0x24);
                }
                match (mode, small) {
                    (0x40, Ok(at)) => self.bytes.push(at.cast_unsigned()),
                    (0x80, _) => self.bytes.extend(at.to_le_bytes()),
                    _ => {}
                }
            }
            Rm::Pool(k) => {
                self.bytes.push(reg | 5);
                self.fixes.push((self.bytes.len(), 4 + tail, k));
                self.bytes.extend([0; 4]);
            }
        }
    }

    pub fn arith(&mut self, width: Width, op: Arith, dst: Xmm, a: Xmm, b: Rm) {
        let (prefix, long) = if width == Width::One { (3, false) } else { (1, true) };
        self.vex(Opcode(Map::Of0f, prefix, false, long, op as u8), dst.0, a.0, b, 0);
    }

    pub fn sqrt(&mut self, width: Width, dst: Xmm, a: Rm) {
        match width {
            // the upper half comes from the second operand: itself, so that nothing older is waited for
            Width::One => {
                let second = if let Rm::Reg(x) = a { x } else { dst };
                self.vex(Opcode(Map::Of0f, 3, false, false, 0x51), dst.0, second.0, a, 0);
            }
            Width::Four => self.vex(Opcode(Map::Of0f, 1, false, true, 0x51), dst.0, 0, a, 0),
        }
    }

    pub fn logic(&mut self, width: Width, op: Logic, dst: Xmm, a: Xmm, b: Rm) {
        self.vex(Opcode(Map::Of0f, 1, false, width == Width::Four, op as u8), dst.0, a.0, b, 0);
    }

    pub fn whole(&mut self, width: Width, op: Whole, dst: Xmm, a: Xmm, b: Rm) {
        self.vex(Opcode(Map::Of0f, 1, false, width == Width::Four, op as u8), dst.0, a.0, b, 0);
    }

    /// The bits of each number, so many places further.
    pub fn shift(&mut self, width: Width, way: Shift, dst: Xmm, a: Xmm, by: u8) {
        self.vex(Opcode(Map::Of0f, 1, false, width == Width::Four, 0x73), way as u8, dst.0, Rm::Reg(a), 1);
        self.bytes.push(by);
    }

    /// Jumps where a number has its highest bit; where it jumps to is still open. Changes rax.
    pub fn jump_where(&mut self, width: Width, mask: Xmm) -> Open {
        self.vex(Opcode(Map::Of0f, 1, false, width == Width::Four, 0x50), 0, 0, Rm::Reg(mask), 0);
        // one number: the other half of the register is not looked at
        self.bytes.extend(if width == Width::One { [0xa8, 0x01] } else { [0x85, 0xc0] });
        self.bytes.extend([0x0f, 0x85, 0, 0, 0, 0]);
        Open(self.bytes.len())
    }

    /// Calls what comes later.
    pub fn call_open(&mut self) -> Open {
        self.bytes.extend([0xe8, 0, 0, 0, 0]);
        Open(self.bytes.len())
    }

    /// A jump or call goes to the present place.
    pub fn close(&mut self, Open(end): Open) {
        let distance = (self.bytes.len() - end) as i32;
        if let Some(place) = self.bytes.get_mut(end - 4..end) {
            place.copy_from_slice(&distance.to_le_bytes());
        }
    }

    /// Goes to a place before.
    pub fn jump_back(&mut self, place: usize) {
        self.bytes.push(0xe9);
        self.distance(place);
    }

    /// Calls a place before.
    pub fn call_back(&mut self, place: usize) {
        self.bytes.push(0xe8);
        self.distance(place);
    }

    fn distance(&mut self, place: usize) {
        let distance = place as i64 - (self.bytes.len() + 4) as i64;
        self.bytes.extend((distance as i32).to_le_bytes());
    }

    /// eax = value.
    pub fn small_number(&mut self, value: u32) {
        self.bytes.push(0xb8);
        self.bytes.extend(value.to_le_bytes());
    }

    /// esi = eax.
    pub fn second_argument(&mut self) {
        self.bytes.extend([0x89, 0xc6]);
    }

    /// rsp to a multiple of 32.
    pub fn align_stack(&mut self) {
        self.bytes.extend([0x48, 0x83, 0xe4, 0xe0]);
    }

    /// Two numbers, one after the other.
    pub fn load_two(&mut self, dst: Xmm, from: Rm) {
        self.vex(Opcode(Map::Of0f, 1, false, false, 0x10), dst.0, 0, from, 0);
    }

    /// The first number of `a`, and a number of memory.
    pub fn load_second(&mut self, dst: Xmm, a: Xmm, from: Rm) {
        self.vex(Opcode(Map::Of0f, 1, false, false, 0x16), dst.0, a.0, from, 0);
    }

    /// The first numbers of two registers.
    pub fn pair(&mut self, dst: Xmm, a: Xmm, b: Xmm) {
        self.vex(Opcode(Map::Of0f, 1, false, false, 0x14), dst.0, a.0, Rm::Reg(b), 0);
    }

    /// The first two numbers of two registers.
    pub fn join(&mut self, dst: Xmm, a: Xmm, b: Xmm) {
        self.vex(Opcode(Map::Of0f3a, 1, false, true, 0x18), dst.0, a.0, Rm::Reg(b), 1);
        self.bytes.push(1);
    }

    /// All bits where the comparison holds, else none.
    pub fn compare(&mut self, width: Width, how: Compare, dst: Xmm, a: Xmm, b: Rm) {
        let (prefix, long) = if width == Width::One { (3, false) } else { (1, true) };
        self.vex(Opcode(Map::Of0f, prefix, false, long, 0xc2), dst.0, a.0, b, 1);
        self.bytes.push(how as u8);
    }

    /// `b` where the mask has its highest bit, else `a`.
    pub fn blend(&mut self, width: Width, dst: Xmm, a: Xmm, b: Xmm, mask: Xmm) {
        self.vex(Opcode(Map::Of0f3a, 1, false, width == Width::Four, 0x4b), dst.0, a.0, Rm::Reg(b), 1);
        self.bytes.push(mask.0 << 4);
    }

    pub fn fused(&mut self, width: Width, form: Form, op: Fused, dst: Xmm, second: Xmm, third: Rm) {
        let row = match form {
            Form::F132 => 0x90,
            Form::F213 => 0xa0,
            Form::F231 => 0xb0,
        };
        let column = match op {
            Fused::Add => 8,
            Fused::Sub => 10,
            Fused::NegAdd => 12,
        };
        let one = width == Width::One;
        self.vex(Opcode(Map::Of0f38, 1, true, !one, row + column + u8::from(one)), dst.0, second.0, third, 0);
    }

    pub fn load(&mut self, width: Width, dst: Xmm, from: Rm) {
        match (width, from) {
            (_, Rm::Reg(x)) if x == dst => {}
            (_, Rm::Reg(_)) => self.vex(Opcode(Map::Of0f, 1, false, width == Width::Four, 0x28), dst.0, 0, from, 0),
            (Width::One, _) => self.vex(Opcode(Map::Of0f, 3, false, false, 0x10), dst.0, 0, from, 0),
            (Width::Four, _) => self.vex(Opcode(Map::Of0f, 1, false, true, 0x10), dst.0, 0, from, 0),
        }
    }

    pub fn store(&mut self, width: Width, to: Rm, from: Xmm) {
        let (prefix, long) = if width == Width::One { (3, false) } else { (1, true) };
        self.vex(Opcode(Map::Of0f, prefix, false, long, 0x11), from.0, 0, to, 0);
    }

    /// Numbers of two registers side by side.
    pub fn weave(&mut self, how: Weave, dst: Xmm, a: Xmm, b: Xmm) {
        let (map, opcode, tail) = match how {
            Weave::Low => (Map::Of0f, 0x14, None),
            Weave::High => (Map::Of0f, 0x15, None),
            Weave::Ends => (Map::Of0f, 0xc6, Some(0b1010)),
            Weave::Halves(which) => (Map::Of0f3a, 0x06, Some(which)),
        };
        self.vex(Opcode(map, 1, false, true, opcode), dst.0, a.0, Rm::Reg(b), u8::from(tail.is_some()));
        self.bytes.extend(tail);
    }

    /// One number of memory, four times.
    pub fn broadcast(&mut self, dst: Xmm, from: Rm) {
        self.vex(Opcode(Map::Of0f38, 1, false, true, 0x19), dst.0, 0, from, 0);
    }

    fn rex(&mut self, opcode: u8, reg: Gpr, base: Gpr) {
        self.bytes.extend([0x48 | u8::from(reg.0 >= 8) << 2 | u8::from(base.0 >= 8), opcode]);
    }

    /// dst = what is in memory.
    pub fn fetch(&mut self, dst: Gpr, base: Gpr, at: i32) {
        self.rex(0x8b, dst, base);
        self.operand(dst.0, Rm::Mem(base, at), 0);
    }

    /// dst = base + at.
    pub fn address(&mut self, dst: Gpr, base: Gpr, at: i32) {
        self.rex(0x8d, dst, base);
        self.operand(dst.0, Rm::Mem(base, at), 0);
    }

    /// dst = src.
    pub fn copy(&mut self, dst: Gpr, src: Gpr) {
        self.rex(0x8b, dst, src);
        self.bytes.push(0xc0 | (dst.0 & 7) << 3 | src.0 & 7);
    }

    pub fn number(&mut self, dst: Gpr, value: u64) {
        self.bytes.extend([0x48 | u8::from(dst.0 >= 8), 0xb8 | dst.0 & 7]);
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn push(&mut self, reg: Gpr) {
        if reg.0 >= 8 {
            self.bytes.push(0x41);
        }
        self.bytes.push(0x50 | reg.0 & 7);
    }

    pub fn pop(&mut self, reg: Gpr) {
        if reg.0 >= 8 {
            self.bytes.push(0x41);
        }
        self.bytes.push(0x58 | reg.0 & 7);
    }

    /// Adds to a register.
    pub fn add(&mut self, reg: Gpr, value: i32) {
        self.bytes.extend([0x48 | u8::from(reg.0 >= 8), 0x81, 0xc0 | reg.0 & 7]);
        self.bytes.extend(value.to_le_bytes());
    }

    /// Calls what a register points to.
    pub fn call(&mut self, reg: Gpr) {
        if reg.0 >= 8 {
            self.bytes.push(0x41);
        }
        self.bytes.extend([0xff, 0xd0 | reg.0 & 7]);
    }

    /// Clears the upper halves of all vector registers.
    pub fn clear_upper(&mut self) {
        self.bytes.extend([0xc5, 0xf8, 0x77]);
    }

    /// Goes back to a place of the code as long as rcx is below rdx.
    pub fn again(&mut self, place: usize) {
        self.bytes.extend([0x48, 0x39, 0xd1, 0x0f, 0x82]);
        let distance = place as i64 - (self.bytes.len() + 4) as i64;
        self.bytes.extend((distance as i32).to_le_bytes());
    }

    pub fn ret(&mut self) {
        self.bytes.push(0xc3);
    }

    /// The code with its pool behind it.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(32), 0xcc);
        let start = self.bytes.len();
        for (at, end, k) in self.fixes {
            let distance = (start + 32 * k as usize) as i64 - (at + usize::from(end)) as i64;
            self.bytes[at..at + 4].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        self.bytes.extend(self.pool.iter().flat_map(|bits| [bits.to_le_bytes(); 4]).flatten());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(make: impl FnOnce(&mut Assembler), expected: &str) {
        let mut asm = Assembler::default();
        make(&mut asm);
        let text: Vec<String> = asm.bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(text.join(" "), expected);
    }

    /// The bytes are those of GNU as.
    #[test]
    fn instructions() {
        use {Rm::*, Width::*};
        let x = Xmm;
        check(|a| a.arith(One, Arith::Add, x(1), x(2), Reg(x(3))), "c5 eb 58 cb");
        check(|a| a.arith(One, Arith::Mul, x(9), x(10), Reg(x(11))), "c4 41 2b 59 cb");
        check(|a| a.arith(One, Arith::Sub, x(9), x(10), Mem(RBX, 0)), "c5 2b 5c 0b");
        check(|a| a.arith(One, Arith::Div, x(0), x(15), Mem(R12, 8)), "c4 c1 03 5e 44 24 08");
        check(|a| a.arith(Four, Arith::Max, x(4), x(5), Mem(R13, 0)), "c4 c1 55 5f 65 00");
        check(|a| a.arith(Four, Arith::Min, x(4), x(5), Mem(RBP, 4096)), "c5 d5 5d a5 00 10 00 00");
        check(|a| a.sqrt(One, x(3), Reg(x(4))), "c5 db 51 dc");
        check(|a| a.sqrt(Four, x(3), Reg(x(4))), "c5 fd 51 dc");
        check(|a| a.logic(One, Logic::Xor, x(1), x(2), Reg(x(8))), "c4 c1 69 57 c8");
        check(|a| a.logic(Four, Logic::And, x(1), x(2), Reg(x(3))), "c5 ed 54 cb");
        check(|a| a.compare(One, Compare::Less, x(1), x(2), Reg(x(3))), "c5 eb c2 cb 01");
        check(|a| a.compare(Four, Compare::NotEqual, x(1), x(2), Reg(x(3))), "c5 ed c2 cb 04");
        check(|a| a.blend(One, x(1), x(2), x(3), x(4)), "c4 e3 69 4b cb 40");
        check(|a| a.blend(Four, x(9), x(2), x(3), x(12)), "c4 63 6d 4b cb c0");
        check(|a| a.fused(One, Form::F231, Fused::Add, x(1), x(2), Reg(x(3))), "c4 e2 e9 b9 cb");
        check(|a| a.fused(One, Form::F213, Fused::Sub, x(1), x(2), Mem(RDI, 16)), "c4 e2 e9 ab 4f 10");
        check(|a| a.fused(Four, Form::F132, Fused::NegAdd, x(1), x(2), Reg(x(3))), "c4 e2 ed 9c cb");
        check(|a| a.load(One, x(7), Mem(RSP, 8)), "c5 fb 10 7c 24 08");
        check(|a| a.load(Four, x(7), Mem(RAX, -8)), "c5 fd 10 78 f8");
        check(|a| a.load(One, x(7), Reg(x(9))), "c4 c1 79 28 f9");
        check(|a| a.store(One, Mem(R12, 800), x(10)), "c4 41 7b 11 94 24 20 03 00 00");
        check(|a| a.store(Four, Mem(RDX, 32), x(1)), "c5 fd 11 4a 20");
        check(|a| a.fetch(RAX, RBX, 8), "48 8b 43 08");
        check(|a| a.fetch(R14, R12, 0), "4d 8b 34 24");
        check(|a| a.address(RDI, R12, 256), "49 8d bc 24 00 01 00 00");
        check(|a| a.copy(RBX, RDI), "48 8b df");
        check(|a| a.copy(R12, RSI), "4c 8b e6");
        check(|a| a.number(RAX, 0x1122_3344_5566_7788), "48 b8 88 77 66 55 44 33 22 11");
        check(|a| [RBP, R15].iter().for_each(|r| a.push(*r)), "55 41 57");
        check(|a| [RBP, R15].iter().for_each(|r| a.pop(*r)), "5d 41 5f");
        check(|a| a.add(RSP, -8), "48 81 c4 f8 ff ff ff");
        check(|a| a.call(RAX), "ff d0");
        check(|a| a.broadcast(x(1), Mem(RBX, 0)), "c4 e2 7d 19 0b");
        check(|a| a.load(Four, x(1), Index(RBX, 0)), "c5 fd 10 0c cb");
        check(|a| a.store(Four, Index(R13, 8), x(9)), "c4 41 7d 11 4c cd 08");
        check(|a| a.arith(One, Arith::Add, x(1), x(2), Index(RSP, 800)), "c5 eb 58 8c cc 20 03 00 00");
        check(|a| a.again(0), "48 39 d1 0f 82 f7 ff ff ff");
        check(Assembler::clear_upper, "c5 f8 77");
        check(|a| a.logic(Four, Logic::Or, x(1), x(2), Reg(x(3))), "c5 ed 56 cb");
        check(|a| a.whole(Four, Whole::Add, x(9), x(2), Reg(x(3))), "c5 6d d4 cb");
        check(|a| a.whole(One, Whole::Sub, x(1), x(2), Reg(x(11))), "c4 c1 69 fb cb");
        check(|a| a.shift(Four, Shift::Left, x(9), x(10), 52), "c4 c1 35 73 f2 34");
        check(|a| a.shift(One, Shift::Right, x(1), x(2), 52), "c5 f1 73 d2 34");
        check(|a| a.compare(Four, Compare::Greater, x(1), x(2), Reg(x(3))), "c5 ed c2 cb 1e");
        check(|a| a.load_two(x(9), Mem(RBX, 16)), "c5 79 10 4b 10");
        check(|a| a.load_second(x(9), x(10), Mem(R13, 16)), "c4 41 29 16 4d 10");
        check(|a| a.pair(x(1), x(2), x(9)), "c4 c1 69 14 c9");
        check(|a| a.join(x(1), x(2), x(9)), "c4 c3 6d 18 c9 01");
        check(|a| _ = a.jump_where(Four, x(9)), "c4 c1 7d 50 c1 85 c0 0f 85 00 00 00 00");
        check(|a| _ = a.jump_where(One, x(2)), "c5 f9 50 c2 a8 01 0f 85 00 00 00 00");
        check(Assembler::align_stack, "48 83 e4 e0");
        check(Assembler::second_argument, "89 c6");
        check(|a| a.address(RSP, RBP, -64), "48 8d 65 c0");
        let mut asm = Assembler::default();
        let one = asm.pooled(1.0f64.to_bits());
        asm.compare(One, Compare::Equal, x(1), x(2), one);
        let code = asm.finish();
        assert_eq!(code[..9], [0xc5, 0xeb, 0xc2, 0x0d, 23, 0, 0, 0, 0]);
        assert_eq!(code[32..40], 1.0f64.to_le_bytes());
    }
}
