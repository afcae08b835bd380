// The page: what is typed goes to the server, what comes back is shown.
import { words } from "/words.js";
import { graph, matrix, shape } from "/pictures.js";

const $ = id => document.getElementById(id);
const LAYOUTS = ["numerator", "denominator", "jacobian", "gradient", "rowvec", "tensor", "differential"];
const TARGETS = ["numpy", "jax", "torch", "dask", "julia", "matlab", "rust", "c", "latex", "typst"];
const ATTRIBUTES = ["symmetric", "skew", "diagonal", "lower", "upper", "orthogonal", "psd", "pd", "positive", "nonneg"];
const { topics } = await (await fetch("/api/v1/examples")).json();
const FIRST = topics[0].examples[0];
const stored = (key, fallback) => { try { return JSON.parse(localStorage.getItem("matgrad." + key)) ?? fallback; } catch { return fallback; } };
const store = (key, value) => { try { localStorage.setItem("matgrad." + key, JSON.stringify(value)); } catch { /* a private window */ } };

let language = stored("language", navigator.language.startsWith("zh") ? "zh" : "en");
let state = { expression: "", declare: {}, wrt: "", order: 1, layout: "numerator" };
let shown = null, turn = 0, target = "numpy", style = "chain", seed = 1, editing = null;
const t = (key, values = {}) => Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), words[language][key] ?? key);

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}
// MathML comes from the server's printer and is parsed as XML, never as HTML
// a browser lays formulas out by recursion: deeper ones are shown as text
const DEEPEST = 200;
function tooDeep(mathml) {
  let depth = 0;
  if (mathml.length < 5 * DEEPEST) return false;
  for (const [tag] of mathml.matchAll(/<[^>]*>/g)) {
    depth += tag.startsWith("</") ? -1 : tag.endsWith("/>") ? 0 : 1;
    if (depth > DEEPEST) return true;
  }
  return false;
}
function formula(mathml, text = "") {
  if (tooDeep(mathml)) return make("code", { class: "deep" }, text.length > 4000 ? text.slice(0, 4000) + " …" : text);
  const math = new DOMParser().parseFromString(mathml, "application/xml").documentElement;
  return math.localName === "math" ? document.importNode(math, true) : document.createTextNode("");
}
const shapeText = axes => axes.length ? axes.join(" × ") : t("scalar");

// a question that is asked anew takes the place of the former one, which nobody works on any more
const asked = {};
async function ask(name, more = {}) {
  asked[name]?.abort();
  const { signal } = asked[name] = new AbortController();
  const question = { expression: state.expression.toWellFormed?.() ?? state.expression, declare: Object.values(state.declare), wrt: state.wrt, order: state.order, layout: state.layout, language, ...more };
  try {
    const response = await fetch("/api/v1/" + name, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(question), signal });
    return await response.json();
  } catch {
    if (signal.aborted) return new Promise(() => {});
    return { errors: [{ code: "network", message: t("lost"), help: [] }] };
  }
}

function usual(variables) {
  const names = variables.map(variable => variable.name);
  const wanted = ["theta", "x", "X", "w", "W", "t"].find(name => names.includes(name));
  return wanted ?? names.at(-1) ?? "";
}

async function update() {
  const mine = ++turn;
  grow();
  if (!state.expression.trim()) { shown = null; clear(); return; }
  let answer = await ask("diff");
  if (mine !== turn) return;
  const input = answer.input ?? shown?.input;
  const names = answer.input?.variables.map(variable => variable.name) ?? [];
  if (answer.input && !names.includes(state.wrt) && names.length) {
    state.wrt = usual(answer.input.variables);
    answer = await ask("diff");
    if (mine !== turn) return;
  }
  answer.input ??= input;
  show(answer);
}

function show(answer) {
  const wrong = Boolean(answer.errors);
  $("result").classList.toggle("stale", wrong);
  $("typed").classList.toggle("stale", wrong && !answer.text);
  errors(answer.errors ?? []);
  if (answer.input) {
    $("typed").replaceChildren(formula(answer.input.mathml, state.expression));
    chips(answer.input.variables);
  }
  settings(answer.input);
  if (wrong) {
    if (shown) shown.input = answer.input;
    document.dispatchEvent(new CustomEvent("matgrad:refused"));
    return;
  }
  shown = answer;
  if (answer.text) result(answer);
  document.dispatchEvent(new CustomEvent("matgrad:shown"));
  remember();
  claim();
  for (const id of Object.keys(panels)) if ($(id).open) panels[id]();
}

