// What the page says, in English and in Chinese.
export const words = {
  en: {
    examples: "Examples", history: "History", formula: "Formula", derivative: "Derivative", claim: "Is my answer right?",
    steps: "Steps", layouts: "The same numbers in every layout", code: "Code", pictures: "Pictures", by: "by", order: "order",
    layout: "layout", gradient: "Gradient", numerator: "numerator layout", shape: "shape", copy: "copy", copied: "copied",
    checked: "checked at {n} random points against an independent derivative, relative error {e}",
    unchecked: "not checked: {e}", refuted: "the check refutes this answer; do not use it",
    holds: "holds where {c}", right: "right", wrong: "wrong", example: "Show an example", clear: "Start afresh",
    theme: "Dark or light", scalar: "scalar", vector: "vector", matrix: "matrix", square: "square matrix",
    declaration: "Declaration of {x}", graph: "Expression graph", heat: "Values at a random point", pattern: "Where it is not zero",
    again: "Another point", none: "nothing here yet", close: "Close", first: "first", second: "second", variables: "Variables",
    typed: "Formula as read", answer: "Answer", from: "from", lost: "the server does not answer; is matgrad serve running?", settled: "as the formula has it",
  },
  zh: {
    examples: "例子", history: "历史", formula: "公式", derivative: "导数", claim: "我的答案对吗？",
    steps: "推导步骤", layouts: "同样的数，各种布局", code: "代码", pictures: "图", by: "对", order: "阶",
    layout: "布局", gradient: "梯度", numerator: "分子布局", shape: "形状", copy: "复制", copied: "已复制",
    checked: "已在 {n} 个随机点与独立计算的导数核对，相对误差 {e}",
    unchecked: "未核对：{e}", refuted: "核对否定了此答案，请勿使用",
    holds: "成立条件：{c}", right: "对", wrong: "不对", example: "看一个例子", clear: "重新开始",
    theme: "深色或浅色", scalar: "标量", vector: "向量", matrix: "矩阵", square: "方阵",
    declaration: "{x} 的声明", graph: "表达式图", heat: "随机点处的值", pattern: "非零位置",
    again: "换一个点", none: "这里还没有内容", close: "关闭", first: "一", second: "二", variables: "变量",
    typed: "读入的公式", answer: "答案", from: "来自", lost: "服务器没有应答；matgrad serve 在运行吗？", settled: "按公式推断",
  },
};
