// The question before what cannot be taken back. Owns: the dialog. Never: does what it asks about.

import { byId, write } from "./dom.js";

/// True once somebody has said yes. Escape and everything else is a no.
export function confirm({ title, words, yes }) {
  const dialog = byId("confirm");
  write(byId("confirm-title"), title);
  write(byId("confirm-words"), words);
  write(byId("confirm-yes"), yes);
  dialog.returnValue = "";
  byId("confirm-yes").onclick = () => dialog.close("yes");
  byId("confirm-no").onclick = () => dialog.close("");
  dialog.showModal();
  byId("confirm-no").focus();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
  });
}