function clear() {
  for (const id of ["typed", "variables", "answers", "notes", "errors", "marks", "wrt", "order", "layout"]) $(id).replaceChildren();
  $("verdict").textContent = "";
  $("editor").hidden = true;
  $("errors").append(make("button", { type: "button", onclick: () => take(FIRST) }, t("example")));
}

function errors(list) {
  $("marks").replaceChildren();
  $("errors").replaceChildren(...list.slice(0, 3).map(error => make("div", {},
    make("p", {}, make("strong", {}, error.message)),
    ...[...(error.labels ?? []), ...error.help].map(line => make("p", { class: "help" }, line)))));
  $("formula").setAttribute("aria-invalid", String(list.length > 0));
  if (!list.length) return;
  $("errors").append(make("button", { type: "button", onclick: () => take(FIRST) }, t("example")),
    make("button", { type: "button", onclick: () => take({ expression: "" }) }, t("clear")));
  const first = list.find(error => error.start !== undefined);
  if (first) {
    const text = state.expression, end = Math.max(first.end, first.start + 1);
    // past the end there is nothing to underline but a place
    $("marks").append(text.slice(0, first.start), make("mark", {}, text.slice(first.start, end) || "\u00a0\u00a0"), text.slice(end));
  }
}

// y ∈ ℝ with the sizes above, and what else is declared
function declared({ spelt, declaration, attributes }) {
  const words = attributes.length ? " " + attributes.join(" ") : "";
  const space = declaration.slice(declaration.indexOf(" in ") + 4, declaration.length - words.length);
  const sizes = space.replace(/^R\^?/, "").replace(/^\((.*)\)$/, "$1").replaceAll(" x ", " × ");
  return [`${spelt} ∈ ℝ`, ...(sizes ? [make("sup", {}, sizes)] : []), words];
}

function chips(variables) {
  $("variables").setAttribute("aria-label", t("variables"));
  $("variables").replaceChildren(...variables.map(variable => make("button", {
    type: "button", class: "chip" + (variable.declared ? " declared" : ""), "aria-expanded": String(editing === variable.name),
    onclick: () => { editing = editing === variable.name ? null : variable.name; chips(variables); $("editor").querySelector("button")?.focus(); },
  }, ...declared(variable))));
  const variable = variables.find(variable => variable.name === editing);
  $("editor").hidden = !variable;
  if (variable) editor(variable); else $("editor").replaceChildren();
}

function editor(variable) {
  const { name, axes, attributes } = variable;
  const declare = (space, kept) => { state.declare[name] = [`${name} in ${space}`, ...kept].join(" "); update(); };
  const dim = at => axes[at] ?? ["n", "m"][at] + "_" + name;
  const kinds = { scalar: "R", vector: `R^(${dim(0)})`, matrix: `R^(${dim(0)} x ${dim(1) === dim(0) ? dim(0) + "_2" : dim(1)})`, square: `R^(${dim(0)} x ${dim(0)})` };
  const is = axes.length === 0 ? "scalar" : axes.length === 1 ? "vector" : axes[0] === axes[1] ? "square" : "matrix";
  const button = (text, pressed, act) => make("button", { type: "button", "aria-pressed": String(pressed), onclick: act }, text);
  const space = /in (R(?:\^(?:\([^)]*\)|\w+))?)/.exec(variable.declaration)?.[1] ?? "R";
  const fitting = ATTRIBUTES.filter(a => is === "square" || a === "positive" || a === "nonneg");
  const line = make("input", { value: variable.declaration, "aria-label": t("declaration", { x: name }), spellcheck: "false",
    onchange: event => { state.declare[name] = event.target.value; update(); } });
  $("editor").replaceChildren(
    make("div", { role: "group", "aria-label": t("declaration", { x: name }) },
      ...Object.entries(kinds).map(([kind, space]) => button(t(kind), kind === is, () => declare(space, []))),
      ...fitting.map(a => button(a, attributes.includes(a), () => declare(space, attributes.includes(a) ? attributes.filter(b => b !== a) : [...attributes, a]))),
      button(t("settled"), !state.declare[name], () => { delete state.declare[name]; update(); })),
    line);
}


function settings(input) {
  const group = (id, title, options, chosen, act) => {
    const focused = $(id).contains(document.activeElement) ? document.activeElement.textContent : null;
    $(id).setAttribute("aria-label", title);
    $(id).replaceChildren(make("span", {}, title), ...options.map(([value, text]) => make("button", {
      type: "button", "aria-pressed": String(value === chosen), onclick: () => { act(value); update(); } }, text)));
    if (focused) [...$(id).querySelectorAll("button")].find(button => button.textContent === focused)?.focus();
  };
  group("wrt", t("by"), (input?.variables ?? []).map(({ name, spelt }) => [name, spelt]), state.wrt, value => { state.wrt = value; });
  group("order", t("order"), [[1, "1"], [2, "2"]], state.order, value => { state.order = value; });
  group("layout", t("layout"), LAYOUTS.map(name => [name, name]), state.layout, value => { state.layout = value; });
}

