// The keyboard on the map: a cursor that moves between footprints; loaded after map_hand.js.
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const centreOf = ({ frame: f }) => [(f[0] + f[2]) / 2, (f[1] + f[3]) / 2];

class KeyboardMap extends InteractiveMap {
  constructor(root) {
    super(root);
    this.live = root.querySelector(".live");
    this.canvas.addEventListener("focus", () => this.focus(true));
    this.canvas.addEventListener("blur", () => this.focus(false));
    this.canvas.addEventListener("keydown", (e) => {
      if (this.view && !e.ctrlKey && !e.altKey && !e.metaKey && this.press(e)) e.preventDefault();
    });
  }
  focus(isOn) {
    // A click also focuses the canvas; the cursor is drawn for the keyboard only.
    this.hasFocus = isOn && this.canvas.matches(":focus-visible");
    this.draw();
  }
  /** Act on a key; return false if the map does not use it. */
  press(e) {
    const direction = DIRECTIONS[e.key];
    this.hasFocus = true;
    if (direction && (e.shiftKey || !this.data.footprints || !this.shapes.length))
      this.shift(-60 * direction[0], -60 * direction[1]);
    else if (direction) this.step(direction);
    else if (e.key === "+" || e.key === "=") this.zoom(1.5);
    else if (e.key === "-") this.zoom(1 / 1.5);
    else if (e.key === "Escape") this.clear();
    else if ((e.key === "Enter" || e.key === " ") && this.cursor) this.act(e.key === " ");
    else return false;
    return true;
  }
  act(isToggle) {
    const chip = this.paint && this.paint.chips[this.cursor.n];
    if (!chip) return;
    if (!isToggle) { this.pick(this.cursor, chip); return; }
    const isSelected = this.selected.has(this.cursor.n);
    this.say(`${isSelected ? "Removed from" : "Added to"} the selection: ${this.describe(this.cursor)}`);
    this.send({ kind: "toggle", chip });
  }
  clear() {
    if (this.corner || this.isBoxing) { this.corner = null; this.stretch(null); this.setTool(false); return; }
    this.cursor = this.picked = null; this.waiting = null;
    this.say("Nothing is picked or selected.");
    this.draw();
    this.send({ kind: "clear" });
  }

  /** Move the cursor to the nearest footprint in a direction, within 45 degrees of it. */
  step([dx, dy]) {
    if (!this.cursor) { this.cursor = this.picked || this.nearest(); this.show(); return; }
    const [x, y] = centreOf(this.cursor);
    let best = null, least = Infinity;
    for (const shape of this.shapes) {
      const [u, v] = centreOf(shape), along = (u - x) * dx + (v - y) * dy;
      const aside = Math.abs((u - x) * dy) + Math.abs((v - y) * dx);
      // Distances aside count twice, so that the cursor keeps to its row or column.
      if (along > 0 && aside <= along && along + 2 * aside < least && shape !== this.cursor) {
        best = shape; least = along + 2 * aside;
      }
    }
    if (!best) { this.say("There is no footprint in this direction."); return; }
    this.cursor = best;
    this.show();
  }
  /** The footprint nearest to the centre of the view. */
  nearest() {
    const distance = (shape) => {
      const [x, y] = centreOf(shape);
      return Math.hypot(x - this.view.x, y - this.view.y);
    };
    return this.shapes.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  }
  /** Announce the cursor, and move the map if the cursor is near the edge or outside. */
  show() {
    const [x, y] = centreOf(this.cursor), [sx, sy] = this.toScreen(x, y), margin = 40;
    const isInside = sx > margin && sy > margin && sx < this.width - margin
      && sy < this.height - margin;
    const f = this.cursor.frame, side = Math.max(f[2] - f[0], f[3] - f[1]);
    // A footprint that is too small to be seen is enlarged, in its scene.
    if (side && side * this.view.k < 2) this.look(x, y, 40 / side);
    else if (!isInside) this.look(x, y, this.view.k);
    this.say(this.describe(this.cursor));
    this.draw();
  }
  describe(shape) {
    const lines = this.paint ? [this.paint.texts[shape.n], this.paint.chips[shape.n]] : [];
    const text = lines.filter(Boolean).join("\n").split("\n").join(", ") || `Footprint ${shape.n + 1}`;
    return this.selected.has(shape.n) ? `${text}, selected` : text;
  }
  say(text) {
    this.live.textContent = text;
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!maps.has(parentElement)) maps.set(parentElement, new KeyboardMap(parentElement));
  const map = maps.get(parentElement);
  map.update(data, (event) => setTriggerValue("event", event));
  return () => map.watcher.disconnect();
}
