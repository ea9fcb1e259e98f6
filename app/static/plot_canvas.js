// Draws any number of points on a canvas; loaded after plot_points.js.
// A view has its centre (x, y) in units of the plot, and k: CSS pixels per unit.
const KEEP = "chipscape-plot:", MARGIN = 0.94, TOOLS = 44, LEVELS = 24, CROWDED = 1.6, CELL = 2;
const ALPHA = { plain: 0.92, faint: 0.5, pale: 0.14 };

class CanvasPlot extends PointPlot {
  constructor(root) {
    super(root);
    this.frame = root.querySelector(".plot");
    this.frame.hidden = false;
    this.canvas = this.target = root.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.over = root.querySelector(".over");
    this.over.hidden = false;
    this.canReveal = true;
    this.tool = "pan";
    this.path = null;
    this.watcher = new ResizeObserver(() => this.resize());
    // For tests: the position of a point on the page, in CSS pixels.
    this.frame.positionOf = (i) => {
      const box = this.canvas.getBoundingClientRect(), [px, py] = this.toScreen(i);
      return [box.left + px, box.top + py];
    };
    this.listen();
  }
  resume() {
    this.watcher.observe(this.frame);
  }
  pause() {
    this.watcher.disconnect();
  }

  // --- the view ----------------------------------------------------------------------------
  refresh() {
    this.canvas.setAttribute("aria-label", `${this.data.label}. ${HELP}`);
    this.path = null;
    if (this.extentOf !== this.data.points) {
      this.extentOf = this.data.points;
      this.extent = extentOf(this.x, this.y);
      const saved = sessionStorage.getItem(KEEP + this.data.plot);
      this.view = saved ? JSON.parse(saved) : null;
    }
    this.isSelected = new Uint8Array(this.x.length);
    for (const row of this.selected) this.isSelected[row] = 1;
    this.colours = null;
    this.resize();
  }
  resize() {
    this.width = this.canvas.clientWidth; this.height = this.canvas.clientHeight;
    if (!this.width || !this.extent) return;
    this.ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.width * this.ratio), height = Math.round(this.height * this.ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width; this.canvas.height = height;
    }
    if (!this.view) this.fit(); else this.look(this.view);
  }
  look(view) {
    this.view = view;
    sessionStorage.setItem(KEEP + this.data.plot, JSON.stringify(view));
    this.draw();
  }
  fullScale() {
    const [west, south, east, north] = this.extent;
    const height = Math.max(1, this.height - TOOLS);
    return MARGIN * Math.min(this.width / (east - west || 1), height / (north - south || 1));
  }
  fit() {
    const [west, south, east, north] = this.extent, k = this.fullScale();
    // The tools in the upper right must not cover a point.
    this.look({ x: (west + east) / 2, y: (south + north) / 2 + TOOLS / 2 / k, k });
  }
  zoom(times, px = this.width / 2, py = this.height / 2) {
    const { x, y, k } = this.view, full = this.fullScale();
    const to = Math.max(full / 2, Math.min(full * 2000, k * times));
    const dx = px - this.width / 2, dy = py - this.height / 2;
    this.look({ x: x + dx / k - dx / to, y: y - dy / k + dy / to, k: to });
  }
  shift(dx, dy) {
    const { x, y, k } = this.view;
    this.look({ x: x - dx / k, y: y + dy / k, k });
  }
  /** Move the view if a point lies outside of it. */
  reveal(i) {
    const [px, py] = this.toScreen(i), edge = 24;
    const inside = px > edge && py > edge && px < this.width - edge && py < this.height - edge;
    if (!inside) this.look({ ...this.view, x: this.x[i], y: this.y[i] });
  }
  origin() {
    return [0, 0];
  }
  size() {
    return [this.width || 0, this.height || 0];
  }
  mapping() {
    if (!this.view) return [0, 0, 0, 0];
    const { x, y, k } = this.view;
    return [k, this.width / 2 - x * k, -k, this.height / 2 + y * k];
  }

  // --- drawing -----------------------------------------------------------------------------
  draw() {
    this.shifted();
    if (this.isRequested) return;
    this.isRequested = true;
    requestAnimationFrame(() => {
      this.isRequested = false;
      if (this.view && this.x.length && this.frame.isConnected) this.render();
    });
  }
  render() {
    const start = performance.now(), { width, height } = this.canvas;
    if (!this.image || this.image.width !== width || this.image.height !== height)
      this.image = this.context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.colours ??= this.mixColours();
    this.pixels.fill(this.colours.paper);
    const points = this.project();
    const spacing = Math.sqrt((width * height) / Math.max(1, points.rows.length));
    const radius = Math.max(1, Math.min(4 * this.ratio, 0.3 * spacing));
    const isCrowded = this.crowding(points) > CROWDED;
    if (isCrowded) this.drawDensity(points); else this.drawPoints(points, radius);
    if (this.selected.length && isCrowded) this.drawPoints(points, Math.max(radius, 1.5), true);
    this.context.putImageData(this.image, 0, 0);
    this.drawMarks();
    Object.assign(this.frame.dataset, { ready: "true", layer: isCrowded ? "density" : "points",
      drawn: String(Date.now()), milliseconds: (performance.now() - start).toFixed(1),
      colours: this.data.codes });
  }
  /** Return the rows of the visible points in the view, and their device pixels. */
  project() {
    const { x, y, codes, ratio } = this, { width, height } = this.canvas, n = x.length;
    if (this.scratch?.rows.length !== n)
      this.scratch = { rows: new Int32Array(n), px: new Int32Array(n), py: new Int32Array(n) };
    const { rows, px, py } = this.scratch, hidden = this.groups.map((group) => group.hidden);
    const [ax, bx, ay, by] = this.mapping().map((v) => v * ratio);
    let count = 0;
    for (let i = 0; i < n; i++) {
      if (hidden[codes[i]]) continue;
      const sx = ax * x[i] + bx, sy = ay * y[i] + by;
      if (sx < 0 || sy < 0 || sx >= width || sy >= height) continue;
      rows[count] = i; px[count] = sx; py[count] = sy; count++;
    }
    return { rows: rows.subarray(0, count), px: px.subarray(0, count), py: py.subarray(0, count) };
  }
  /** Return the mean number of points per occupied cell of four pixels. */
  crowding({ px, py }) {
    const side = Math.max(1, Math.round(4 * this.ratio)), columns = Math.ceil(this.canvas.width / side);
    const used = new Uint8Array(columns * Math.ceil(this.canvas.height / side));
    let n = 0;
    for (let i = 0; i < px.length; i++) {
      const cell = ((py[i] / side) | 0) * columns + ((px[i] / side) | 0);
      if (!used[cell]) { used[cell] = 1; n++; }
    }
    return n ? px.length / n : 0;
  }
  drawPoints({ rows, px, py }, radius, onlySelected = false) {
    const { pixels, codes, isSelected, colours } = this, { width, height } = this.canvas;
    const stamps = SYMBOLS.map((contains) => stamp(contains, radius, width));
    const hasSelection = this.selected.length > 0;
    const kinds = this.groups.map((group) => stamps[Math.max(0, SYMBOL_NAMES.indexOf(group.symbol))]);
    const edge = Math.ceil(radius);
    // Points that stand out are drawn last.
    const passes = onlySelected ? [2] : hasSelection ? [0, 2] : [0, 1];
    for (const pass of passes)
      for (let j = 0; j < rows.length; j++) {
        const i = rows[j], code = codes[i];
        if (hasSelection ? isSelected[i] !== pass / 2 : colours.faint[code] === pass) continue;
        const cx = px[j], cy = py[j], colour =
          (!hasSelection ? colours.plain : isSelected[i] ? colours.full : colours.pale)[code];
        if (cx < edge || cy < edge || cx >= width - edge || cy >= height - edge) continue;
        const at = cy * width + cx, offsets = kinds[code];
        for (let k = 0; k < offsets.length; k++) pixels[at + offsets[k]] = colour;
      }
  }
  /** Draw cells whose strength shows how many points they hold, in the colour of most of them. */
  drawDensity({ rows, px, py }) {
    const { pixels, codes, colours } = this, { width, height } = this.canvas;
    const side = Math.max(1, Math.round(CELL * this.ratio)), columns = Math.ceil(width / side);
    const cells = columns * Math.ceil(height / side);
    const counts = new Uint32Array(cells), votes = new Int32Array(cells);
    const leaders = new Uint16Array(cells);
    let most = 1;
    for (let j = 0; j < rows.length; j++) {
      const cell = ((py[j] / side) | 0) * columns + ((px[j] / side) | 0), code = codes[rows[j]];
      if (++counts[cell] > most) most = counts[cell];
      // The majority vote of Boyer and Moore (1991) needs one counter per cell.
      if (votes[cell] === 0) { leaders[cell] = code; votes[cell] = 1; }
      else votes[cell] += leaders[cell] === code ? 1 : -1;
    }
    const scale = (LEVELS - 1) / Math.log1p(most), levels = this.selected.length
      ? colours.paleLevels : colours.levels;
    for (let cell = 0; cell < cells; cell++) {
      if (!counts[cell]) continue;
      const level = Math.round(Math.log1p(counts[cell]) * scale);
      const colour = levels[leaders[cell] * LEVELS + level];
      const left = (cell % columns) * side, top = Math.floor(cell / columns) * side;
      const right = Math.min(left + side, width), bottom = Math.min(top + side, height);
      for (let y = top; y < bottom; y++) pixels.fill(colour, y * width + left, y * width + right);
    }
  }
  /** Mix every colour with the background once, because mixing it at each point would be slow. */
  mixColours() {
    const style = getComputedStyle(this.frame), paper = rgb(style.backgroundColor);
    const n = this.groups.length, tables = { paper: pack(paper), faint: new Uint8Array(n) };
    for (const name of ["plain", "full", "pale"]) tables[name] = new Uint32Array(n);
    for (const name of ["levels", "paleLevels"]) tables[name] = new Uint32Array(n * LEVELS);
    this.groups.forEach(({ colour, faint }, code) => {
      const ink = rgb(colour), mix = (part) => pack(ink.map((v, i) => part * v + (1 - part) * paper[i]));
      tables.faint[code] = faint ? 1 : 0;
      tables.plain[code] = mix(faint ? ALPHA.faint : ALPHA.plain);
      tables.full[code] = mix(1);
      tables.pale[code] = mix(ALPHA.pale);
      for (let level = 0; level < LEVELS; level++) {
        const part = 0.4 + (0.6 * level) / (LEVELS - 1);
        tables.levels[code * LEVELS + level] = mix(faint ? 0.6 * part : part);
        tables.paleLevels[code * LEVELS + level] = mix(0.22 * part);
      }
    });
    return tables;
  }
  /** Draw the ring of the picked point, and the box or lasso. */
  drawMarks() {
    const { context } = this, { picked } = this.data, style = getComputedStyle(this.frame);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const ink = style.getPropertyValue("--st-text-color") || "#000";
    if (picked !== null && this.isVisible(picked)) {
      const [px, py] = this.toScreen(picked);
      for (const [colour, wide] of [[style.backgroundColor, 5], [ink, 2.2]]) {
        context.beginPath(); context.arc(px, py, 9, 0, 2 * Math.PI);
        context.strokeStyle = colour; context.lineWidth = wide; context.stroke();
      }
    }
    context.font = "bold 13px sans-serif"; context.textAlign = "center"; context.textBaseline = "middle";
    for (const [row, sign] of this.data.signs) {
      if (!this.isVisible(row)) continue;
      const [px, py] = this.toScreen(row);
      context.fillStyle = style.backgroundColor; context.fillRect(px - 7, py - 21, 14, 16);
      context.fillStyle = ink; context.fillRect(px - 6, py - 20, 12, 14);
      context.fillStyle = style.backgroundColor; context.fillText(sign, px, py - 12.5);
    }
    if (this.path) {
      context.beginPath();
      this.path.forEach(([px, py], i) => context[i ? "lineTo" : "moveTo"](px, py));
      context.closePath();
      context.setLineDash([5, 4]);
      context.strokeStyle = ink; context.lineWidth = 1.4; context.stroke();
      context.setLineDash([]);
    }
  }

  // --- the pointer -------------------------------------------------------------------------
  listen() {
    const { canvas } = this, pointers = new Map();
    const position = (e) => positionOn(canvas, e);
    listenToWheel(canvas, (...step) => { if (this.view) this.zoom(...step); });
    canvas.addEventListener("pointerdown", (e) => {
      if (e.button || !this.view) return;
      canvas.setPointerCapture(e.pointerId);
      pointers.set(e.pointerId, position(e));
      if (pointers.size === 1) { this.press(...position(e)); this.beginPath(e.shiftKey); }
    });
    canvas.addEventListener("pointermove", (e) => {
      if (!this.view) return;
      const before = pointers.get(e.pointerId), current = position(e);
      if (!before) { this.hover(...current); return; }
      pointers.set(e.pointerId, current);
      const step = pinch(pointers, e.pointerId, before, current);
      if (step) this.zoom(...step);
      else if (this.path) this.extendPath(current);
      else this.shift(current[0] - before[0], current[1] - before[1]);
    });
    canvas.addEventListener("pointerup", (e) => {
      if (!pointers.delete(e.pointerId) || pointers.size) return;
      const { path } = this;
      this.path = path && path.length > 2 ? path : null;
      if (this.path) { this.pressed = null; this.select(path.map(([px, py]) => this.toPlot(px, py))); }
      else this.release(...position(e));
      this.draw();
    });
    canvas.addEventListener("pointercancel", (e) => {
      pointers.delete(e.pointerId); this.path = this.pressed = null; this.draw();
    });
    canvas.addEventListener("pointerleave", () => this.hideTip());
    canvas.addEventListener("dblclick", () => { if (this.view) this.fit(); });
    canvas.addEventListener("keydown", (e) => { if (this.view) this.keydown(e); });
    const acts = { in: () => this.zoom(2), out: () => this.zoom(0.5), all: () => this.fit() };
    const buttons = [...this.root.querySelectorAll(".tools button")];
    for (const button of buttons)
      button.onclick = () => {
        const { act, tool } = button.dataset;
        if (act) { if (this.view) acts[act](); return; }
        this.tool = tool;
        for (const other of buttons)
          if (other.dataset.tool) other.ariaPressed = String(other === button);
        this.point(false);
      };
  }
  point(isOver) {
    this.canvas.style.cursor = isOver ? "pointer" : this.tool === "pan" ? "grab" : "crosshair";
  }
  beginPath(isBox) {
    const tool = isBox && this.tool === "pan" ? "box" : this.tool;
    this.path = tool === "pan" ? null : [];
    this.isBox = tool === "box";
  }
  extendPath([px, py]) {
    const [x0, y0] = this.pressed, last = this.path[this.path.length - 1] || [x0, y0];
    if (Math.hypot(px - last[0], py - last[1]) < 3) return;
    if (this.isBox) this.path = [[x0, y0], [px, y0], [px, py], [x0, py]];
    else this.path.push([px, py]);
    this.draw();
  }
  toPlot(px, py) {
    const [ax, bx, ay, by] = this.mapping();
    return [(px - bx) / ax, (py - by) / ay];
  }
  forgetOutline() {
    this.path = null;
    if (this.view) this.draw();
  }
}

