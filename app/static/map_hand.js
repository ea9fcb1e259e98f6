// Hovering, clicking, dragging and zooming on the map; loaded after map.js.
class InteractiveMap extends ChipMap {
  constructor(root) {
    super(root);
    this.listen();
  }
  shapeAt(x, y) {
    if (!this.data.footprints || !this.paint) return null;
    const [wx, wy] = this.toWorld(x, y), r = NEAR / this.view.k;
    const near = [...this.index.near([wx - r, wy - r, wx + r, wy + r])];
    const under = near.filter((s) => contains(s, wx, wy)).sort((a, b) => area(a) - area(b));
    if (under.length) return under[0];
    const distances = near.map((s) => [distanceTo(s, wx, wy), s]).sort((a, b) => a[0] - b[0]);
    return distances.length && distances[0][0] < r ? distances[0][1] : null;
  }
  hover(x, y) {
    const shape = this.shapeAt(x, y);
    this.canvas.style.cursor = shape ? "pointer" : "grab";
    if (shape !== this.hovered) { this.hovered = shape; this.draw(); }
    this.tip.hidden = !shape;
    if (!shape) return;
    const lines = [this.paint.texts[shape.n], this.paint.chips[shape.n]];
    this.tip.textContent = lines.filter(Boolean).join("\n");
    const left = Math.min(x + 14, this.width - this.tip.offsetWidth - 6);
    this.tip.style.transform = `translate(${Math.max(4, left)}px, ${
      y + 16 + this.tip.offsetHeight > this.height ? y - this.tip.offsetHeight - 8 : y + 16}px)`;
  }
  click(x, y) {
    const shape = this.shapeAt(x, y), chip = shape && this.paint.chips[shape.n];
    if (!chip) return;
    this.picked = shape; this.waiting = chip;
    sessionStorage.setItem(KEEP + "chip", this.markOf(chip));
    this.draw();
    this.send(chip);
  }

  listen() {
    const { canvas, pointers } = this;
    const position = (e) => {
      const box = canvas.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      if (this.view) this.zoom(2 ** (-e.deltaY / (e.deltaMode ? 9 : 300)), ...position(e));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (e) => {
      canvas.setPointerCapture(e.pointerId);
      pointers.set(e.pointerId, position(e)); this.moved = 0;
    });
    canvas.addEventListener("pointermove", (e) => {
      if (!this.view) return;
      const current = position(e), before = pointers.get(e.pointerId);
      if (!before) { this.hover(...current); return; }
      const other = [...pointers].find(([id]) => id !== e.pointerId);
      pointers.set(e.pointerId, current);
      const shift = [current[0] - before[0], current[1] - before[1]];
      this.moved += Math.hypot(...shift);
      if (this.moved < 3) return;
      this.tip.hidden = true;
      if (other) {
        const span = (p) => Math.hypot(p[0] - other[1][0], p[1] - other[1][1]) || 1;
        this.zoom(span(current) / span(before), ...other[1]);
      } else this.shift(...shift);
    });
    const up = (e) => {
      const pressed = pointers.delete(e.pointerId);
      if (e.type === "pointerup" && pressed && this.moved < 3 && this.view) this.click(...position(e));
    };
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, up);
    canvas.addEventListener("pointerleave", () => {
      this.tip.hidden = true; this.hovered = null; this.draw();
    });
    canvas.addEventListener("keydown", (e) => {
      const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60],
        ArrowDown: [0, -60] };
      if (!this.view) return;
      if (steps[e.key]) this.shift(...steps[e.key]);
      else if (e.key === "+" || e.key === "=") this.zoom(1.5);
      else if (e.key === "-") this.zoom(1 / 1.5);
      else return;
      e.preventDefault();
    });
    const press = (name, call) => this.root.querySelector(name).addEventListener("click", call);
    press(".in", () => this.zoom(2));
    press(".out", () => this.zoom(0.5));
    press(".all", () => this.fit());
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!maps.has(parentElement)) maps.set(parentElement, new InteractiveMap(parentElement));
  const map = maps.get(parentElement);
  map.update(data, (chip) => setTriggerValue("picked", chip));
  return () => map.watcher.disconnect();
}
