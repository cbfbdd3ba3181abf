// Everything works without this file. It keeps what a person types until it is recorded, and stops a second click.
"use strict";
const forms = document.querySelectorAll("form[data-keep]");
for (const form of forms) {
  const name = "kept:" + form.dataset.keep;
  const note = form.querySelector("textarea");
  if (note && !note.value) note.value = sessionStorage.getItem(name) || "";
  if (note) note.addEventListener("input", () => sessionStorage.setItem(name, note.value));
  form.addEventListener("submit", () => {
    sessionStorage.removeItem(name);
    for (const button of form.querySelectorAll("button")) window.setTimeout(() => { button.disabled = true; }, 0);
  });
}
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-keep] button")) button.disabled = false;
});
const problems = document.getElementById("problems");
if (problems) problems.focus();
for (const filters of document.querySelectorAll(".filters")) {
  if (window.matchMedia("(max-width: 640px)").matches) { const d = filters.closest("details"); if (d) d.open = false; }
}
