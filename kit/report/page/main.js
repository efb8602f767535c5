const data = JSON.parse(document.getElementById("data").textContent);
for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);
const trials = new TrialTable(data, makeOpener(data));
watchLines(data, trials);
watchLegend(data);

const themes = ["automatic", "light", "dark"];
const themeButton = document.getElementById("theme");
themeButton.addEventListener("click", () => {
  const now = themes[(themes.indexOf(document.documentElement.dataset.theme ?? "automatic") + 1) % themes.length];
  if (now === "automatic") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = now;
  themeButton.textContent = `Theme: ${now}`;
});

const openNamed = () => {
  const named = /^#trial-(\d+)$/.exec(location.hash);
  if (named) trials.open(Number(named[1]));
};
window.addEventListener("hashchange", openNamed);
document.addEventListener("click", (event) => {  // the same link again changes no hash
  if (event.target.closest?.("a")?.getAttribute("href") === location.hash) openNamed();
});
if (location.hash) openNamed();
else if (data.scope === "trial") document.querySelector("#trial-0 button").click();

// On paper all rows are there, as far as that is still a document.
window.addEventListener("beforeprint", () => {
  if (trials.visible.length <= 1000 && trials.perPage < trials.visible.length) {
    trials.perPage = trials.visible.length;
    trials.apply();
  }
});
