// The map: tiles, footprints and the picked chip on a canvas; loaded after map_shapes.js.
// A view has its centre (x, y) in the world, and k: the world's side in CSS pixels.
const SIDE = 256, WAIT = 70, TILES_KEPT = 400, NEAR = 5, SMALL = 4, TINY = 14;
const INK = "#1F2933", DOT = "#0B6E6E", KEEP = "chipscape-map:";
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
    this.shapes = []; this.index = new Index([]); this.paint = null; this.byChip = new Map();
    this.view = null; this.data = null; this.hovered = null; this.picked = null;
    this.waiting = null; this.moved = 0; this.selected = new Set(); this.cursor = null;
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.frame);
    // For tests: the position of a chip's footprint on the page, in CSS pixels.
    this.frame.positionOf = (chip) => this.positionOf(chip);
  }

  /** Apply the data from the page; texts that have not changed are not fetched again. */
  async update(data, send) {
    const before = this.data;
    this.data = data; this.send = send;
    this.bounds = union(data.scenes.map((scene) => box(scene.bounds)));
    const all = data.scenes.flatMap((scene) => scene.zooms);
    this.zooms = [Math.min(...all), Math.max(...all)];
    this.canvas.setAttribute("aria-label", data.label);
    this.root.querySelector(".credit").textContent = data.basemap ? data.credit : "";
    this.watcher.observe(this.frame);
    if (!before || before.scene !== data.scene) { this.view = null; this.waiting = null; }
    this.resize();
    if (this.loaded !== data.shapes) await this.load(data.shapes);
    if (this.data === data && this.painted !== data.paint) await this.colour(data.paint);
    if (this.data === data && this.chosen !== data.selected) await this.choose(data.selected);
    if (this.data !== data) return;
    this.follow();
    this.redraw();
  }
  async load(address) {
    this.shapes = []; this.paint = this.painted = this.loaded = null; this.hovered = null;
    this.byChip = new Map(); this.cursor = null; this.chosen = null; this.selected = new Set();
    const shapes = address ? (await (await fetch(address)).json()).features.map(parseShape) : [];
    if (this.data.shapes !== address) return;
    this.shapes = shapes; this.loaded = address;
    this.index = new Index(shapes);
  }
  async colour(address) {
    const paint = address ? await (await fetch(address)).json() : null;
    if (this.data.paint !== address) return;
    this.paint = paint; this.painted = address;
    const byNumber = new Map(this.shapes.map((shape) => [shape.n, shape]));
    const chips = paint ? paint.chips : [];
    this.byChip = new Map(chips.map((chip, n) => [chip, byNumber.get(n)]));
  }

  async choose(address) {
    const numbers = address ? await (await fetch(address)).json() : [];
    if (this.data.selected !== address) return;
    this.selected = new Set(numbers); this.chosen = address;
  }

  /** Move once to a chip that was picked on another page; otherwise keep the view. */
  follow() {
    const chip = this.data.picked;
    // The page has not yet responded to the last click.
    if (this.waiting !== null && chip !== this.waiting) return;
    this.waiting = null;
    this.picked = this.byChip.get(chip) || null;
    if (!this.picked || sessionStorage.getItem(KEEP + "chip") === this.markOf(chip)) return;
    sessionStorage.setItem(KEEP + "chip", this.markOf(chip));
    const f = this.picked.frame, near = SIDE * 2 ** (this.zoomsAt(f)[1] + 1);
    const fill = Math.min(this.width / (f[2] - f[0] || 1e-9), this.height / (f[3] - f[1] || 1e-9));
    this.look((f[0] + f[2]) / 2, (f[1] + f[3]) / 2, Math.min(fill / 4, near));
  }
  markOf(chip) {
    return `${this.data.scene}|${chip}`;
  }
  positionOf(chip) {
    const shape = this.byChip.get(chip);
    if (!shape) return null;
    const f = shape.frame, canvas = this.canvas.getBoundingClientRect();
    const [x, y] = this.toScreen((f[0] + f[2]) / 2, (f[1] + f[3]) / 2);
    return [canvas.left + x, canvas.top + y];
  }

  resize() {
    this.width = this.frame.clientWidth; this.height = this.frame.clientHeight;
    if (!this.width || !this.data) return;
    this.ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.over]) {
      canvas.width = Math.round(this.width * this.ratio);
      canvas.height = Math.round(this.height * this.ratio);
    }
    if (!this.view) {
      const saved = JSON.parse(sessionStorage.getItem(KEEP + this.data.scene) || "null");
      if (saved) this.look(...saved); else this.fit();
    }
    this.redraw();
  }
  /** The zooms of the scene nearest to a frame. */
  zoomsAt(frame) {
    return this.sceneAt((frame[0] + frame[2]) / 2, (frame[1] + frame[3]) / 2).zooms;
  }
  sceneAt(x, y) {
    const distance = ({ bounds }) => {
      const f = box(bounds);
      return Math.hypot(Math.max(f[0] - x, 0, x - f[2]), Math.max(f[1] - y, 0, y - f[3]));
    };
    return this.data.scenes.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  }
  /** The least and the greatest k: from all scenes in a corner to pixels of a finger's width. */
  range() {
    const [least, most] = this.zooms.map((z) => SIDE * 2 ** z);
    const f = this.bounds;
    const fit = Math.min(this.width / (f[2] - f[0]), this.height / (f[3] - f[1]));
    return [Math.min(least / 8, fit / 4), most * 16];
  }
  fit(f = this.bounds) {
    const k = Math.min(this.width / (f[2] - f[0]), this.height / (f[3] - f[1])) * 0.94;
    this.look((f[0] + f[2]) / 2, (f[1] + f[3]) / 2, k);
  }
  look(x, y, k) {
    const [least, most] = this.range();
    this.view = { x, y, k: Math.max(least, Math.min(most, k)) };
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
    const [least, most] = this.range(), k = Math.max(least, Math.min(most, before * times));
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
  visibleFrame() {
    return [...this.toWorld(0, 0), ...this.toWorld(this.width, this.height)];
  }

  /** Draw the footprints again, then everything. */
  redraw() {
    if (!this.view || !this.data) return;
    const context = this.over.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (this.data.footprints && this.paint) this.outline(context);
    this.drawnView = { ...this.view };
    this.draw();
  }
  outline(context) {
    const visible = this.visibleFrame(), small = SMALL / this.view.k, groups = new Map();
    const halo = new Path2D(), hasSelection = this.selected.size > 0;
    for (const shape of this.shapes) {
      if (!meets(shape.frame, visible)) continue;
      const isSelected = this.selected.has(shape.n);
      const kind = `${this.paint.kinds[shape.n]} ${isSelected}`;
      if (isSelected) this.trace(halo, shape);
      if (!groups.has(kind)) groups.set(kind, { dots: new Path2D(), lines: new Path2D() });
      const group = groups.get(kind), f = shape.frame;
      if (f[2] - f[0] < small && f[3] - f[1] < small) {
        const [x, y] = this.toScreen((f[0] + f[2]) / 2, (f[1] + f[3]) / 2);
        const side = Math.max(2.5, (f[2] - f[0]) * this.view.k);
        group.dots.rect(x - side / 2, y - side / 2, side, side);
      } else this.trace(group.lines, shape);
    }
    context.lineJoin = "round"; context.lineWidth = 5; context.strokeStyle = "#FFFFFF";
    context.stroke(halo);
    for (const [kind, { dots, lines }] of groups) {
      const [number, isSelected] = kind.split(" ");
      const [colour, full] = this.paint.colours[number];
      const opacity = hasSelection && isSelected === "false" ? 0.45 * full : full;
      context.lineWidth = isSelected === "true" ? 2.6 : 1.6;
      context.fillStyle = context.strokeStyle = colour;
      context.globalAlpha = 0.16 * opacity; context.fill(lines);
      context.globalAlpha = opacity; context.stroke(lines); context.fill(dots);
    }
    context.globalAlpha = 1;
  }
  trace(path, shape) {
    for (const { points, closed } of shape.parts) {
      if (points.length === 1) {
        const [x, y] = this.toScreen(...points[0]);
        path.moveTo(x + 5, y); path.arc(x, y, 5, 0, 2 * Math.PI);
        continue;
      }
      points.forEach(([x, y], i) => path[i ? "lineTo" : "moveTo"](...this.toScreen(x, y)));
      if (closed) path.closePath();
    }
  }

  draw() {
    if (this.isRequested) return;
    this.isRequested = true;
    requestAnimationFrame(() => { this.isRequested = false; this.render(); });
  }
  render() {
    if (!this.view || !this.data) return;
    const context = this.canvas.getContext("2d"), { view, data } = this;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    this.missing = 0;
    if (data.basemap) this.drawTiles(context, data.basemap, [0, 19], [0, 0, 1, 1]);
    if (data.image) {
      context.globalAlpha = data.opacity;
      for (const scene of data.scenes)
        this.drawTiles(context, scene.tiles, scene.zooms, box(scene.bounds));
      context.globalAlpha = 1;
    }
    this.dots(context);
    const drawn = this.drawnView;
    if (drawn) {
      const s = view.k / drawn.k;
      const x = (drawn.x - view.x) * view.k + this.width / 2 - (this.width / 2) * s;
      const y = (drawn.y - view.y) * view.k + this.height / 2 - (this.height / 2) * s;
      context.drawImage(this.over, x, y, this.width * s, this.height * s);
    }
    if (data.footprints && this.hovered) this.mark(context, this.hovered, [["#FFFFFF", 2.5]]);
    if (this.picked) this.mark(context, this.picked, [["#FFFFFF", 6], [INK, 2.5]]);
    if (this.cursor && this.hasFocus)
      this.mark(context, this.cursor, [[INK, 5], ["#FFFFFF", 2]]);
    if (data.footprints) for (const [chip, sign] of data.signs) this.badge(context, this.byChip.get(chip), sign);
    this.scale();
    this.frame.dataset.ready = String(!this.missing && (!data.shapes || Boolean(this.paint)));
  }
  /** Draw a dot for each scene that is too small to be seen, if there are several. */
  dots(context) {
    for (const scene of this.data.scenes.length > 1 ? this.data.scenes : []) {
      if (!this.isTiny(scene)) continue;
      const f = box(scene.bounds), [x, y] = this.toScreen((f[0] + f[2]) / 2, (f[1] + f[3]) / 2);
      context.beginPath(); context.arc(x, y, TINY / 2, 0, 2 * Math.PI);
      context.fillStyle = DOT; context.fill();
    }
  }
  isTiny({ bounds }) {
    const f = box(bounds);
    return Math.max(f[2] - f[0], f[3] - f[1]) * this.view.k < TINY;
  }
  /** Write the sign of an example in the middle of its footprint, if it is on the map. */
  badge(context, shape, sign) {
    if (!shape) return;
    const f = shape.frame, [x, y] = this.toScreen((f[0] + f[2]) / 2, (f[1] + f[3]) / 2);
    context.fillStyle = "#FFFFFF"; context.fillRect(x - 7, y - 8, 14, 16);
    context.fillStyle = INK; context.fillRect(x - 6, y - 7, 12, 14);
    context.fillStyle = "#FFFFFF"; context.font = "bold 13px sans-serif";
    context.textAlign = "center"; context.textBaseline = "middle"; context.fillText(sign, x, y + 0.5);
  }
  mark(context, shape, strokes) {
    const path = new Path2D();
    this.trace(path, shape);
    context.lineJoin = "round";
    for (const [colour, width] of strokes) {
      context.strokeStyle = colour; context.lineWidth = width; context.stroke(path);
    }
  }

  /** Draw the tiles of a source; a tile that is still loading is replaced by a coarser one. */
  drawTiles(context, template, [least, most], bounds) {
    const sharp = Math.round(Math.log2((this.view.k * this.ratio) / SIDE));
    const z = Math.max(least, Math.min(most, sharp)), n = 2 ** z, visible = this.visibleFrame();
    const part = [0, 1, 2, 3].map((i) => Math[i < 2 ? "max" : "min"](visible[i], bounds[i]));
    if (part[0] >= part[2] || part[1] >= part[3]) return;
    context.imageSmoothingEnabled = sharp <= most;
    for (let y = Math.floor(part[1] * n); y < Math.ceil(part[3] * n); y++)
      for (let x = Math.floor(part[0] * n); x < Math.ceil(part[2] * n); x++) {
        this.request(template, z, x, y);
        for (let up = 0; up <= z - least; up++) {
          const image = this.images.get(`${template}|${z - up}/${x >> up}/${y >> up}`);
          if (!image || !image.isLoaded) continue;
          const share = SIDE / 2 ** up, mask = 2 ** up - 1;
          const [left, top] = this.edge(x / n, y / n);
          const [right, low] = this.edge((x + 1) / n, (y + 1) / n);
          context.drawImage(image, (x & mask) * share, (y & mask) * share, share, share,
            left, top, right - left, low - top);
          break;
        }
      }
  }
  /** A screen position, rounded to a whole device pixel, so that tiles meet without seams. */
  edge(x, y) {
    return this.toScreen(x, y).map((v) => Math.round(v * this.ratio) / this.ratio);
  }
  request(template, z, x, y) {
    const name = `${template}|${z}/${x}/${y}`;
    const known = this.images.get(name);
    if (known) {
      this.images.delete(name); this.images.set(name, known);
      if (!known.isLoaded && !known.hasFailed) this.missing++;
      return;
    }
    const image = new Image();
    this.images.set(name, image); this.missing++;
    if (this.images.size > TILES_KEPT) this.images.delete(this.images.keys().next().value);
    image.onload = () => { image.isLoaded = true; this.draw(); };
    image.onerror = () => { image.hasFailed = true; this.draw(); };
    image.src = template.replace("{z}", z).replace("{x}", x).replace("{y}", y);
  }
  scale() {
    const { width, bounds } = this.sceneAt(this.view.x, this.view.y), f = box(bounds);
    // Metres, or scene pixels, per screen pixel, measured along the scene's width on the map.
    const each = width / ((f[2] - f[0]) * this.view.k), most = each * 110;
    const power = 10 ** Math.floor(Math.log10(most));
    const long = [5, 2, 1].map((m) => m * power).find((m) => m <= most) || power;
    const bar = this.root.querySelector(".scale");
    bar.style.width = `${long / each}px`;
    const unit = this.data.unit;
    bar.textContent = unit === "m" && long >= 1000 ? `${long / 1000} km` : `${long} ${unit}`;
  }
}
