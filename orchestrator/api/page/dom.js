// Makes and changes elements. Text goes in as text only, so nothing that is shown is ever read as markup.

/**
 * Makes an element. Functions become listeners (`onclick`), null and false are left out, true is a bare
 * attribute; children are elements, texts or nothing.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else setAttribute(element, name, value);
  }
  element.append(...present(children));
  return element;
}

/** Sets an attribute, or removes it when the value is null or false; untouched when it stands already. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Sets the text of an element; an equal text is left alone, so that a selection survives a refresh. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Replaces the children of an element by what is shown now. Where nothing has changed, or somebody has selected
 * text in it, it stays as it is: a refresh must not take away what one is about to copy.
 */
export function refill(element, ...children) {
  const selection = getSelection();
  if (!selection.isCollapsed && selection.containsNode(element, true)) return;
  const next = element.cloneNode(false);
  next.append(...present(children));
  if (!next.isEqualNode(element)) element.replaceChildren(...next.childNodes);
}

/** Replaces the children of an element. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== "");
}
