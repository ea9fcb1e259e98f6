// What both plots of points share: hovering, clicking, the keyboard and the selection.
// plot_frame.js attaches it to a Plotly plot; plot_canvas.js draws the points itself.
const NONE = -1, STILL = 4, REACH = 10, REST = 60, DETAILS_KEPT = 300;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HELP = "Arrow keys move between neighbouring points, Page Up and Page Down through all " +
  "points. Enter shows the chip, Space adds it to the selection or removes it, Shift and an arrow " +
  "key add the chips on the way, Escape clears, plus and minus zoom, 0 shows everything.";

async function fetchNumbers(address, type) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status} for ${address}`);
  return new type(await answer.arrayBuffer());
}

class PointPlot {
  /** `over` lies over the points and holds the tooltip and the ring of the keyboard. */
  constructor(root) {
    this.root = root;
    this.live = root.querySelector(".live");
    this.x = this.y = new Float32Array(0);
    this.codes = new Uint8Array(0);
    this.selected = new Uint32Array(0);
    this.groups = [];
    this.details = new Map();
    this.cursor = this.hovered = NONE;
    // Rises with every key, so that only the last one is announced.
    this.turn = 0;
    this.pressed = null;
    this.data = null;
    // Points that the keyboard has added (true) or removed, until the page has followed.
    this.marks = new Map();
  }

  /** Apply the data from the page; numbers that have not changed are not fetched again. */
  async update(data, send) {
    const before = this.data || {};
    this.data = data; this.send = send; this.isWaiting = false;
    if (before.points !== data.points) { this.cursor = NONE; this.marks.clear(); }
    if (before.details !== data.details) this.details.clear();
    const [points, codes, selected] = await Promise.all([
      this.load("points", data.points, Float32Array),
      this.load("codes", data.codes, data.wide ? Uint16Array : Uint8Array),
      this.load("selected", data.selected, Uint32Array)]);
    if (this.data !== data) return;
    const n = points.length / 2;
    this.x = points.subarray(0, n); this.y = points.subarray(n);
    this.codes = codes; this.selected = selected; this.groups = data.groups;
    for (const [i, isOn] of this.marks) if (selected.includes(i) === isOn) this.marks.delete(i);
    if (this.cursor !== NONE && !this.isVisible(this.cursor)) this.cursor = NONE;
    this.refresh();
  }
  load(name, address, type) {
    this.loads ??= {};
    if (this.loads[name]?.address !== address) {
      const numbers = address ? fetchNumbers(address, type) : Promise.resolve(new type(0));
      this.loads[name] = { address, numbers };
      numbers.catch(() => { this.loads[name] = null; });
    }
    return this.loads[name].numbers;
  }

  isVisible(i) {
    return !this.groups[this.codes[i]]?.hidden;
  }
  toScreen(i) {
    const [ax, bx, ay, by] = this.mapping();
    return [ax * this.x[i] + bx, ay * this.y[i] + by];
  }
  /** Return the visible point that is nearest to a position, within `reach` pixels. */
  nearest(px, py, reach = REACH) {
    const [ax, bx, ay, by] = this.mapping(), hidden = this.groups.map((group) => group.hidden);
    let best = NONE, least = reach * reach;
    for (let i = 0; i < this.x.length; i++) {
      if (hidden[this.codes[i]]) continue;
      const dx = ax * this.x[i] + bx - px, dy = ay * this.y[i] + by - py;
      const distance = dx * dx + dy * dy;
      if (distance <= least) { least = distance; best = i; }
    }
    return best;
  }
  /** Return the nearest point within 45 degrees of a direction. */
  neighbour(from, [ux, uy]) {
    const [ax, bx, ay, by] = this.mapping(), hidden = this.groups.map((group) => group.hidden);
    const [px, py] = this.toScreen(from), [width, height] = this.size();
    let best = NONE, least = Infinity;
    for (let i = 0; i < this.x.length; i++) {
      if (hidden[this.codes[i]]) continue;
      const sx = ax * this.x[i] + bx, sy = ay * this.y[i] + by, dx = sx - px, dy = sy - py;
      const along = dx * ux + dy * uy, across = Math.abs(dx * uy - dy * ux);
      const distance = dx * dx + dy * dy;
      if (along <= 0 || across > along || distance >= least) continue;
      if (!this.canReveal && (sx < 0 || sy < 0 || sx > width || sy > height)) continue;
      least = distance; best = i;
    }
    return best;
  }
  /** Return the next visible point in the order of the rows. */
  following(from, step) {
    const n = this.x.length;
    for (let k = 1; k <= n; k++) {
      const i = (((from + step * k) % n) + n) % n;
      if (this.isVisible(i)) return i;
    }
    return NONE;
  }

  // --- the pointer -------------------------------------------------------------------------
  press(px, py) {
    this.pressed = [px, py];
    this.hideTip();
  }
  release(px, py) {
    const start = this.pressed;
    this.pressed = null;
    if (start && Math.hypot(px - start[0], py - start[1]) < STILL) this.click(px, py);
  }
  click(px, py) {
    const i = this.nearest(px, py);
    if (i === NONE) { this.clear(); return; }
    this.choose(i);
  }
  hover(px, py) {
    const i = this.pressed ? NONE : this.nearest(px, py);
    if (i === this.hovered) return;
    this.hovered = i;
    this.point(i !== NONE);
    clearTimeout(this.resting);
    if (i === NONE) this.hideTip();
    else this.resting = setTimeout(() => this.showTip(i), REST);
  }
  point(isOver) {
    this.target.style.cursor = isOver ? "pointer" : "";
  }

  // --- events for the page -----------------------------------------------------------------
  choose(i) {
    this.cursor = i; this.placeCursor();
    this.isWaiting = true;
    this.send({ kind: "point", point: i });
  }
  /** Clear the selection and the picked chip, if there are any. */
  clear() {
    this.cursor = NONE;
    this.marks.clear();
    this.hideTip(); this.placeCursor(); this.forgetOutline();
    if (!this.data || (!this.isWaiting && this.data.picked === null && !this.data.selected)) return;
    this.isWaiting = true;
    this.say("Selection cleared.");
    this.send({ kind: "clear" });
  }
  select(polygon) {
    if (polygon.length < 3) return;
    this.isWaiting = true;
    this.send({ kind: "polygon", polygon });
  }
  forgetOutline() {}
  /** Add points to the selection, or remove them. */
  mark(points, isOn) {
    for (const i of points) this.marks.set(i, isOn);
    // A page that is busy takes only the last event, so each event repeats those without an answer.
    const marked = (kind) => [...this.marks].filter(([, on]) => on === kind).map(([i]) => i);
    this.send({ kind: "mark", add: marked(true), remove: marked(false) });
  }
  isMarked(i) {
    return this.marks.get(i) ?? this.selected.includes(i);
  }

  // --- the keyboard ------------------------------------------------------------------------
  keydown(e) {
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    const n = this.x.length;
    if (ARROWS[e.key]) this.step(ARROWS[e.key], e.shiftKey);
    else if (e.key === "PageDown" && n) this.go(this.following(this.cursor, 1));
    else if (e.key === "PageUp" && n) this.go(this.following(Math.max(this.cursor, 0), -1));
    else if (e.key === "Enter") { if (this.cursor !== NONE) this.choose(this.cursor); }
    else if (e.key === " ") { if (this.cursor !== NONE) this.toggle(this.cursor); }
    else if (e.key === "Escape") this.clear();
    else if (e.key === "+" || e.key === "=") this.zoom(1.5);
    else if (e.key === "-") this.zoom(1 / 1.5);
    else if (e.key === "0") this.fit();
    else return;
    e.preventDefault(); e.stopPropagation();
  }
  step(direction, isExtending) {
    const from = this.cursor;
    const i = from === NONE ? this.start() : this.neighbour(from, direction);
    if (i === NONE) { this.say("There is no further point in this direction."); return; }
    this.go(i, isExtending);
    if (isExtending) this.mark(from === NONE ? [i] : [from, i], true);
  }
  async toggle(i) {
    const isOn = !this.isMarked(i), turn = ++this.turn;
    this.mark([i], isOn);
    const text = (await this.describe(i))?.lines.join(", ");
    if (this.turn === turn) this.say(`${isOn ? "Added to" : "Removed from"} the selection: ${text || "the chip"}`);
  }
  /** Return the first point for the keyboard: the picked one, else the one nearest the middle. */
  start() {
    const { picked } = this.data, [width, height] = this.size();
    if (picked !== null && this.isVisible(picked)) return picked;
    return this.nearest(width / 2, height / 2, Infinity);
  }
  /** Move to a point; `isSelected` says so before the server has answered. */
  async go(i, isSelected = false) {
    if (i === NONE) return;
    this.cursor = i;
    this.reveal(i);
    this.placeCursor();
    const turn = ++this.turn, text = await this.showTip(i);
    if (text && this.turn === turn) this.say(isSelected || this.isMarked(i) ? `${text}, selected` : text);
  }
  reveal() {}
  say(text) {
    this.live.textContent = text;
  }

  // --- what lies over the points -----------------------------------------------------------
  placeCursor() {
    const ring = this.over?.querySelector(".cursor");
    if (!ring) return;
    ring.hidden = this.cursor === NONE;
    if (ring.hidden) return;
    const [px, py] = this.toScreen(this.cursor), [left, top] = this.origin();
    ring.style.transform = `translate(${left + px}px, ${top + py}px)`;
  }
  hideTip() {
    clearTimeout(this.resting);
    this.hovered = this.tipped = NONE;
    const tip = this.over?.querySelector(".tip");
    if (tip) tip.hidden = true;
  }
  /** The positions have moved on the screen. */
  shifted() {
    this.hideTip();
    this.placeCursor();
  }
  async describe(i) {
    if (!this.details.has(i)) {
      if (this.details.size > DETAILS_KEPT) this.details.clear();
      this.details.set(i, fetch(`${this.data.details}/${i}`).then((a) => (a.ok ? a.json() : null)));
    }
    return this.details.get(i).catch(() => null);
  }
  /** Show the chip of a point next to it; return its description as text. */
  async showTip(i) {
    this.tipped = i;
    const facts = await this.describe(i), tip = this.over?.querySelector(".tip");
    if (!facts || this.tipped !== i || !tip) return "";
    const image = tip.querySelector("img");
    image.src = facts.image;
    image.alt = `Chip ${facts.lines[facts.lines.length - 1]}`;
    await image.decode().catch(() => {});
    if (this.tipped !== i) return "";
    // Small chips are enlarged without blurring their pixels.
    image.style.imageRendering = image.naturalWidth < image.width ? "pixelated" : "auto";
    tip.querySelector("span").textContent = facts.lines.join("\n");
    tip.hidden = false;
    const [px, py] = this.toScreen(i), [left, top] = this.origin(), [width, height] = this.size();
    const wide = tip.offsetWidth, high = tip.offsetHeight;
    const x = px + 16 + wide > width ? px - wide - 16 : px + 16;
    const y = Math.max(4, Math.min(py - high / 2, height - high - 4));
    tip.style.transform = `translate(${left + Math.max(4, x)}px, ${top + y}px)`;
    return facts.lines.join(", ");
  }
}
