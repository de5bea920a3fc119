// Makes elements.
export const make = (tag, { text, on, ...attributes } = {}, ...children) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  Object.entries(attributes).forEach(([name, value]) => {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(name, value);
  });
  Object.entries(on ?? {}).forEach(([name, handler]) => made.addEventListener(name, handler));
  made.append(...children);
  return made;
};

export const button = (text, handler, attributes = {}) => make("button", { type: "button", text, on: { click: handler }, ...attributes });

export const clock = (seconds) => {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const end = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${end}` : `${minutes}:${end}`;
};

// What is remembered from visit to visit.
export const remembered = (key, otherwise) => {
  try { return { ...otherwise, ...JSON.parse(localStorage.getItem(`dssgan ${key}`)) }; } catch { return { ...otherwise }; }
};
export const remember = (key, value) => {
  try { localStorage.setItem(`dssgan ${key}`, JSON.stringify(value)); } catch { /* nothing is kept in this browser */ }
};

let hiding = null;
// Announces to screen readers what was done.
export const announce = (text) => { document.querySelector("#status").textContent = text; };
// Shows what went wrong, for a while.
export const warn = (error) => {
  const alert = document.querySelector("#alert");
  alert.textContent = error.message ?? String(error);
  alert.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { alert.hidden = true; }, 12000);
};
export const trying = (act) => async (...given) => {
  try { await act(...given); } catch (error) { warn(error); }
};