function result(answer) {
  const article = (title, form, text) => make("article", {},
    make("header", {}, make("h3", {}, title), make("span", { class: "shape" }, shape(form.shape, `${t("shape")} ${form.shape.join(" × ")}`), form.shape.join(" × "))),
    make("div", { class: "formula", tabindex: "0", role: "group", "aria-label": `${title}: ${form.text}` }, formula(form.mathml, form.text)),
    make("div", { class: "copies" }, ...[["LaTeX", form.latex], ["text", form.text], ["MathML", form.mathml], ["Typst", form.typst]]
      .map(([name, text]) => make("button", { type: "button", "aria-label": `${t("copy")}: ${title}, ${name}`, onclick: () => copy(text) }, name))));
  const title = answer.layout === "numerator" ? t("numerator") : answer.layout;
  const list = [article(title, answer)];
  if (answer.gradient) list.push(article(t("gradient"), answer.gradient));
  $("answers").replaceChildren(...list);
  const verdict = answer.verified;
  const failed = verdict?.failure !== undefined;
  $("verdict").classList.toggle("bad", failed);
  $("verdict").textContent = !verdict ? "" : failed ? t("refuted") : verdict.reason ? t("unchecked", { e: verdict.reason })
    : "✓ " + t("checked", { n: verdict.points, e: verdict.max_relative_error.toExponential(1) });
  const notes = [...(answer.domain.length ? [t("holds", { c: answer.domain.join("; ") })] : []), ...answer.notes];
  $("notes").replaceChildren(...notes.map(note => make("li", {}, note)));
}

async function claim() {
  const text = $("claim").value.trim(), mine = turn;
  grow($("claim"));
  if (!text || !state.wrt) { $("finding").replaceChildren(); return; }
  const finding = await ask("check", { claim: text, layout: undefined });
  if (mine !== turn || text !== $("claim").value.trim()) return;
  $("finding").classList.toggle("bad", !finding.right);
  if (finding.errors) { $("finding").replaceChildren(make("p", {}, finding.errors[0].message), ...finding.errors[0].help.map(line => make("p", { class: "help" }, line))); return; }
  const at = finding.steps && !finding.right ? t("line", { n: finding.steps.length }) + ", " : "";
  $("finding").replaceChildren(make("p", {}, `${finding.right ? "✓" : "✗"} ${at}${[t(finding.right ? "right" : "wrong"), sentence(finding)].filter(Boolean).join(language === "zh" ? "：" : ": ")}`),
    ...(sentence(finding) !== finding.sentence && !finding.right ? [make("p", { class: "help", lang: "en" }, finding.sentence)] : []),
    ...(finding.diagnoses ?? []).filter(diagnosis => !finding.sentence.includes(diagnosis.text)).map(diagnosis => make("p", { class: "diagnosis" }, diagnosis.text)),
    ...(finding.mismatch && finding.point ? [counterexample(finding)] : []));
}

// what is said about a claim: in Chinese from the finding itself, as its sentence is English
function sentence({ sentence, right, layouts, diagnoses }) {
  const { faults } = words[language];
  if (!faults) return sentence;
  if (right) return layouts.length ? t("rightin", { l: layouts.join("、") }) : "";
  return (diagnoses ?? []).map(({ fault }) => faults[fault]).find(Boolean) ?? t("differs");
}

// where the claim and the truth part, at a point
function counterexample({ mismatch, point }) {
  const short = value => typeof value === "number" ? String(Number(value.toPrecision(6))) : value;
  const where = make("code", {}, Object.entries(point).map(([name, value]) => `${name} = ${value.replace(/-?\d+\.\d+(e-?\d+)?/g, n => short(Number(n)))}`).join("; "));
  return make("details", { class: "point" }, make("summary", {}, t("yours", { i: `[${mismatch.index.join(", ")}]`, a: short(mismatch.claim), b: short(mismatch.truth) })),
    make("div", {}, `${t("counterexample")} `, where));
}

