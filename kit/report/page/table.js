// Small tables: sort the rows that are there. Large table: filter, sort and show a part of the rows.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

// Numbers by size with misses last, words by the alphabet, what is absent at the end.
function sortKey(text) {
  const words = String(text ?? "").trim();
  if (words === "" || words === "–") return [3, 0, ""];
  if (words.startsWith("∞")) return [0, Infinity, ""];
  const number = /^[≥≤]?\s*(-?[\d,]+(?:\.\d+)?(?:e[-+]?\d+)?)(?![\w.])/i.exec(words);
  return number ? [0, Number(number[1].replaceAll(",", "")), ""] : [1, 0, words.toLowerCase()];
}

function compareKeys(a, b) {
  if (a[0] !== b[0]) return a[0] - b[0];
  if (a[1] !== b[1]) return a[1] < b[1] ? -1 : 1;
  return a[2] < b[2] ? -1 : a[2] > b[2] ? 1 : 0;
}

function sortHeader(heading, title, onSort) {
  heading.replaceChildren(element("button", { type: "button", onclick: () => {
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    onSort(ascending ? 1 : -1);
  } }, title));
}

function makeSortable(table) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((heading, place) => {
    sortHeader(heading, heading.textContent, (direction) => {
      const rows = [...body.rows].map((row) => [sortKey(row.cells[place].textContent), row]);
      rows.sort(([a], [b]) => (a[0] === 3 || b[0] === 3 ? a[0] - b[0] : direction * compareKeys(a, b)));
      body.append(...rows.map(([, row]) => row));
    });
  });
}

class TrialTable {
  constructor(data, openDetails) {
    this.rows = data.rows.map((cells, number) => ({ number, cells }));
    this.columns = data.columns;
    this.openDetails = openDetails;
    this.place = Object.fromEntries(data.columns.map(([key], place) => [key, place]));
    this.table = document.getElementById("trial-table");
    this.perPage = 100;
    this.page = 0;
    this.sorting = null;
    this.wanted = { text: "", submission: "", workload: "", state: "", attention: false };
    this.head();
    this.filters();
    this.apply();
  }

  head() {
    const row = element("tr");
    this.columns.forEach(([, title], place) => {
      const heading = element("th", { scope: "col" });
      row.append(heading);
      sortHeader(heading, title, (direction) => { this.sorting = { place, direction }; this.apply(); });
    });
    this.table.tHead.append(row);
  }

  filters() {
    const box = document.getElementById("filters");
    const change = (key, read) => (event) => { this.wanted[key] = read(event.target); this.apply(); };
    box.append(element("label", {}, "Search",
      element("input", { type: "search", id: "filter-text", oninput: change("text", (input) => input.value.toLowerCase()) })));
    for (const key of ["submission", "workload", "state"]) {
      const choices = [...new Set(this.rows.map(({ cells }) => cells[this.place[key]]))].sort();
      const select = element("select", { id: `filter-${key}`, onchange: change(key, (input) => input.value) },
        element("option", { value: "" }, "all"),
        ...choices.map((choice) => element("option", { value: choice }, choice)));
      box.append(element("label", {}, key, select));
    }
    box.append(element("label", { class: "check" },
      element("input", { type: "checkbox", id: "filter-attention", onchange: change("attention", (input) => input.checked) }),
      "only what needs attention"));
  }

  needsAttention(cells) {
    const state = cells[this.place.state];
    return cells[this.place.signature] === "does not match" || cells[this.place.official] === "no" ||
      ["failed", "rule violation", "interrupted", "stopped early", "no end", "no record"].includes(state);
  }

  fits({ cells }) {
    const { text, attention, ...exact } = this.wanted;
    return Object.entries(exact).every(([key, value]) => value === "" || cells[this.place[key]] === value) &&
      (!attention || this.needsAttention(cells)) &&
      (text === "" || cells.some((cell) => String(cell ?? "").toLowerCase().includes(text)));
  }

  apply() {
    this.visible = this.rows.filter((row) => this.fits(row));
    if (this.sorting) {
      const { place, direction } = this.sorting;
      const keyed = this.visible.map((row) => [sortKey(row.cells[place]), row]);
      keyed.sort(([a], [b]) => (a[0] === 3 || b[0] === 3 ? a[0] - b[0] : direction * compareKeys(a, b)));
      this.visible = keyed.map(([, row]) => row);
    }
    this.page = 0;
    this.show();
  }

  show() {
    const start = this.page * this.perPage;
    const part = this.visible.slice(start, start + this.perPage);
    this.table.tBodies[0].replaceChildren(...part.map((row) => this.row(row)));
    document.getElementById("count").textContent = this.visible.length === 0 ? "No trial fits." :
      `${(start + 1).toLocaleString("en")} to ${(start + part.length).toLocaleString("en")} of ` +
      `${this.visible.length.toLocaleString("en")} trials` +
      (this.visible.length < this.rows.length ? `, chosen from ${this.rows.length.toLocaleString("en")}` : "");
    this.pager(start);
  }

  row({ number, cells }) {
    const row = element("tr", { id: `trial-${number}` });
    cells.forEach((cell, place) => {
      const [key, , kind] = this.columns[place];
      if (place === 0) {
        const button = element("button", { type: "button", "aria-expanded": "false",
          onclick: () => this.openDetails(number, row, button) }, cell);
        row.append(element("th", { scope: "row" }, button));
        return;
      }
      const alarming = cell === "does not match" || (key === "state" && ["failed", "rule violation"].includes(cell));
      const classes = [kind === "number" ? "number" : "", alarming ? "attention" : ""].join(" ").trim();
      const shown = cell ?? "–";
      row.append(element("td", classes ? { class: classes } : {}, typeof shown === "number" ? shown.toLocaleString("en", { maximumSignificantDigits: 5 }) : shown));
    });
    return row;
  }

  pager(start) {
    const box = document.getElementById("pager");
    const step = (by) => () => {
      this.page += by;
      this.show();
      document.getElementById("trials").scrollIntoView();
    };
    const back = element("button", { type: "button", onclick: step(-1) }, "Previous 100");
    const on = element("button", { type: "button", onclick: step(1) }, "Next 100");
    back.disabled = start === 0;
    on.disabled = start + this.perPage >= this.visible.length;
    box.replaceChildren(...(this.visible.length > this.perPage ? [back, on] : []));
  }

  // Show the page that a trial is on, whatever is chosen now, and open it.
  open(number) {
    if (!this.rows[number]) return;
    let place = this.visible.findIndex((row) => row.number === number);
    if (place < 0) {
      this.clear();
      place = this.visible.findIndex((row) => row.number === number);
    }
    this.page = Math.floor(place / this.perPage);
    this.show();
    const row = document.getElementById(`trial-${number}`);
    const button = row.querySelector("button");
    if (button.getAttribute("aria-expanded") === "false") button.click();
    row.scrollIntoView({ block: "center" });
    button.focus({ preventScroll: true });
  }

  clear() {
    this.wanted = { text: "", submission: "", workload: "", state: "", attention: false };
    for (const input of document.querySelectorAll("#filters input, #filters select")) {
      if (input.type === "checkbox") input.checked = false;
      else input.value = "";
    }
    this.apply();
  }
}
