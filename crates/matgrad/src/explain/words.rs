//! What a line does, in a sentence.

use super::Language;
use super::line::Line;

/// The sentence beside the name of the rule.
pub(super) fn why(line: &Line, language: Language) -> String {
    let key = line.rules.first().map_or("", |rule| rule.name);
    let (english, chinese) = match key {
        "name the parts" => ("the function as a chain of simple ones", "把函数写成简单函数的复合"),
        "linearity" => ("what is constant stays, the differential goes through", "常量不变，微分直接穿过"),
        "chain rule for vectors" => ("one product for each way to the variable", "通往自变量的每条路径对应一个乘积"),
        "multiply the factors" => ("the factors inserted, and simplified", "代入各因子并化简"),
        "insert the differentials" => ("one differential in the other, and simplified", "把内层微分代入外层并化简"),
        "trace trick" => {
            ("factors permuted under the trace, until dX is the last", "利用迹的循环置换与转置不变性，把 dX 移到最后")
        }
        "read off" => ("what stands at the differential is the derivative", "微分前的系数就是导数"),
        "vectorise" => ("the same for the columns one below the other", "把矩阵按列拉直"),
        "write out the entries" => ("the function by its entries", "把函数按分量写出"),
        "partial derivatives" => ("of each entry by each entry", "逐个分量求偏导数"),
        "collect the entries" => ("the entries as a matrix again", "把各偏导数重新组成矩阵"),
        "substitute back" => ("what the names stand for", "把中间变量换回原来的表达式"),
        "transpose" => ("the gradient is shaped like the variable", "梯度与自变量形状相同"),
        "implicit function" => {
            ("both sides of the equation differentiated, solved for the unknown", "对方程两边求微分并解出未知量的微分")
        }
        "stationary point" => ("the gradient vanishes there, whatever the data", "极值点处梯度恒为零"),
        "respect the structure" => {
            ("entries that the structure ties together move together", "由结构联系起来的元素一起变化")
        }
        "differentiate once more" => ("the derivative of the derivative", "对导数再求导"),
        _ => return line.rules.first().map_or_else(String::new, |rule| formula(rule.statement, language)),
    };
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
    .to_owned()
}

/// Words between the formulas of the rules.
const CHINESE: &[(&str, &str)] = &[
    (" where ", "，其中 "),
    (" for the first singular vectors u, v", "，u、v 为首个奇异向量"),
    (" away from the step", "（间断点之外）"),
    (" off the diagonal", "（非对角元）"),
    (", A symmetric", "，A 对称"),
    (" takes the lower triangle with half the diagonal", " 取下三角并将对角线减半"),
    (", which solves ", "，满足 "),
    (" gives ", " 得 "),
    (" + the upper right block of ", " + 右上块："),
];

/// What a rule says, without what is said of other cases.
fn formula(statement: &str, language: Language) -> String {
    let other = [", for every ", "; ", ", its transpose ", ", the mean ", " for numbers "];
    let end = other.iter().filter_map(|mark| statement.find(mark)).min().unwrap_or(statement.len());
    let mut text = statement.get(..end).unwrap_or(statement).to_owned();
    if language == Language::Chinese {
        for (english, chinese) in CHINESE {
            text = text.replace(english, chinese);
        }
    }
    text
}
