// Taking entries away. Owns: that nothing goes that was not counted first. Never: takes another scope than the one previewed.

import { post } from "./ask.js";
import { confirm } from "./dialog.js";
import { busy, byId, h, onSubmit, say, show, write } from "./dom.js";
import { bytes, count, counted } from "./format.js";

/// What the preview counted; null while there is none for what stands in the form.
let previewed = null;
let done = () => {};

const dialog = () => byId("clear-dialog");

export function begin() {
  onSubmit(byId("clear-form"), () => open(byId("clear-what").value.trim()));
  onSubmit(byId("clear-preview-form"), preview);
  onSubmit(byId("forget-form"), forget);
  byId("clear-preview-form").addEventListener("input", forgetPreview);
  byId("clear-cancel").addEventListener("click", () => dialog().close());
  byId("clear-do").addEventListener("click", ({ currentTarget }) => busy(currentTarget, carryOut));
}

/// Opens the dialog for `scope` and previews it, if there is one. `then` is called after something was taken.
export function open(scope, then = () => {}) {
  done = then;
  byId("clear-scope").value = scope;
  document.querySelector("input[name=how][value=remove]").checked = true;
  forgetPreview();
  dialog().showModal();
  if (scope === "") byId("clear-scope").focus();
  else busy(byId("clear-look"), preview);
}

function forgetPreview() {
  previewed = null;
  byId("clear-preview").replaceChildren();
  byId("clear-error").textContent = "";
  show(byId("clear-do"), false);
  show(byId("clear-look"), true);
}

const body = () => ({
  scope: byId("clear-scope").value.trim(),
  how: document.querySelector("input[name=how]:checked").value,
});

async function preview() {
  const asked = body();
  forgetPreview();
  try {
    const found = await post("api/invalidate", { ...asked, dry_run: true });
    previewed = asked;
    drawPreview(found);
  } catch (error) {
    write(byId("clear-error"), error.message);
  }
}

function drawPreview({ scope, matched, bytes: size }) {
  const figure = (value, unit) => h("div", {}, h("b", {}, value), h("span", {}, unit));
  const words = matched === 0
    ? "Nothing of that is there now. Loads under way for it would still bring nothing back."
    : `${scope === "all" ? "All that the cache holds" : `All of ${scope}`} goes, and loads under way for it bring nothing back: the next reads `
      + "go to the source.";
  byId("clear-preview").replaceChildren(
    h("div", { class: "figures" }, figure(count(matched), matched === 1 ? "entry" : "entries"), figure(bytes(size), "of memory")),
    h("p", {}, words));
  write(byId("clear-do"), matched === 0 ? "Clear" : `Clear ${counted(matched, "entry", "entries")}`);
  show(byId("clear-look"), false);
  show(byId("clear-do"), true);
  byId("clear-do").focus();
}

async function carryOut() {
  if (previewed === null) return;
  try {
    const taken = await post("api/invalidate", previewed);
    dialog().close();
    const overtaken = taken.revoked_loads === 0 ? "" : `; ${counted(taken.revoked_loads, "load", "loads")} overtaken`;
    say(`Cleared ${counted(taken.matched, "entry", "entries")}, ${bytes(taken.bytes)}: ${taken.scope}${overtaken}.`);
    done();
  } catch (error) {
    write(byId("clear-error"), error.message);
  }
}

async function forget() {
  const user = byId("forget-user").value.trim();
  if (user === "") throw new Error("Type the id of the user first: 42 for user::42.");
  const agreed = await confirm({
    title: `Forget the user ${user}?`,
    words: `Everything under user::${user} is taken away in all tiers, with what is tagged by it.`,
    yes: "Forget",
  });
  if (!agreed) return;
  const gone = await post("api/forget", { user });
  say(`Forgot ${gone.user}: ${counted(gone.matched, "entry", "entries")}, ${bytes(gone.bytes)}; left: ${count(gone.left)}.`);
}
