export const $ = (id) => document.getElementById(id);

/** A new element with properties and children; a child may be a node or a text. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Seconds for people: `0.42 s`, `12.30 s`. */
export function seconds(ms, digits = 2) {
  return `${(ms / 1000).toFixed(digits)} s`;
}
