// The legend of a plot: a click on a name shows only this group, and all groups the next time.
const EYE = "M1.5 8C4 3.5 12 3.5 14.5 8 12 12.5 4 12.5 1.5 8zM8 6.2a1.8 1.8 0 1 0 .01 0z";
const CLOSED_EYE = "M1.5 6.5C4 11 12 11 14.5 6.5M4 9.8l-1 1.7M8 10.6v2M12 9.8l1 1.7";
const DASHED = "M2.5 4.5v-2h2M6.5 2.5h3M11.5 2.5h2v2M13.5 6.5v3M13.5 11.5v2h-2M9.5 13.5h-3" +
  "M4.5 13.5h-2v-2M2.5 9.5v-3";
const GRID = "M2.5 2.5h4.5v4.5H2.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5H2.5zM9 9h4.5v4.5H9z";
const PENCIL = "M3 13l.7-3L11 2.7l2.3 2.3L6 12.3zM9.6 4.1l2.3 2.3";

class Legend {
  constructor(root) {
    this.box = root.querySelector(".legend");
  }
  update(data, send) {
    this.send = send;
    const content = JSON.stringify([data.title, data.scale, data.legend]);
    if (content === this.content) return;
    this.content = content;
    const focused = this.box.getRootNode().activeElement?.dataset?.focus;
    this.box.replaceChildren(...(data.scale ? [this.scale(data)] : this.list(data)));
    if (focused) this.box.querySelector(`[data-focus="${focused}"]`)?.focus();
  }
  scale({ title, scale }) {
    const box = make("div", { className: "scale" });
    const bar = make("i");
    bar.style.background = `linear-gradient(to right, ${scale.stops.map(
      ([part, colour]) => `${colour} ${100 * part}%`).join(", ")})`;
    const [low, high] = [scale.low, scale.high].map((text) => make("span", { textContent: text }));
    box.append(make("b", { textContent: title }), low, bar, high);
    return box;
  }
  list({ title, legend }) {
    if (!legend.length) return [];
    const list = make("ul", { ariaLabel: `Legend: ${title}` });
    const visible = legend.filter((entry) => !entry.hidden);
    for (const entry of legend) list.append(this.row(entry, visible));
    return [list];
  }
  row(entry, visible) {
    const row = make("li", { className: entry.hidden ? "off" : "" });
    const only = visible.length === 1 && visible[0] === entry;
    const name = make("button", { type: "button", className: "name", ariaPressed: String(only),
      title: only ? "Show all" : `Show only ${entry.name}` });
    name.dataset.focus = `name ${entry.code}`;
    const swatch = make("i");
    swatch.style.background = entry.colour;
    name.append(swatch, make("span", { textContent: entry.name }),
      make("em", { textContent: entry.count }));
    name.onclick = () => this.send({ kind: "isolate", group: entry.code });
    const verb = entry.hidden ? "Show" : "Hide";
    const eye = this.act(entry, `${verb} ${entry.name}`, entry.hidden ? CLOSED_EYE : EYE, "hide");
    eye.ariaPressed = String(entry.hidden);
    eye.onclick = () => this.send({ kind: "hide", group: entry.code });
    const select = this.act(entry, `Select the chips of ${entry.name}`, DASHED, "select");
    select.disabled = entry.hidden;
    select.onclick = () => this.send({ kind: "group", group: entry.code });
    row.append(name, select, eye);
    if (entry.renamable) {
      const sheet = this.act(entry, `Contact sheet of ${entry.name}`, GRID, "sheet");
      sheet.onclick = () => this.send({ kind: "sheet", group: entry.code });
      row.append(sheet);
      const pencil = this.act(entry, `Rename ${entry.name}`, PENCIL, "rename");
      pencil.onclick = () => this.rename(row, entry);
      row.append(pencil);
    }
    return row;
  }
  act(entry, label, path, focus) {
    const button = make("button", { type: "button", className: "act", title: label,
      ariaLabel: label });
    button.dataset.focus = `${focus} ${entry.code}`;
    button.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${path}"/></svg>`;
    return button;
  }
  rename(row, entry) {
    const field = make("input", { type: "text", value: entry.name, maxLength: 80,
      ariaLabel: `New name of ${entry.name}` });
    const children = [...row.children];
    row.replaceChildren(field);
    field.select(); field.focus();
    let isOver = false;
    const finish = (save) => {
      if (isOver) return;
      isOver = true;
      const name = field.value.trim(), hadFocus = field.getRootNode().activeElement === field;
      row.replaceChildren(...children);
      if (hadFocus) row.querySelector(`[data-focus="rename ${entry.code}"]`).focus();
      if (save && name && name !== entry.name)
        this.send({ kind: "rename", group: entry.code, name });
    };
    field.onkeydown = (e) => {
      if (e.key === "Enter") finish(true);
      else if (e.key === "Escape") finish(false);
      else return;
      e.preventDefault(); e.stopPropagation();
    };
    field.onblur = () => finish(true);
  }
}

function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

const plots = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const type = data.style ? FramePlot : CanvasPlot;
  let parts = plots.get(parentElement);
  if (!parts || !(parts.plot instanceof type)) {
    parts?.plot.pause();
    parts = { plot: new type(parentElement), legend: new Legend(parentElement) };
    plots.set(parentElement, parts);
  }
  const send = (event) => setTriggerValue("event", { ...event, plot: data.plot });
  parts.legend.update(data, send);
  parts.plot.update(data, send).catch((error) => console.warn("The plot is not complete:", error));
  parts.plot.resume();
  // Escape also clears the selection while nothing on the page has the focus.
  const escape = (e) => {
    if (e.key === "Escape" && e.target === document.body) parts.plot.clear();
  };
  document.addEventListener("keydown", escape);
  return () => {
    document.removeEventListener("keydown", escape);
    parts.plot.pause();
  };
}
