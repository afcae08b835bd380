// Pictures: the graph of an expression, values as a heat map, the places that are not zero.
const NS = "http://www.w3.org/2000/svg";
function svg(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

export function graph(tree, title) {
  const level = [];
  tree.forEach((node, i) => { level[i] = node.operands.length ? 1 + Math.max(...node.operands.map(k => level[k])) : 0; });
  const rows = [];
  const place = [];
  // a node stands above the middle of its operands, leaves from left to right
  let leaf = 0;
  tree.forEach((node, i) => {
    if (!node.operands.length) place[i] = leaf++;
    else place[i] = node.operands.reduce((sum, k) => sum + place[k], 0) / node.operands.length;
    (rows[level[i]] ??= []).push(i);
  });
  for (const row of rows) {
    row.sort((a, b) => place[a] - place[b]);
    row.forEach((id, at) => { if (at) place[id] = Math.max(place[id], place[row[at - 1]] + 1); });
  }
  const width = 92, height = 62;
  const columns = Math.max(...place) + 1;
  const root = svg("svg", { class: "picture", viewBox: `0 0 ${columns * width} ${rows.length * height}`, role: "img", "aria-label": title });
  root.style.maxWidth = `${columns * width}px`;
  const x = i => (place[i] + 0.5) * width, y = i => (rows.length - level[i] - 0.5) * height;
  tree.forEach((node, i) => node.operands.forEach(k => {
    const middle = (y(i) + y(k)) / 2;
    root.append(svg("path", { d: `M${x(i)} ${y(i)}C${x(i)} ${middle} ${x(k)} ${middle} ${x(k)} ${y(k)}` }));
  }));
  tree.forEach((node, i) => {
    const half = Math.max(16, node.label.length * 4.6 + 9);
    root.append(svg("rect", { x: x(i) - half, y: y(i) - 16, width: 2 * half, height: 32, rx: 16, class: node.operands.length ? "node" : "leaf" }));
    root.append(svg("text", { x: x(i), y: y(i) }, node.label));
  });
  return root;
}

// how a derivative lies: a cell for each of a few rows and columns, slices behind each other
export function shape(axes, title) {
  const count = axis => axis === "1" ? 1 : /^[2-6]$/.test(axis) ? Number(axis) : /[*+ ]/.test(axis) ? 6 : 3;
  const [rows, columns] = axes.length < 2 ? [count(axes[0] ?? "1"), 1] : axes.slice(-2).map(count);
  const behind = axes.length > 2 ? axes.slice(0, -2).reduce((all, axis) => Math.min(4, all * count(axis)), 1) - 1 : 0;
  const step = 6, width = columns * step + behind * 3, height = rows * step + behind * 3;
  const root = svg("svg", { class: "shape-picture", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  for (let k = behind; k >= 0; k -= 1)
    for (let i = 0; i < rows; i += 1)
      for (let j = 0; j < columns; j += 1)
        root.append(svg("rect", { x: j * step + k * 3 + .5, y: i * step + (behind - k) * 3 + .5, width: step - 1, height: step - 1, rx: 1 }));
  return root;
}

export function matrix(sample, title, pattern) {
  const { rows, columns, entries } = sample;
  const size = Math.max(2, Math.min(28, 420 / Math.max(rows, columns)));
  const root = svg("svg", { class: "picture", viewBox: `0 0 ${columns * size} ${rows * size}`, role: "img", "aria-label": `${title}, ${rows} × ${columns}` });
  root.style.maxWidth = `${columns * size}px`;
  const largest = Math.max(1e-300, ...entries.filter(v => v !== null).map(Math.abs));
  entries.forEach((value, at) => {
    const i = Math.floor(at / columns), j = at % columns, zero = value === 0;
    if (pattern && zero) return;
    const cell = svg("rect", { x: j * size + .5, y: i * size + .5, width: size - 1, height: size - 1, rx: 1.5,
      class: pattern ? "dot" : zero || value === null ? "h0" : value > 0 ? "pos" : "neg" });
    if (!pattern && value) cell.setAttribute("fill-opacity", (0.12 + 0.88 * Math.abs(value) / largest).toFixed(3));
    cell.append(svg("title", {}, `[${i + 1}, ${j + 1}] = ${value === null ? "—" : Number(value.toPrecision(4))}`));
    root.append(cell);
  });
  return root;
}