const failure = answer => make("p", {}, answer.errors[0].message);
const body = id => $(id).querySelector("div");
const panels = {
  async steps() {
    const answer = await ask("steps", { style });
    if (answer.errors || !answer.steps?.length) { body("steps").replaceChildren(answer.errors ? failure(answer) : t("none")); return; }
    const tabs = make("div", { class: "tabs" }, ...["chain", "differential"].map(name => make("button", { type: "button", "aria-pressed": String(name === style), onclick: () => { style = name; panels.steps(); } }, t(name))));
    body("steps").replaceChildren(tabs, make("ol", { class: "steps" }, ...answer.steps.map(step => make("li", {},
      make("div", { class: "line", tabindex: "0", role: "group", "aria-label": step.lines.join("; ") }, ...step.mathml.map(formula)),
      make("div", {}, make("p", {}, make("strong", {}, step.rule), step.why || step.statement ? `: ${step.why || step.statement}` : ""),
        make("small", {}, shapeText(step.shape.every(n => n === "1") ? [] : step.shape), step.verified?.points && !step.verified.failure ? ` · ✓ ${t("stepwise")}` : ""))))));
  },
  async curvature() {
    const answer = await ask("curvature", { layout: undefined });
    if (answer.errors) { body("curvature").replaceChildren(failure(answer)); return; }
    const shown = (title, form, why) => make("div", { class: "card" }, make("h3", {}, title), make("div", { class: "formula", tabindex: "0", role: "group", "aria-label": form.text }, formula(form.mathml, form.text)), ...(why ? [make("p", {}, why)] : []));
    body("curvature").replaceChildren(make("p", { class: "curvature" }, t(answer.curvature)),
      ...answer.refutations.map(r => make("p", {}, t("refutes", { of: t(r.refutes), what: t("chord_gap" in r ? "chord" : "second"), v: Number((r.chord_gap ?? r.second_derivative).toPrecision(4)) }))),
      make("div", { class: "grid" }, ...(answer.hessian ? [shown(t("hessian"), answer.hessian)] : []),
        ...answer.proof.map((line, k) => shown(`${t("proof")} ${k + 1}${line.curvature ? " · " + t(line.curvature) : ""}`, line, line.why))),
      ...(answer.domain.length ? [make("p", { class: "help" }, t("holds", { c: answer.domain.join("; ") }))] : []));
  },
  async layouts() {
    const answer = await ask("layouts", { order: 1, layout: undefined });
    const low = list => list.join("").replace(/\d/g, digit => String.fromCharCode(0x2080 + Number(digit)));
    const spelt = shown?.input?.variables.find(variable => variable.name === state.wrt)?.spelt ?? state.wrt;
    const label = cell => `∂f${low(cell.function)}/∂${cell.variable.length ? spelt.toLowerCase() : spelt}${low(cell.variable)}`;
    const cells = picture => make("div", { class: "scroll", tabindex: "0" }, make("table", { class: "cells" }, make("tbody", {}, ...picture.rows.map(row => make("tr", {}, ...row.map(cell => {
      const hue = cell.variable.at(-1) ?? 1;
      const td = make("td", {}, label(cell));
      td.style.background = `hsl(${(hue * 67 + 175) % 360} 60% 60% / .22)`;
      return td;
    }))))));
    body("layouts").replaceChildren(answer.errors ? failure(answer) : make("div", { class: "grid" }, ...answer.layouts.map(entry => make("div", { class: "card" },
      make("h3", {}, entry.layout, " ", make("span", { class: "shape" }, entry.shape.join(" × "))),
      make("div", { class: "formula", tabindex: "0", role: "group", "aria-label": entry.text }, formula(entry.mathml, entry.text)),
      ...(entry.picture ? [cells(entry.picture)] : []),
      make("p", {}, entry.rule, entry.from ? ` · ${entry.layout} = ${entry.from}` : "")))));
  },
  async code() {
    const answer = await ask("code", { target, layout: undefined });
    body("code").replaceChildren(
      make("div", { class: "tabs" }, ...TARGETS.map(name => make("button", { type: "button", "aria-pressed": String(name === target), onclick: () => { target = name; panels.code(); } }, name)),
        ...(answer.errors ? [] : [make("button", { type: "button", onclick: () => copy(answer.code) }, t("copy"))])),
      answer.errors ? failure(answer) : make("pre", { tabindex: "0" }, make("code", {}, answer.code)));
  },
  async pictures() {
    const answer = await ask("eval", { seed, layout: undefined });
    const figure = (title, picture) => make("div", { class: "card" }, make("h3", {}, title), picture);
    const list = [];
    if (answer.errors) list.push(failure(answer));
    else {
      const sizes = Object.entries(answer.sizes).map(([name, size]) => `${name} = ${size}`).join(", ");
      list.push(figure(`${t("heat")} (${answer.rows} × ${answer.columns}${sizes ? "; " + sizes : ""})`, matrix(answer, t("heat"), false)),
        figure(t("pattern"), matrix(answer, t("pattern"), true)));
    }
    const tree = shown?.input?.tree ?? [];
    if (tree.length) list.push(figure(t("graph"), graph(tree, t("graph"))));
    body("pictures").replaceChildren(make("div", { class: "tabs" }, make("button", { type: "button", onclick: () => { seed += 1; panels.pictures(); } }, t("again"))), make("div", { class: "grid" }, ...list));
  },
};

