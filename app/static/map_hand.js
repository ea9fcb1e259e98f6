// The hand on the map: hovering, clicking, dragging, zooming; after map.js.
class HandledMap extends ChipMap {
  constructor(root) {
    super(root);
    this.listen();
  }
  at(x, y) {
    if (!this.data.footprints || !this.paint) return null;
    const [wx, wy] = this.toWorld(x, y), r = NEAR / this.view.k;
    const some = [...this.index.near([wx - r, wy - r, wx + r, wy + r])];
    const holding = some.filter((one) => inside(one, wx, wy)).sort((a, b) => area(a) - area(b));
    if (holding.length) return holding[0];
    const near = some.map((one) => [away(one, wx, wy), one]).sort((a, b) => a[0] - b[0]);
    return near.length && near[0][0] < r ? near[0][1] : null;
  }
  hover(x, y) {
    const found = this.at(x, y);
    this.canvas.style.cursor = found ? "pointer" : "grab";
    if (found !== this.hovered) { this.hovered = found; this.draw(); }
    this.tip.hidden = !found;
    if (!found) return;
    this.tip.textContent = this.paint.words[found.n];
    const left = Math.min(x + 14, this.width - this.tip.offsetWidth - 6);
    this.tip.style.transform = `translate(${Math.max(4, left)}px, ${
      y + 16 + this.tip.offsetHeight > this.height ? y - this.tip.offsetHeight - 8 : y + 16}px)`;
  }
  click(x, y) {
    const found = this.at(x, y), row = found ? this.paint.rows[found.n] : -1;
    if (row < 0) return;
    this.picked = found; this.waiting = row;
    sessionStorage.setItem(KEEP + "row", this.markOf(row));
    this.draw();
    this.send(row);
  }

  listen() {
    const { canvas, pointers } = this;
    const spot = (e) => {
      const at = canvas.getBoundingClientRect();
      return [e.clientX - at.left, e.clientY - at.top];
    };
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      if (this.view) this.zoom(2 ** (-e.deltaY / (e.deltaMode ? 9 : 300)), ...spot(e));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (e) => {
      canvas.setPointerCapture(e.pointerId);
      pointers.set(e.pointerId, spot(e)); this.moved = 0;
    });
    canvas.addEventListener("pointermove", (e) => {
      if (!this.view) return;
      const now = spot(e), before = pointers.get(e.pointerId);
      if (!before) { this.hover(...now); return; }
      const other = [...pointers].find(([id]) => id !== e.pointerId);
      pointers.set(e.pointerId, now);
      const by = [now[0] - before[0], now[1] - before[1]];
      this.moved += Math.hypot(...by);
      if (this.moved < 3) return;
      this.tip.hidden = true;
      if (other) {
        const span = (p) => Math.hypot(p[0] - other[1][0], p[1] - other[1][1]) || 1;
        this.zoom(span(now) / span(before), ...other[1]);
      } else this.shift(...by);
    });
    const up = (e) => {
      const pressed = pointers.delete(e.pointerId);
      if (e.type === "pointerup" && pressed && this.moved < 3 && this.view) this.click(...spot(e));
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
  if (!maps.has(parentElement)) maps.set(parentElement, new HandledMap(parentElement));
  const map = maps.get(parentElement);
  map.update(data, (row) => setTriggerValue("picked", row));
  return () => map.watcher.disconnect();
}
