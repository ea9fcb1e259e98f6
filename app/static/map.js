// The map: tiles, footprints and the picked one on a canvas, without WebGL; after map_shapes.js.
// A view is its centre in the mercator world and k, CSS pixels to the world's side.
const SIDE = 256, WAIT = 70, TILES_KEPT = 400, NEAR = 5, SMALL = 4;
const INK = "#1F2933", PAPER = "#EEF0F3", KEEP = "chipscape-map:";
const maps = new WeakMap();

class ChipMap {
  constructor(root) {
    this.root = root;
    this.frame = root.querySelector(".map");
    this.canvas = root.querySelector("canvas");
    this.tip = root.querySelector(".tip");
    this.over = document.createElement("canvas");
    this.images = new Map();
    this.pointers = new Map();
    this.shapes = []; this.byNumber = new Map(); this.index = new Index([]); this.paint = null;
    this.view = null; this.data = null; this.hovered = null; this.picked = null;
    this.waiting = null; this.moved = 0;
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.frame);
    // For who drives the map by a program: where a chip's footprint lies on it, in CSS pixels.
    this.frame.placeOf = (row) => this.placeOf(row);
  }

  /** Take what the page says; what is the same is neither fetched nor parsed again. */
  async update(data, send) {
    const before = this.data;
    this.data = data; this.send = send;
    this.canvas.setAttribute("aria-label", data.label);
    this.root.querySelector(".credit").textContent = data.basemap ? data.credit : "";
    this.watcher.observe(this.frame);
    if (!before || before.scene !== data.scene) { this.view = null; this.waiting = null; }
    this.resize();
    if (this.loaded !== data.shapes) await this.load(data.shapes);
    if (this.data === data && this.painted !== data.paint) await this.colour(data.paint);
    if (this.data !== data) return;
    this.follow();
    this.redraw();
  }
  async load(address) {
    this.shapes = []; this.paint = this.painted = this.loaded = null; this.hovered = null;
    const found = address ? (await (await fetch(address)).json()).features.map(shape) : [];
    if (this.data.shapes !== address) return;
    this.shapes = found; this.loaded = address;
    this.byNumber = new Map(found.map((one) => [one.n, one]));
    this.index = new Index(found);
  }
  async colour(address) {
    const found = address ? await (await fetch(address)).json() : null;
    if (this.data.paint === address) { this.paint = found; this.painted = address; }
  }

  /** Go to what was picked elsewhere, once; else stay where the visitor left the map. */
  follow() {
    const row = this.data.picked, mark = this.markOf(row);
    // Told of an older click than the last one: the page is still on its way to it.
    if (this.waiting !== null && row !== this.waiting) return;
    this.waiting = null;
    this.picked = this.paint && row !== null ? this.shapeOf(row) : null;
    if (!this.picked || sessionStorage.getItem(KEEP + "row") === mark) return;
    sessionStorage.setItem(KEEP + "row", mark);
    const f = this.picked.frame, near = SIDE * 2 ** (this.data.zooms[1] + 1);
    const fill = Math.min(this.width / (f[2] - f[0] || 1e-9), this.height / (f[3] - f[1] || 1e-9));
    this.look((f[0] + f[2]) / 2, (f[1] + f[3]) / 2, Math.min(fill / 4, near));
  }
  markOf(row) {
    return `${this.data.chips}|${row}`;
  }
  shapeOf(row) {
    return this.byNumber.get(this.paint.rows.indexOf(row)) || null;
  }
  placeOf(row) {
    const one = this.paint && this.shapeOf(row);
    if (!one) return null;
    const at = this.canvas.getBoundingClientRect(), [x, y] = this.toScreen(
      (one.frame[0] + one.frame[2]) / 2, (one.frame[1] + one.frame[3]) / 2);
    return [at.left + x, at.top + y];
  }

  resize() {
    this.width = this.frame.clientWidth; this.height = this.frame.clientHeight;
    if (!this.width || !this.data) return;
    this.ratio = window.devicePixelRatio || 1;
    for (const one of [this.canvas, this.over]) {
      one.width = Math.round(this.width * this.ratio);
      one.height = Math.round(this.height * this.ratio);
    }
    if (!this.view) {
      const kept = JSON.parse(sessionStorage.getItem(KEEP + this.data.scene) || "null");
      if (kept) this.look(...kept); else this.fit();
    }
    this.redraw();
  }
  fit() {
    const f = box(this.data.bounds);
    const k = Math.min(this.width / (f[2] - f[0]), this.height / (f[3] - f[1])) * 0.94;
    this.look((f[0] + f[2]) / 2, (f[1] + f[3]) / 2, k);
  }
  look(x, y, k) {
    const [least, most] = this.data.zooms.map((z) => SIDE * 2 ** z);
    this.view = { x, y, k: Math.max(least / 8, Math.min(most * 16, k)) };
    sessionStorage.setItem(KEEP + this.data.scene, JSON.stringify([x, y, this.view.k]));
    this.draw();
    clearTimeout(this.later);
    this.later = setTimeout(() => this.redraw(), WAIT);
  }
  shift(x, y) {
    const { view } = this;
    this.look(view.x - x / view.k, view.y - y / view.k, view.k);
  }
  zoom(times, x = this.width / 2, y = this.height / 2) {
    const [wx, wy] = this.toWorld(x, y), before = this.view.k;
    const k = Math.max(SIDE * 2 ** this.data.zooms[0] / 8,
      Math.min(SIDE * 2 ** this.data.zooms[1] * 16, before * times));
    this.look(wx - (x - this.width / 2) / k, wy - (y - this.height / 2) / k, k);
  }
  toScreen(x, y) {
    const v = this.view;
    return [(x - v.x) * v.k + this.width / 2, (y - v.y) * v.k + this.height / 2];
  }
  toWorld(x, y) {
    const v = this.view;
    return [v.x + (x - this.width / 2) / v.k, v.y + (y - this.height / 2) / v.k];
  }
  seen() {
    return [...this.toWorld(0, 0), ...this.toWorld(this.width, this.height)];
  }

  /** Draw the footprints anew, then all. */
  redraw() {
    if (!this.view || !this.data) return;
    const context = this.over.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (this.data.footprints && this.paint) this.outline(context);
    this.drawnAt = { ...this.view };
    this.draw();
  }
  outline(context) {
    const seen = this.seen(), small = SMALL / this.view.k, groups = new Map();
    for (const one of this.shapes) {
      if (!meets(one.frame, seen)) continue;
      const kind = this.paint.kinds[one.n];
      if (!groups.has(kind)) groups.set(kind, { dots: new Path2D(), lines: new Path2D() });
      const group = groups.get(kind), f = one.frame;
      if (f[2] - f[0] < small && f[3] - f[1] < small) {
        const [x, y] = this.toScreen((f[0] + f[2]) / 2, (f[1] + f[3]) / 2);
        const side = Math.max(2.5, (f[2] - f[0]) * this.view.k);
        group.dots.rect(x - side / 2, y - side / 2, side, side);
      } else this.trace(group.lines, one);
    }
    context.lineWidth = 1.6; context.lineJoin = "round";
    for (const [kind, { dots, lines }] of groups) {
      const [colour, strength] = this.paint.colours[kind];
      context.fillStyle = context.strokeStyle = colour;
      context.globalAlpha = 0.16 * strength; context.fill(lines);
      context.globalAlpha = strength; context.stroke(lines); context.fill(dots);
    }
    context.globalAlpha = 1;
  }
  trace(path, one) {
    for (const { at, closed } of one.parts) {
      if (at.length === 1) {
        const [x, y] = this.toScreen(...at[0]);
        path.moveTo(x + 5, y); path.arc(x, y, 5, 0, 2 * Math.PI);
        continue;
      }
      at.forEach(([x, y], i) => path[i ? "lineTo" : "moveTo"](...this.toScreen(x, y)));
      if (closed) path.closePath();
    }
  }

  draw() {
    if (this.frameAsked) return;
    this.frameAsked = true;
    requestAnimationFrame(() => { this.frameAsked = false; this.render(); });
  }
  render() {
    if (!this.view || !this.data) return;
    const context = this.canvas.getContext("2d"), { view, data } = this;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.fillStyle = PAPER; context.fillRect(0, 0, this.width, this.height);
    this.missing = 0;
    if (data.basemap) this.lay(context, data.basemap, [0, 19], [0, 0, 1, 1]);
    if (data.image) {
      context.globalAlpha = data.opacity;
      this.lay(context, data.tiles, data.zooms, box(data.bounds));
      context.globalAlpha = 1;
    }
    const at = this.drawnAt;
    if (at) {
      const s = view.k / at.k;
      const x = (at.x - view.x) * view.k + this.width / 2 - (this.width / 2) * s;
      const y = (at.y - view.y) * view.k + this.height / 2 - (this.height / 2) * s;
      context.drawImage(this.over, x, y, this.width * s, this.height * s);
    }
    if (data.footprints && this.hovered) this.mark(context, this.hovered, [["#FFFFFF", 2.5]]);
    if (this.picked) this.mark(context, this.picked, [["#FFFFFF", 6], [INK, 2.5]]);
    this.scale();
    this.frame.dataset.ready = String(!this.missing && (!data.shapes || Boolean(this.paint)));
  }
  mark(context, one, strokes) {
    const path = new Path2D();
    this.trace(path, one);
    context.lineJoin = "round";
    for (const [colour, width] of strokes) {
      context.strokeStyle = colour; context.lineWidth = width; context.stroke(path);
    }
  }

  /** Tiles of one source; where one is not here yet, the nearest coarser one that is. */
  lay(context, template, [least, most], bounds) {
    const sharp = Math.round(Math.log2((this.view.k * this.ratio) / SIDE));
    const z = Math.max(least, Math.min(most, sharp)), n = 2 ** z, seen = this.seen();
    const part = [0, 1, 2, 3].map((i) => Math[i < 2 ? "max" : "min"](seen[i], bounds[i]));
    if (part[0] >= part[2] || part[1] >= part[3]) return;
    context.imageSmoothingEnabled = sharp <= most;
    for (let y = Math.floor(part[1] * n); y < Math.ceil(part[3] * n); y++)
      for (let x = Math.floor(part[0] * n); x < Math.ceil(part[2] * n); x++) {
        this.want(template, z, x, y);
        for (let up = 0; up <= z - least; up++) {
          const image = this.images.get(`${template}|${z - up}/${x >> up}/${y >> up}`);
          if (!image || !image.there) continue;
          const share = SIDE / 2 ** up, mask = 2 ** up - 1;
          const [left, top] = this.edge(x / n, y / n);
          const [right, low] = this.edge((x + 1) / n, (y + 1) / n);
          context.drawImage(image, (x & mask) * share, (y & mask) * share, share, share,
            left, top, right - left, low - top);
          break;
        }
      }
  }
  /** A place on the screen, on a whole device pixel: tiles meet without seams. */
  edge(x, y) {
    return this.toScreen(x, y).map((v) => Math.round(v * this.ratio) / this.ratio);
  }
  want(template, z, x, y) {
    const name = `${template}|${z}/${x}/${y}`;
    const kept = this.images.get(name);
    if (kept) {
      this.images.delete(name); this.images.set(name, kept);
      if (!kept.there && !kept.failed) this.missing++;
      return;
    }
    const image = new Image();
    this.images.set(name, image); this.missing++;
    if (this.images.size > TILES_KEPT) this.images.delete(this.images.keys().next().value);
    image.onload = () => { image.there = true; this.draw(); };
    image.onerror = () => { image.failed = true; this.draw(); };
    image.src = template.replace("{z}", z).replace("{x}", x).replace("{y}", y);
  }
  scale() {
    const { metres } = this.data, f = box(this.data.bounds);
    // Metres, or scene pixels, to a pixel of the screen: along the scene's width on the map.
    const each = metres / ((f[2] - f[0]) * this.view.k), most = each * 110;
    const power = 10 ** Math.floor(Math.log10(most));
    const long = [5, 2, 1].map((m) => m * power).find((m) => m <= most) || power;
    const bar = this.root.querySelector(".scale");
    bar.style.width = `${long / each}px`;
    const unit = this.data.unit;
    bar.textContent = unit === "m" && long >= 1000 ? `${long / 1000} km` : `${long} ${unit}`;
  }
}
