// Labelling of land cover: an image to draw regions on, next to its class map. Everything drawn is
// kept here and sent to the page as a list until the page has processed it, so that nothing is lost
// if the page is slower than the user.
const editors = new WeakMap();
const TOOLS = [["superpixel", "Superpixel", "S"], ["rectangle", "Rectangle", "R"], ["freehand", "Freehand", "F"],
  ["remove", "Remove", "X"], ["move", "Move", "M"]];
const HINTS = {
  superpixel: "Click to label the superpixel under the pointer.",
  rectangle: "Drag to label a rectangle.",
  freehand: "Drag along the outline of a region to label it.",
  remove: "Click a region to remove it.",
  move: "Drag to move the image.",
};
const LARGEST_ZOOM = 16, FILL = 0.38;
const BODY = `
<div class="bar">
  <div class="tools" role="radiogroup" aria-label="Tool"></div>
  <button type="button" class="undo">Undo<kbd aria-hidden="true">U</kbd></button>
  <button type="button" class="redo">Redo<kbd aria-hidden="true">Y</kbd></button>
  <label>Opacity of the map <input type="range" min="0" max="1" step="0.05" value="0.7"/></label>
  <span class="state" role="status"></span>
</div>
<div class="classes" role="radiogroup" aria-label="Class"></div>
<div class="body">
  <figure><canvas class="image" tabindex="0" role="img"></canvas><figcaption class="hint"></figcaption></figure>
  <figure><canvas class="map" tabindex="0" role="img"></canvas><figcaption class="note"></figcaption></figure>
</div>`;

class Editor {
  constructor(root) {
    root.innerHTML = BODY;
    this.root = root;
    const find = (selector) => root.querySelector(selector);
    this.canvases = [find("canvas.image"), find("canvas.map")];
    this.opacity = find("input[type=range]"); this.undoButton = find(".undo"); this.redoButton = find(".redo");
    this.instance = crypto.randomUUID?.() || String(Math.random());
    this.log = []; this.tool = "superpixel"; this.pending = [];
    this.toolButtons = TOOLS.map(([name, title, key]) => this.radio(find(".tools"), title, key, () => this.choose(name)));
    this.opacity.oninput = () => this.draw();
    this.undoButton.onclick = () => this.send("undo");
    this.redoButton.onclick = () => this.send("redo");
    for (const canvas of this.canvases) this.listen(canvas);
    root.onkeydown = (event) => this.press(event);
    new ResizeObserver(() => this.draw()).observe(find(".body"));
    this.choose(this.tool);
  }

  radio(parent, title, key, choose, colour) {
    const button = document.createElement("button");
    button.type = "button"; button.setAttribute("role", "radio"); button.onclick = choose;
    if (colour) {
      const swatch = document.createElement("i");
      swatch.style.background = colour;
      button.append(swatch);
    }
    button.append(title);
    if (key) {
      const hint = document.createElement("kbd");
      hint.textContent = key; hint.setAttribute("aria-hidden", "true");
      button.append(hint);
    }
    parent.append(button);
    return button;
  }

  update(data, publish) {
    this.publish = publish;
    if (this.data?.key === data.key) return;
    const isNew = this.data?.patch !== data.patch;
    this.data = data;
    if (isNew) { this.view = { zoom: 1, x: 0, y: 0 }; this.hovered = null; }
    // What the page has processed is part of the data; later drawings remain pending.
    this.pending = isNew ? [] : this.pending.filter((item) => item.position >= (data.processed[this.instance] || 0));
    this.image = this.load(data.image, this.image); this.map = this.load(data.map, this.map);
    this.superpixels = this.load(data.superpixels, this.superpixels, () => this.readSuperpixels());
    const values = data.classes.map(([value]) => value);
    if (!values.includes(this.value)) this.value = values[0] ?? null;
    const classes = this.root.querySelector(".classes");
    classes.replaceChildren();
    this.classButtons = data.classes.map(([value, name, colour], i) => (
      this.radio(classes, name, i < 9 ? String(i + 1) : "", () => this.chooseClass(value), colour)));
    this.regions = data.regions.map(([number, value, polygons]) => ({ number, value, path: this.outline(polygons) }));
    this.undoButton.disabled = !data.undo; this.redoButton.disabled = !data.redo;
    this.root.querySelector(".note").textContent = data.note;
    this.chooseClass(this.value);
  }

