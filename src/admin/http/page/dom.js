// Elements. Owns: how they are made and kept. Never: reads markup from text; all text becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/// An element of HTML: h("a", { href: "#x", onclick: go }, "text", child).
export const h = (name, attributes = {}, ...children) =>
  fill(document.createElement(name), attributes, children);

/// The same of SVG.
export const s = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

/// Sets a text only where it changes, so that a selection or a screen reader is left alone.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

const kept = new WeakMap();

/// Has one child in `parent` for each item, in their order. A child whose item stays is kept and told of it, so that focus
/// stays where it is. `make(item)` gives { node, update(item) }.
export function keyed(parent, items, keyOf, make) {
  const before = kept.get(parent) ?? new Map();
  const now = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    const child = before.get(key) ?? make(item);
    now.set(key, child);
    child.update(item);
    if (child.node === place) place = place.nextSibling;
    else parent.insertBefore(child.node, place);
  }
  for (const [key, child] of before) if (now.get(key) !== child) child.node.remove();
  kept.set(parent, now);
}

/// Says something to everybody, screen readers too, until something else is said.
export function say(text, isBad = false) {
  const said = byId("said");
  said.classList.toggle("bad", isBad);
  write(byId("said-text"), text);
  show(said, text !== "");
}

/// Has a form do `work` in place of being sent, and its button rest meanwhile. What fails is said.
export function onSubmit(form, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await busy(event.submitter ?? form.querySelector("button"), work);
  });
}

/// Does `work` while `button` cannot be pressed again. It keeps its focus: a disabled button would lose it.
export async function busy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } catch (error) {
    say(error.message, true);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}
