// Who is looking. Owns: the token, from the link, from this tab or typed in, and the form for it. Never: shows it, or keeps it
// beyond the tab.

import { byId, onSubmit, show, write } from "./dom.js";
import { get } from "./ask.js";

/// Several admins may share an origin.
const PLACE = `apex-cache token ${location.pathname}`;

/// What a header can carry; all else is no token of any host.
const PLAUSIBLE = /^[\x21-\x7e]+$/;
const WRONG = "Token refused: it is not the token of this admin. It stands where the host was started; type it in once more.";

let token = null;
let told = () => {};

const current = () => token;
export { current as token };

/// Finds the token in the link or in this tab's memory. `changed` is called whenever another is in use from then on.
export function begin(changed) {
  told = changed;
  token = remembered();
  fromLink();
  onSubmit(byId("access-form"), typed);
  byId("forget").addEventListener("click", () => {
    remember(null);
    byId("access-error").textContent = "";
    told();
    byId("token").focus();
  });
}

/// Takes a token out of the link, before anybody else can see it there. True if there was one.
export function fromLink() {
  const link = new URLSearchParams(location.hash.slice(1)).get("token");
  if (link === null) return false;
  history.replaceState(null, "", location.pathname + location.search);
  remember(null);
  if (PLAUSIBLE.test(link)) remember(link);
  else tell(WRONG);
  return true;
}

/// Has the host look at the token, which is given up where it is wrong.
export async function check() {
  if (token === null) return;
  try {
    await get("api/info");
  } catch {
    // Refused is known by now; that nobody answers is told by those who follow.
  }
}

/// What the host says of our rights: counts, keys and changes, or changes by nobody.
export function rights({ token_configured: configured, granted }) {
  document.body.classList.toggle("granted", granted);
  show(byId("access"), !granted);
  show(byId("access-form"), configured);
  show(byId("forget"), granted);
  const words = configured
    ? "You see counts. Keys and changes need the token."
    : "You see counts. This host was started without a token, so keys are hidden and nothing can be changed: set "
      + "APEX_CACHE_ADMIN_TOKEN, or AdminSettings::token.";
  write(byId("access-words"), words);
}

/// The host did not take `used`, or not any more.
export function refused(used, refusal) {
  if (used !== token) return;
  remember(null);
  tell(words(refusal));
  told();
}

async function typed() {
  const input = byId("token");
  const text = input.value.trim();
  input.value = "";
  const problem = await problemOf(text);
  if (problem !== null) {
    tell(problem);
    input.focus();
    return;
  }
  byId("access-error").textContent = "";
  remember(text);
  told();
}

/// Why a token cannot be used; null: it can.
async function problemOf(text) {
  if (text === "") return "Type the token first.";
  if (!PLAUSIBLE.test(text)) return WRONG;
  try {
    await get("api/info", {}, text);
    return null;
  } catch (refusal) {
    return words(refusal);
  }
}

const words = (refusal) => (refusal.kind === "TokenWrong" ? WRONG : `Token not tried: ${refusal.message}`);

/// Emptied first, so that the same words are spoken twice.
function tell(text) {
  byId("access-error").textContent = "";
  requestAnimationFrame(() => { byId("access-error").textContent = text; });
}

/// A tab may be forbidden to remember; then a reload asks again.
function remembered() {
  try {
    return sessionStorage.getItem(PLACE);
  } catch {
    return null;
  }
}

function remember(text) {
  token = text;
  try {
    if (text === null) sessionStorage.removeItem(PLACE);
    else sessionStorage.setItem(PLACE, text);
  } catch {
    // It is in use all the same.
  }
}