  load(source, former, ready = () => {}) {
    if (!source) return null;
    if (former?.src === source) return former;
    const image = new Image();
    image.onload = () => { ready(); this.draw(); };
    image.src = source;
    return image;
  }
  outline(polygons) {
    const path = new Path2D();
    for (const ring of polygons) {
      ring.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
      path.closePath();
    }
    return path;
  }
  /** Read the number of the superpixel of each pixel from the colours of an image. */
  readSuperpixels() {
    const { width, height } = this.data, pen = new OffscreenCanvas(width, height).getContext("2d");
    pen.drawImage(this.superpixels, 0, 0);
    const bytes = pen.getImageData(0, 0, width, height).data;
    this.numbers = new Int32Array(width * height);
    for (let i = 0; i < this.numbers.length; i += 1) {
      this.numbers[i] = bytes[4 * i] + 256 * bytes[4 * i + 1] + 65536 * bytes[4 * i + 2];
    }
    this.hovered = null;
  }

  choose(tool) {
    this.tool = tool; this.stroke = null; this.hovered = null;
    this.toolButtons.forEach((button, i) => button.setAttribute("aria-checked", String(TOOLS[i][0] === tool)));
    this.root.querySelector(".hint").textContent = `${HINTS[tool]} Scroll to zoom.`;
    for (const canvas of this.canvases) canvas.dataset.tool = tool;
    this.draw();
  }
  chooseClass(value) {
    this.value = value;
    this.data.classes.forEach(([other], i) => (
      this.classButtons[i].setAttribute("aria-checked", String(other === value))));
    this.draw();
  }
  colour(value) { return this.data.classes.find(([other]) => other === value)?.[2] || "#808080"; }

  send(kind, ...details) {
    if (!this.data) return;
    this.log.push([kind, this.data.patch, ...details]);
    // Without what the page has processed already, so that nothing is repeated after a restart.
    const first = this.data.processed[this.instance] || 0;
    this.publish("log", { instance: this.instance, first, log: this.log.slice(first) });
    this.draw();
  }
  /** Send a drawing, and display it until the page has processed it. */
  label(kind, path, ...details) {
    if (this.value === null) return;
    this.pending.push({ position: this.log.length, value: this.value, path });
    this.send(kind, this.value, ...details);
  }

