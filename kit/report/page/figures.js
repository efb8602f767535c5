// Lines of trials: say which one is pointed at, open it on a click, show some submissions alone.

function sayTrial(data, number) {
  const [submission, workload, study, trial, attempt, state, time] = data.rows[number];
  const reached = typeof time === "number" ? ` after ${time.toLocaleString("en")} s` : "";
  return `${submission}, ${workload}, study ${study}, trial ${trial}` +
    `${attempt > 1 ? `, attempt ${attempt}` : ""}: ${state}${reached}`;
}

function watchLines(data, table) {
  const trialOf = (event) => event.target.closest?.("[data-trial]");
  for (const figure of document.querySelectorAll("figure")) {
    const words = figure.querySelector(".pointed");
    figure.addEventListener("pointerover", (event) => {
      const line = trialOf(event);
      words.textContent = line ? sayTrial(data, Number(line.dataset.trial)) : "\u00a0";
    });
    figure.addEventListener("pointerleave", () => { words.textContent = "\u00a0"; });
    figure.addEventListener("click", (event) => {
      const line = trialOf(event);
      if (line) table.open(Number(line.dataset.trial));
    });
  }
}

function watchLegend(data) {
  const buttons = [...document.querySelectorAll(".legend button")];
  const show = () => {
    const chosen = new Set(buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.submission));
    for (const line of document.querySelectorAll("figure.curves [data-trial]")) {
      const submission = data.rows[Number(line.dataset.trial)][0];
      line.classList.toggle("dim", chosen.size > 0 && !chosen.has(submission));
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      show();
    });
  }
}
