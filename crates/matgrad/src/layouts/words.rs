//! What each layout does, in words.

use matgrad_calculus::layout::{Kind, Layout};

use super::is_vector;
use crate::explain::Language;

/// A sentence in two languages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    pub english: &'static str,
    pub chinese: &'static str,
}

impl Words {
    pub fn text(self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Chinese => self.chinese,
        }
    }
}

const fn words(english: &'static str, chinese: &'static str) -> Words {
    Words { english, chinese }
}

/// What a layout does, for these shapes.
pub(super) fn rule(layout: Layout, f: &Kind, x: &Kind) -> Words {
    let scalar = *f == Kind::Scalar;
    match layout {
        Layout::Numerator if scalar && *x == Kind::Scalar => {
            words("the derivative of a number by a number", "标量对标量的导数")
        }
        Layout::Numerator if scalar => words(
            "rows follow the function, columns the variable: shaped like the variable's transpose",
            "行对应函数，列对应变量：形状与变量的转置相同",
        ),
        Layout::Numerator if *x == Kind::Scalar => words("shaped like the function", "形状与函数相同"),
        Layout::Numerator if is_vector(f) && is_vector(x) => words(
            "a row for each entry of the function, a column for each of the variable",
            "函数的每个分量占一行，变量的每个分量占一列",
        ),
        Layout::Numerator => words(
            "a row for each entry of vec of the function, a column for each of vec of the variable",
            "函数 vec 后的每个分量占一行，变量 vec 后的每个分量占一列",
        ),
        Layout::Denominator if scalar => words(
            "rows follow the variable, columns the function: shaped like the variable",
            "行对应变量，列对应函数：形状与变量相同",
        ),
        Layout::Denominator => words("the transpose of the numerator layout", "分子布局的转置"),
        Layout::Jacobian => words(
            "D F, the derivative of vec of the function by vec of the variable, written across",
            "D F：函数的 vec 对变量的 vec 求导，横向排列",
        ),
        Layout::Gradient if scalar => words(
            "shaped like the variable, so that a step of gradient descent subtracts it",
            "形状与变量相同，梯度下降时可直接相减",
        ),
        Layout::Gradient => words("the transpose of the Jacobian", "雅可比矩阵的转置"),
        Layout::Rowvec => {
            words("the entries of the gradient, column after column, in one row", "梯度的各元素逐列排成一行")
        }
        Layout::Tensor => words(
            "an axis for each axis of the function, then one for each of the variable",
            "先是函数的各轴，再是变量的各轴",
        ),
        Layout::Differential => words(
            "the change of the function along a step of the variable, to first order",
            "变量走一步时函数的一阶变化",
        ),
        Layout::Blocks => words("the derivative of each row by the row of the variable", "每一行对变量的相应行求导"),
    }
}