  listen(canvas) {
    canvas.onpointerdown = (event) => this.start(event);
    canvas.onpointermove = (event) => this.moveTo(event);
    canvas.onpointerup = (event) => this.finish(event);
    canvas.onpointercancel = () => { this.stroke = null; this.draw(); };
    canvas.onpointerleave = () => { this.hovered = null; this.draw(); };
    canvas.addEventListener("wheel", (event) => this.zoom(event), { passive: false });
  }
  /** Return the position of a pointer in pixels of the image; whole numbers are pixel edges. */
  position(event) {
    const frame = event.currentTarget.getBoundingClientRect(), { x, y } = this.view, scale = this.scale();
    return [(event.clientX - frame.left) / scale + x, (event.clientY - frame.top) / scale + y];
  }
  fit() { return this.canvases[0].clientWidth / this.data.width; }
  scale() { return this.fit() * this.view.zoom; }
  start(event) {
    if (event.button > 1 || !this.data) return;
    event.currentTarget.focus({ preventScroll: true });
    const isMove = this.tool === "move" || event.button === 1;
    const point = this.position(event);
    if (isMove || this.tool === "rectangle" || this.tool === "freehand") {
      event.currentTarget.setPointerCapture(event.pointerId);
      this.stroke = { isMove, points: [point] };
      event.preventDefault();
    } else if (this.tool === "superpixel") this.clickSuperpixel(point);
    else this.removeAt(point);
  }
  moveTo(event) {
    if (!this.data) return;
    const point = this.position(event);
    if (this.stroke?.isMove) {
      const [[x, y]] = this.stroke.points;
      this.shift(x - point[0], y - point[1]);
    } else if (this.stroke) this.stroke.points.push(point);
    else if (this.tool === "superpixel") this.hover(point);
    else return;
    this.draw();
  }
  finish(event) {
    const stroke = this.stroke;
    this.stroke = null;
    if (!stroke || stroke.isMove) return;
    const points = this.strokePoints([...stroke.points, this.position(event)]);
    if (points.length >= 3) this.label("polygon", this.outline([points]), points);
    this.draw();
  }
  /** Return the vertices of what is being drawn: a rectangle, or the line along its outline. */
  strokePoints(points) {
    const inside = ([x, y]) => [Math.min(Math.max(x, 0), this.data.width), Math.min(Math.max(y, 0), this.data.height)];
    if (this.tool === "rectangle") {
      const [[x, y], [u, v]] = [points[0], points[points.length - 1]].map(inside).map((point) => point.map(Math.round));
      return x === u || y === v ? [] : [[x, y], [u, y], [u, v], [x, v]];
    }
    const least = 1.5 / this.scale(), thinned = [];
    for (const point of points.map(inside)) {
      const last = thinned[thinned.length - 1];
      if (!last || Math.hypot(point[0] - last[0], point[1] - last[1]) >= least) thinned.push(point);
    }
    return thinned.map((point) => point.map((value) => Math.round(100 * value) / 100));
  }

  superpixelAt([x, y]) {
    const [column, row] = [Math.floor(x), Math.floor(y)], { width, height } = this.data;
    if (!this.numbers || column < 0 || row < 0 || column >= width || row >= height) return null;
    return this.numbers[row * width + column];
  }
  /** Return an image of the pixels of a superpixel. */
  paint(number, colour, opacity) {
    const { width, height } = this.data, canvas = new OffscreenCanvas(width, height), pen = canvas.getContext("2d");
    const pixels = pen.createImageData(width, height);
    const rgb = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    for (let i = 0; i < this.numbers.length; i += 1) {
      if (this.numbers[i] === number) pixels.data.set([...rgb, Math.round(255 * opacity)], 4 * i);
    }
    pen.putImageData(pixels, 0, 0);
    return canvas;
  }
  hover(point) {
    const number = this.superpixelAt(point);
    if (number === null) this.hovered = null;
    else if (this.hovered?.number !== number || this.hovered.value !== this.value) {
      const picture = this.paint(number, this.value === null ? "#ffffff" : this.colour(this.value), 0.55);
      this.hovered = { number, value: this.value, picture };
    }
  }
  clickSuperpixel(point) {
    const number = this.superpixelAt(point);
    if (number === null || this.value === null) return;
    this.pending.push({ position: this.log.length, picture: this.paint(number, this.colour(this.value), 0.55) });
    this.send("superpixel", this.value, ...point.map(Math.floor));
  }
  removeAt([x, y]) {
    const pen = this.canvases[0].getContext("2d");
    pen.save(); pen.resetTransform();
    const region = this.regions.findLast((item) => pen.isPointInPath(item.path, x, y, "evenodd"));
    pen.restore();
    if (region) this.send("remove", region.number);
  }

