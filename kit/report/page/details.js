// The record of one trial, unpacked when it is opened. Everything is set as text.

const unpackedChunks = new Map();

function unpack(id) {
  if (!unpackedChunks.has(id)) {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    unpackedChunks.set(id, new Response(stream).json());
  }
  return unpackedChunks.get(id);
}

function definitions(pairs) {
  const list = element("dl");
  for (const [term, text] of pairs) list.append(element("dt", {}, term), element("dd", {}, text ?? "–"));
  return list;
}

function folded(title, ...content) {
  return element("details", {}, element("summary", {}, title), ...content);
}

function plainTable({ columns, rows }) {
  const head = element("tr", {}, ...columns.map((column) => element("th", { scope: "col" }, column)));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell) =>
    element("td", typeof cell === "number" ? { class: "number" } : {}, cell ?? "–"))));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Evaluations" },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

function asText(value) {
  return element("pre", { tabindex: "0" }, JSON.stringify(value, null, 2));
}

function checks(findings) {
  const marks = { ok: "matches", note: "note", problem: "PROBLEM" };
  const lines = findings.map(([status, check, file, sentence]) =>
    element("li", status === "problem" ? { class: "attention" } : {}, `${marks[status]}: ${check}, ${file}: ${sentence}`));
  const bad = findings.filter(([status]) => status === "problem").length;
  const made = folded(`Checks: ${findings.length - bad} without a problem, ${bad} with`, element("ul", {}, ...lines));
  if (bad) made.open = true;
  return made;
}

async function fillPanel(panel, trial) {
  panel.append(element("h3", {}, trial.title));
  if (trial.remark) panel.append(element("p", {}, trial.remark));
  if (trial.summary) panel.append(definitions(trial.summary));
  if (trial.failure) panel.append(folded("How it failed", asLines(trial.failure)));
  const count = trial.evaluations.rows.length;
  panel.append(folded(`Evaluations (${count})`, count ? plainTable(trial.evaluations) : "There was none."));
  if (trial.record) panel.append(folded("Record (trial.json)", asText(trial.record)));
  if (trial.signature) panel.append(folded("Signature", definitions(Object.entries(trial.signature))));
  if (trial.findings) panel.append(checks(trial.findings));
  if (trial.environment) panel.append(folded("Environment (environment.json)", asText(trial.environment)));
  if (trial.log !== undefined) panel.append(folded("End of the log (log.txt)", element("pre", { tabindex: "0" }, trial.log)));
  if (trial.source) {
    const files = (await unpack("sources"))[trial.source] ?? {};
    panel.append(folded(`Source of the submission (${Object.keys(files).length} files)`,
      ...Object.entries(files).flatMap(([name, text]) => [element("h4", {}, name), element("pre", { tabindex: "0" }, text)])));
  }
  if (trial.folder) panel.append(element("p", { class: "hint" }, `Record: ${trial.folder}`));
}

function asLines(failure) {
  const parts = Object.entries(failure).filter(([, text]) => text);
  return element("div", {}, ...parts.flatMap(([name, text]) =>
    [element("h4", {}, name.replaceAll("_", " ")), element("pre", { tabindex: "0" }, text)]));
}

function makeOpener(data) {
  return async (number, row, button) => {
    const next = row.nextElementSibling;
    if (next && next.classList.contains("details")) {
      next.remove();
      button.setAttribute("aria-expanded", "false");
      return;
    }
    const panel = element("div", { class: "panel" });
    const cell = element("td", { colspan: data.columns.length }, panel);
    row.after(element("tr", { class: "details" }, cell));
    button.setAttribute("aria-expanded", "true");
    const trials = await unpack(`chunk-${Math.floor(number / data.chunk)}`);
    await fillPanel(panel, trials[number % data.chunk]);
    panel.dataset.ready = "true";
  };
}