function extentOf(x, y) {
  const extent = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < x.length; i++) {
    if (x[i] < extent[0]) extent[0] = x[i];
    if (y[i] < extent[1]) extent[1] = y[i];
    if (x[i] > extent[2]) extent[2] = x[i];
    if (y[i] > extent[3]) extent[3] = y[i];
  }
  return extent;
}
const SYMBOL_NAMES = ["circle", "diamond", "square", "triangle-up"];
const SYMBOLS = [
  (x, y, r) => x * x + y * y <= r * (r + 0.6),
  (x, y, r) => Math.abs(x) + Math.abs(y) <= 1.25 * r,
  (x, y, r) => Math.max(Math.abs(x), Math.abs(y)) <= 0.85 * r,
  (x, y, r) => y <= 0.7 * r && y >= 2 * Math.abs(x) - r,
];
/** Return the offsets of a marker's pixels in an image of some width. */
function stamp(contains, radius, width) {
  const edge = Math.ceil(radius), offsets = [];
  for (let y = -edge; y <= edge; y++)
    for (let x = -edge; x <= edge; x++) if (contains(x, y, radius)) offsets.push(y * width + x);
  return offsets;
}
/** Return red, green and blue of "#rrggbb" or "rgb(r, g, b)". */
function rgb(text) {
  if (text[0] === "#") return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
  return text.match(/[\d.]+/g).slice(0, 3).map(Number);
}
/** Return a colour as a pixel of an ImageData; browsers run on little-endian machines only. */
function pack([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