  shift(dx, dy) {
    const { view, data } = this, limit = (value, size) => Math.max(0, Math.min(value, size * (1 - 1 / view.zoom)));
    view.x = limit(view.x + dx, data.width); view.y = limit(view.y + dy, data.height);
  }
  zoom(event) {
    if (!this.data) return;
    event.preventDefault();
    const before = this.position(event), factor = 2 ** (-event.deltaY / (event.deltaMode ? 9 : 300));
    this.view.zoom = Math.min(LARGEST_ZOOM, Math.max(1, this.view.zoom * factor));
    const after = this.position(event);
    this.shift(before[0] - after[0], before[1] - after[1]);
    this.draw();
  }
  press(event) {
    const { key, target } = event;
    if (event.altKey || target.tagName === "INPUT" || !this.data) return;
    const letter = key.length === 1 ? key.toLowerCase() : key, hasControl = event.ctrlKey || event.metaKey;
    let action = null;
    if (hasControl) {
      action = { z: () => this.send(event.shiftKey ? "redo" : "undo"), y: () => this.send("redo") }[letter];
    } else if (/^[1-9]$/.test(letter) && this.data.classes[letter - 1]) {
      action = () => this.chooseClass(this.data.classes[letter - 1][0]);
    } else {
      const tool = TOOLS.find((item) => item[2].toLowerCase() === letter);
      action = tool ? () => this.choose(tool[0]) : { u: () => this.send("undo"), y: () => this.send("redo") }[letter];
    }
    if (!action) return;
    event.preventDefault();
    action();
  }

  draw() {
    if (!this.data || !this.canvases[0].clientWidth) return;
    const n = this.data.regions.length, waits = this.log.length > (this.data.processed[this.instance] || 0);
    this.root.querySelector(".state").textContent =
      `${n} ${n === 1 ? "region" : "regions"} on this patch${waits ? " · updating" : ""}`;
    this.canvases.forEach((canvas, i) => this.drawCanvas(canvas, i === 1));
    const name = this.data.name;
    this.canvases[0].setAttribute("aria-label", `${name} with ${n} labelled regions`);
    this.canvases[1].setAttribute("aria-label", this.map ? `Class map of ${name}` : `${name}, without a class map`);
  }
  drawCanvas(canvas, isMap) {
    const { data, view } = this, ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
    const height = (width * data.height) / data.width, scale = (width / data.width) * view.zoom;
    const size = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    const pen = canvas.getContext("2d"), s = scale * ratio;
    pen.resetTransform(); pen.clearRect(0, 0, ...size);
    pen.setTransform(s, 0, 0, s, -view.x * s, -view.y * s);
    pen.imageSmoothingEnabled = scale < 2;
    const paint = (picture) => { if (picture?.naturalWidth) pen.drawImage(picture, 0, 0, data.width, data.height); };
    paint(this.image);
    if (isMap) {
      pen.globalAlpha = Number(this.opacity.value); paint(this.map); pen.globalAlpha = 1;
    } else if (this.hovered) pen.drawImage(this.hovered.picture, 0, 0);
    const thin = 1 / scale;
    for (const region of [...this.regions, ...this.pending]) {
      if (region.picture) { pen.drawImage(region.picture, 0, 0); continue; }
      pen.fillStyle = this.colour(region.value); pen.globalAlpha = isMap ? 0 : FILL;
      pen.fill(region.path, "evenodd"); pen.globalAlpha = 1;
      pen.lineWidth = 3 * thin; pen.strokeStyle = "rgba(0, 0, 0, 0.75)"; pen.stroke(region.path);
      pen.lineWidth = 1.4 * thin; pen.strokeStyle = isMap ? "#ffffff" : this.colour(region.value); pen.stroke(region.path);
    }
    if (this.stroke && !this.stroke.isMove) {
      const path = this.outline([this.strokePoints(this.stroke.points)]);
      pen.lineWidth = 2 * thin; pen.strokeStyle = "#ffffff"; pen.stroke(path);
      pen.setLineDash([5 * thin, 4 * thin]); pen.strokeStyle = "#000000"; pen.stroke(path); pen.setLineDash([]);
    }
  }
}

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".regions");
  if (!editors.has(root)) editors.set(root, new Editor(root));
  editors.get(root).update(data, setStateValue);
}
