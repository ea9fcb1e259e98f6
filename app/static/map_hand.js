// Hovering, clicking, dragging, boxes and zooming on the map; loaded after map.js.
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
    if (!this.isBoxing) this.canvas.style.cursor = shape ? "pointer" : "grab";
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
    const scene = this.sceneAt(...this.toWorld(x, y)), f = box(scene.bounds);
    const [left, top] = this.toScreen(f[0], f[1]), away = Math.hypot(left - x, top - y);
    if (this.data.scenes.length > 1 && this.isTiny(scene) && away < TINY) { this.fit(f); return; }
    const shape = this.shapeAt(x, y), chip = shape && this.paint.chips[shape.n];
    if (chip) this.pick(shape, chip);
  }
  pick(shape, chip) {
    this.picked = this.cursor = shape; this.waiting = chip;
    sessionStorage.setItem(KEEP + "chip", this.markOf(chip));
    this.draw();
    this.send({ kind: "pick", chip });
  }
  /** Draw the box between two positions on the screen, or remove it. */
  stretch(from, to) {
    const rubber = this.root.querySelector(".rubber");
    rubber.hidden = !from;
    if (!from) return;
    const [x, y] = [0, 1].map((i) => Math.min(from[i], to[i]));
    const [w, h] = [0, 1].map((i) => Math.abs(from[i] - to[i]));
    rubber.style.transform = `translate(${x}px, ${y}px)`;
    rubber.style.width = `${w}px`; rubber.style.height = `${h}px`;
  }
  selectBox(from, to) {
    const corners = [from, to].map((position) => this.toWorld(...position));
    const [left, right] = corners.map(([x]) => x).sort((a, b) => a - b);
    const [top, bottom] = corners.map(([, y]) => y).sort((a, b) => a - b);
    this.send({ kind: "box", box: [lonOf(left), latOf(bottom), lonOf(right), latOf(top)] });
  }
  setTool(isOn) {
    this.isBoxing = isOn;
    this.root.querySelector(".select").setAttribute("aria-pressed", String(isOn));
    this.canvas.style.cursor = isOn ? "crosshair" : "grab";
  }

  listen() {
    const { canvas, pointers } = this;
    const position = (e) => positionOn(canvas, e);
    listenToWheel(canvas, (...step) => { if (this.view) this.zoom(...step); });
    canvas.addEventListener("pointerdown", (e) => {
      canvas.setPointerCapture(e.pointerId);
      pointers.set(e.pointerId, position(e)); this.moved = 0;
      const isBox = (e.shiftKey || this.isBoxing) && this.data.footprints && pointers.size === 1;
      this.corner = isBox ? position(e) : null;
    });
    canvas.addEventListener("pointermove", (e) => {
      if (!this.view) return;
      const current = position(e), before = pointers.get(e.pointerId);
      if (!before) { this.hover(...current); return; }
      pointers.set(e.pointerId, current);
      const shift = [current[0] - before[0], current[1] - before[1]];
      this.moved += Math.hypot(...shift);
      if (this.moved < 3) return;
      this.tip.hidden = true;
      if (this.corner) { this.stretch(this.corner, current); return; }
      const step = pinch(pointers, e.pointerId, before, current);
      if (step) this.zoom(...step); else this.shift(...shift);
    });
    const up = (e) => {
      const pressed = pointers.delete(e.pointerId), { corner } = this;
      this.corner = null; this.stretch(null);
      if (corner && e.type === "pointerup" && this.moved >= 3) {
        this.setTool(false);
        this.selectBox(corner, position(e));
      } else if (e.type === "pointerup" && pressed && this.moved < 3 && this.view) this.click(...position(e));
    };
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, up);
    canvas.addEventListener("pointerleave", () => {
      this.tip.hidden = true; this.hovered = null; this.draw();
    });
    const press = (name, call) => this.root.querySelector(name).addEventListener("click", call);
    press(".in", () => this.zoom(2));
    press(".out", () => this.zoom(0.5));
    press(".all", () => this.fit());
    press(".select", () => this.setTool(!this.isBoxing));
  }
}