async function copy(text) {
  try { await navigator.clipboard.writeText(text); } catch {
    const area = make("textarea", {}); area.value = text; document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
  }
  $("said").textContent = "";
  $("said").textContent = t("copied");
}

function remember() {
  const { expression, declare, wrt, order, layout } = state;
  const link = new URLSearchParams({ f: expression, by: wrt });
  if (order !== 1) link.set("order", order);
  if (layout !== "numerator") link.set("layout", layout);
  for (const line of Object.values(declare)) link.append("let", line);
  history.replaceState(null, "", "#" + link);
  clearTimeout(remember.timer);
  remember.timer = setTimeout(() => {
    const one = { expression, declare: Object.values(declare), wrt, order, layout };
    const list = stored("history", []).filter(other => other.expression !== expression || other.wrt !== wrt);
    store("history", [one, ...list].slice(0, 50));
  }, 1500);
}

function take(example) {
  const nameOf = line => line.split(/\s+in\s+|\s*:\s*/)[0];
  state = { expression: example.expression, declare: Object.fromEntries((example.declare ?? []).map(line => [nameOf(line), line])), wrt: example.wrt ?? "", order: example.order ?? 1, layout: example.layout ?? "numerator" };
  editing = null;
  $("formula").value = state.expression;
  $("list").close();
  $("formula").focus();
  update();
}

function open(title, groups) {
  const list = Object.entries(groups).flatMap(([topic, items]) => [make("h3", {}, topic), ...(items.length ? items.map(item => make("button", { type: "button", class: "item", onclick: () => take(item) }, make("code", {}, item.expression), ...(item.source ? [make("small", {}, item.source)] : []))) : [make("p", {}, t("none"))])]);
  $("list").setAttribute("aria-label", title);
  $("list").querySelector("div").replaceChildren(make("button", { type: "button", onclick: () => $("list").close() }, t("close")), ...list);
  $("list").showModal();
}

function fromLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  if (!link.has("f")) return false;
  take({ expression: link.get("f"), declare: link.getAll("let"), wrt: link.get("by") ?? "", order: Number(link.get("order")) || 1, layout: LAYOUTS.includes(link.get("layout")) ? link.get("layout") : "numerator" });
  return true;
}

function grow(area = $("formula")) {
  area.style.height = "auto";
  area.style.height = area.scrollHeight + "px";
}

function translate() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = t(element.dataset.word);
  $("language").textContent = language === "zh" ? "English" : "中文";
  $("language").lang = language === "zh" ? "en" : "zh";
  $("theme").setAttribute("aria-label", t("theme"));
  $("typed").setAttribute("aria-label", t("typed"));
}

// the settings under which the next text is read, for tests of the page
globalThis.matgrad = { prepare(settings) { Object.assign(state, { of: undefined }, settings); } };

// the first key is answered at once, of those that follow in a burst the last
let timer = 0, lastKey = 0;
$("formula").addEventListener("input", event => {
  state.expression = event.target.value;
  clearTimeout(timer);
  const now = performance.now(), burst = now - lastKey < 30;
  lastKey = now;
  if (burst) timer = setTimeout(update, 12); else update();
});
$("claim").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(claim, 80); });
for (const id of Object.keys(panels)) $(id).addEventListener("toggle", () => { if ($(id).open) panels[id](); });
$("examples-open").addEventListener("click", () => open(t("examples"), Object.fromEntries(topics.map(({ topic, zh, examples }) => [language === "zh" ? zh : topic, examples]))));
$("history-open").addEventListener("click", () => open(t("history"), { [t("history")]: stored("history", []) }));
$("language").addEventListener("click", () => { language = language === "zh" ? "en" : "zh"; store("language", language); translate(); update(); });
$("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  store("theme", document.documentElement.dataset.theme);
});
addEventListener("keydown", event => { if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) { event.preventDefault(); $("formula").focus(); } });
addEventListener("hashchange", fromLink);
const theme = stored("theme", null);
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
translate();
if (!fromLink()) take(FIRST);
