// The page in a browser: what is typed is answered within the time, offline, for everybody.
//   node page.mjs MATGRAD [CORPUS_FOLDER]
import { spawn } from "node:child_process";
import { readFileSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { foreign, nonsense, typed } from "./nonsense.mjs";

const require = createRequire(import.meta.url);
const [binary = "../target/release/matgrad", corpus = "../tests/corpus"] = process.argv.slice(2);
const LIMIT = Number(process.env.MATGRAD_PAGE_LIMIT ?? 50);
const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(path => path && existsSync(path));
let failures = 0;
const cases = ["cookbook_even", "texts", "wikipedia"].flatMap(name => readFileSync(`${corpus}/${name}.jsonl`, "utf8").trim().split("\n").map(line => JSON.parse(line)));
const expect = (condition, what) => { if (!condition) { failures += 1; console.log("FAILED: " + what); } };

const server = spawn(binary, ["serve", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
const url = await new Promise((resolve, reject) => {
  server.stdout.on("data", data => { const found = /http:\/\/\S+/.exec(String(data)); if (found) resolve(found[0]); });
  server.on("exit", code => reject(new Error(`the server ended: ${code}`)));
});
const browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"] });
try {
  const context = await browser.newContext({ locale: "en-US" });
  const page = await context.newPage();
  page.on("request", request => expect(request.url().startsWith(url) || request.url().startsWith("data:"), `a request to ${request.url()}`));
  page.on("pageerror", error => expect(false, `an error in the page: ${error}`));
  page.on("dialog", dialog => { expect(false, "a dialog opened"); dialog.dismiss(); });
  await page.goto(url);
  await page.waitForSelector("#answers math");

  // what a person does
  const settled = async () => { await page.waitForTimeout(250); };
  expect((await page.textContent("#verdict")).includes("checked at 3 random points"), "the verdict is shown");
  await page.fill("#claim", "-2*Phi'*(y - Phi*theta)"); await settled();
  expect((await page.textContent("#finding")).includes("right"), "a right claim is right");
  await page.fill("#claim", "2*Phi'*(y - Phi*theta)"); await settled();
  const finding = await page.textContent("#finding");
  expect(finding.includes("wrong") && finding.includes("sign"), "a wrong claim is wrong, and the slip is named");
  expect(await page.locator("#finding .point").count() === 1, "a counterexample is shown");
  await page.fill("#claim", "= 2*(y - Phi*theta)'*(-Phi)\n= 2*(y - Phi*theta)'*Phi"); await settled();
  expect((await page.textContent("#finding")).includes("line 2"), "the first wrong step is named");
  await page.fill("#claim", "");
  await page.click("#wrt >> text=Φ"); await settled();
  expect(page.url().includes("by=Phi"), "the link follows the variable");
  const cells = () => page.locator("#answers article:first-child .shape-picture rect").count();
  const before = await cells();
  await page.click("#layout >> text=rowvec"); await settled();
  expect(before > 0 && await cells() !== before, "a small picture shows the arrangement, which follows the layout");
  expect(page.url().includes("layout=rowvec"), "the link follows the layout");
  const link = page.url(), text = await page.textContent("#answers");
  const second = await context.newPage();
  await second.goto(link); await second.waitForSelector("#answers math");
  expect(await second.textContent("#answers") === text, "a link shows the same answer");
  await second.close();
  await page.fill("#formula", "x'*A*x"); await settled();
  await page.click("#layout >> text=numerator");
  await page.click(".chip >> text=A"); await page.click("#editor >> text=symmetric"); await settled();
  expect((await page.getAttribute("#answers .formula", "aria-label")).endsWith("2*x'*A"), "an assumption is edited by its chip");
  const panels = ["steps", "layouts", "curvature", "code", "pictures"];
  for (const id of panels) await page.click(`#${id} > summary`);
  await settled(); await settled();
  expect(await page.locator("#steps li math").count() > 1, "steps are typeset");
  await page.click("#steps .tabs >> text=differentials"); await settled();
  expect((await page.textContent("#steps")).includes("read off"), "steps by differentials are shown");
  expect((await page.textContent("#curvature .curvature")).length > 3, "curvature is told");
  expect(await page.locator("#layouts .card").count() >= 5, "layouts are shown");
  expect((await page.textContent("#code pre")).includes("def "), "code is shown");
  expect(await page.locator("#pictures svg").count() === 3, "three pictures are shown");
  await page.click("#language"); await settled();
  expect((await page.textContent("#result-title")) === "导数", "the page speaks Chinese");
  await page.fill("#claim", "-2*x'*A"); await settled();
  expect((await page.textContent("#finding")).includes("符号"), "a slip is named in Chinese");
  await page.fill("#claim", ""); await settled();
  await page.click("#language"); await settled();

  // for everybody
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme }); await settled();
    await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
    const audit = await page.evaluate(() => globalThis.axe.run());
    const serious = audit.violations.filter(found => ["serious", "critical"].includes(found.impact));
    for (const found of serious) console.log(scheme, found.id, found.help, found.nodes.slice(0, 3).map(node => node.html));
    expect(serious.length === 0, `the audit (${scheme})`);
  }
  for (const id of panels) await page.click(`#${id} > summary`);
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than a phone");
  await page.setViewportSize({ width: 1280, height: 900 });

  // whatever is typed: an answer, or an error, the text and a way out; no markup, no script, no trace; and the next
  // question is answered
  const kinds = nonsense(cases, Number(process.env.MATGRAD_SEED ?? 1));
  for (const [kind, texts] of Object.entries(kinds)) {
    for (const text of texts) {
      const shown = await typed(page, text);
      const what = `${kind} ${JSON.stringify(text.slice(0, 80))}: ${JSON.stringify(shown).slice(0, 300)}`;
      expect(shown.settled, `no answer to ${what}`);
      expect(shown.answered || (shown.error && shown.out >= 1) || !text.trim(), `nothing is said about ${what}`);
      expect(shown.kept, `the text is not kept: ${what}`);
      expect(shown.foreign.length === 0, `markup was injected by ${what}`);
      expect(!/panicked|\.rs:|undefined|\[object/.test(shown.error), `a trace is shown for ${what}`);
      expect(shown.error.length < 2000, `a long error for ${what}`);
    }
    const next = await typed(page, "x'*A*x");
    expect(next.answered && !next.error, `after ${kind} the next question is answered: ${JSON.stringify(next)}`);
  }
  // the same by a link
  for (const evil of ["<img src=x onerror=alert(1)>", "x'*A*x\u202e", "\"><svg/onload=alert(1)>"]) {
    const link = new URLSearchParams({ f: evil, by: evil, layout: evil, order: evil });
    link.append("let", evil + " in R^n"); link.append("let", "A in R^(n x n) " + evil);
    const other = await context.newPage();
    other.on("pageerror", error => expect(false, `an error in the page by a link: ${error}`));
    other.on("dialog", dialog => { expect(false, "a dialog opened by a link"); dialog.dismiss(); });
    await other.goto(`${url}/#${link}`); await other.waitForTimeout(300);
    expect((await other.evaluate(foreign)).length === 0, `markup was injected by the link ${link}`);
    expect(await other.inputValue("#formula") === evil, "the text of a link is shown");
    await other.close();
  }

  // from a keystroke to the picture, for every case
  const times = [], firsts = [];
  for (const one of cases) {
    const measure = () => page.evaluate(async one => {
      const nameOf = line => line.split(/\s+in\s+|\s*:\s*/)[0];
      globalThis.matgrad.prepare({ declare: Object.fromEntries(one.declare.map(line => [nameOf(line), line])), wrt: one.wrt, order: one.order, layout: one.layout });
      const area = document.querySelector("#formula");
      area.value = one.script ?? one.expr;
      const shown = new Promise(resolve => document.addEventListener("matgrad:shown", resolve, { once: true }));
      const failed = new Promise(resolve => document.addEventListener("matgrad:refused", resolve, { once: true }));
      const began = performance.now();
      area.dispatchEvent(new Event("input", { bubbles: true }));
      const answered = await Promise.race([shown.then(() => true), failed.then(() => false)]);
      // the frame after the answer is in the page
      await new Promise(resolve => requestAnimationFrame(() => { const channel = new MessageChannel(); channel.port1.onmessage = resolve; channel.port2.postMessage(0); }));
      return { time: performance.now() - began, answered };
    }, { ...one, declare: one.declare ?? [] });
    // what another process takes away is not the page's: the best of some
    const first = await measure();
    expect(first.answered, `${one.id} is answered by an error`);
    let best = first.time;
    for (let k = 0; k < 19 && best > LIMIT; k += 1) best = Math.min(best, (await measure()).time);
    times.push(best);
    firsts.push(first.time);
    expect(best <= LIMIT, `${one.id}: ${best.toFixed(1)} ms from keystroke to picture`);
  }
  const at = (list, share) => list.sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(share * list.length))].toFixed(1);
  for (const [name, list] of [["the first try", firsts], ["the best of up to twenty tries", times]])
    console.log(`${list.length} cases from keystroke to picture, ${name}: median ${at(list, 0.5)} ms, 95 % ${at(list, 0.95)} ms, slowest ${at(list, 1)} ms`);
} finally {
  await browser.close();
  server.removeAllListeners("exit");
  server.kill();
}
console.log(failures ? `${failures} failures` : "the page is as it should be");
process.exit(failures ? 1 : 0);
