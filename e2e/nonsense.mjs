// What people type by accident, and what people type with intent: the same every time for a seed.

/** Nonsense of several kinds, from the texts of some cases. */
export function nonsense(cases, seed) {
  let state = seed >>> 0;
  // a small generator with good high bits (mulberry32)
  const next = n => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
  const one = list => list[next(list.length)];
  const many = (count, make) => Array.from({ length: count }, make);
  const text = () => { const found = one(cases); return found.script ?? found.expr; };

  const letters = [..."xAyθ∑()[]{}'\"`^*+-./\\:;,=<>&|#@!?~ \t\n0123456789e\u0000\u0007\u001b\u007f\u0085🙂é漢"];
  const bytes = () => many(1 + next(80), () => next(3) ? one(letters) : String.fromCharCode(next(256))).join("");
  const mutated = () => {
    const list = [...text()];
    for (let k = 1 + next(4); k > 0; k -= 1) {
      const at = next(list.length + 1), what = next(5);
      if (what === 0) list.splice(at, 1 + next(3));
      else if (what === 1) list.splice(at, 0, one(letters));
      else if (what === 2) list.splice(at, 0, ...list.slice(at, at + next(12)));
      else if (what === 3) list.splice(at, 0, ...text());
      else if (at < list.length) list[at] = one(letters);
    }
    return list.join("");
  };
  const markup = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</textarea><script>alert(1)</script>", "\"><svg onload=alert(1)>",
    "'><iframe srcdoc='<script>alert(1)</script>'>", "<math><mtext></math><script>alert(1)</script>", "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;", "javascript:alert(1)", "<a href=javascript:alert(1)>x</a>", "${alert(1)}", "{{alert(1)}}",
    "<style>*{display:none}</style>", "<base href=//x>", "<form action=x><button>", "<!--", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]>&b;",
  ];
  const around = [one => one, one => `x'*A*x + ${one}`, one => `x in R^n # ${one}\nx'*x`, one => `f = "${one}"`, one => `${one}(x)`, one => `a_${one} + x`];
  const hidden = ["\u202e", "\u202d", "\u2066", "\u2069", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u0301", "\ud83d", "\udc00", "\ufffe", "\u2028", "\u2029", "א", "ش"];
  const invisible = () => { const list = [...text()]; for (let k = 1 + next(6); k > 0; k -= 1) list.splice(next(list.length + 1), 0, one(hidden)); return list.join(""); };
  const times = (text, count) => text.repeat(count);
  return {
    bytes: many(40, bytes),
    mutated: many(60, mutated),
    markup: markup.flatMap((text, k) => [text, around[1 + k % (around.length - 1)](text)]),
    invisible: [...hidden, ...many(25, invisible)],
    long: [times("x'*x + ", 2000) + "1", times("x", 20_000), times("é", 50_000), times("x + ", 100_000), times("\n", 5000), times("a;", 3000), times("<b>", 4000), "x'*" + times("A*", 3000) + "x"],
    deep: [times("(", 30_000), times("(", 20_000) + "x" + times(")", 20_000), times("[", 5000) + times("]", 5000), times("sin(", 3000) + "x" + times(")", 3000), times("-", 20_000) + "x", "x" + times("'", 20_000), times("x^", 3000) + "2", times("sum[i](", 500) + "x[i]" + times(")", 500)],
    empty: ["", " ", "\n\n", "\u00a0", "\u200b", "#"],
  };
}

/** What stands in the page that it does not make itself; for the page. */
export function foreign() {
  const found = [...document.querySelectorAll("main script, main style, iframe, object, embed, img, video, audio, base, form, main a, main link, foreignObject")].map(element => element.outerHTML.slice(0, 80));
  for (const element of document.querySelectorAll("*"))
    for (const { name, value } of element.attributes)
      if (name.startsWith("on") || /^\s*javascript:/i.test(value) && name !== "aria-label" && name !== "value") found.push(`${element.localName} ${name}=${value.slice(0, 40)}`);
  return found;
}

/** Types a text as a whole and waits for what is said about it. */
export async function typed(page, text) {
  const settled = await page.evaluate(async text => {
    const area = document.querySelector("#formula");
    area.value = text;
    const said = ["matgrad:shown", "matgrad:refused"].map(name => new Promise(resolve => document.addEventListener(name, () => resolve(name), { once: true })));
    area.dispatchEvent(new Event("input", { bubbles: true }));
    // an empty text asks nothing
    const patience = area.value.trim() ? 15_000 : 100;
    const outcome = await Promise.race([...said, new Promise(resolve => setTimeout(resolve, patience, ""))]);
    await new Promise(resolve => requestAnimationFrame(resolve));
    return { settled: outcome !== "" || patience < 1000, answered: outcome === "matgrad:shown", asked: area.value };
  }, text);
  const shown = await page.evaluate(() => ({
    error: document.querySelector("#errors strong")?.textContent ?? "",
    out: document.querySelectorAll("#errors button").length,
    text: document.querySelector("#formula").value,
  }));
  const { text: left, ...rest } = shown;
  return { ...settled, asked: undefined, ...rest, kept: left === settled.asked, foreign: await page.evaluate(foreign) };
}
