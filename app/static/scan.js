// The review of candidates: a scene with the score map and all candidates, and one candidate at a
// time with buttons and keys. Decisions are kept here and sent to the page as one growing list, so
// that none is lost if the page is slower than the user.
const reviews = new WeakMap();
const COLOURS = { open: "#FFFFFF", confirmed: "#35C2B8", rejected: "#D9705B", current: "#FFD84D" };
const MOST_PIXELS = 1100, PREFETCHED = 4;
const BODY = `
<div class="bar">
  <label>Lowest score <input type="range" step="0.01"/><output></output></label>
  <span class="count" role="status"></span>
  <label class="scenes">Scene <select></select></label>
  <label><input type="checkbox" checked/> Score map</label>
</div>
<div class="body">
  <figure><canvas role="img"></canvas><figcaption></figcaption></figure>
  <section class="card" tabindex="0" role="group">
    <h3 aria-live="polite"></h3><p class="facts"></p><img alt=""/>
    <div class="buttons">
      <button type="button" class="confirm">Confirm<kbd aria-hidden="true">Enter</kbd></button>
      <button type="button" class="reject">Reject<kbd aria-hidden="true">X</kbd></button>
      <button type="button" class="previous">Previous<kbd aria-hidden="true">←</kbd></button>
      <button type="button" class="next">Next<kbd aria-hidden="true">→</kbd></button>
      <button type="button" class="undo">Undo<kbd aria-hidden="true">U</kbd></button>
    </div>
    <p class="hint"></p>
  </section>
</div>`;

class Review {
  constructor(root) {
    root.innerHTML = BODY;
    this.root = root;
    const find = (selector) => root.querySelector(selector);
    this.slider = find("input[type=range]"); this.output = find("output");
    this.select = find("select"); this.heat = find("input[type=checkbox]");
    this.canvas = find("canvas"); this.card = find(".card"); this.picture = find(".card img");
    this.buttons = Object.fromEntries(
      ["confirm", "reject", "previous", "next", "undo"].map((name) => [name, find(`.${name}`)]));
    this.images = new Map(); this.log = []; this.current = null;
    this.instance = crypto.randomUUID?.() || String(Math.random());
    this.slider.oninput = () => this.filter();
    this.slider.onchange = () => this.send("threshold", Number(this.slider.value));
    this.select.onchange = () => { this.filter(); this.go(this.visible[0] || null); };
    this.heat.onchange = () => this.draw();
    this.buttons.confirm.onclick = () => this.decide("confirmed");
    this.buttons.reject.onclick = () => this.decide("rejected");
    this.buttons.previous.onclick = () => this.move(-1);
    this.buttons.next.onclick = () => this.move(1);
    this.buttons.undo.onclick = () => this.undo();
    this.canvas.onclick = (event) => this.pick(event);
    root.onkeydown = (event) => this.press(event);
    new ResizeObserver(() => this.draw()).observe(this.canvas.parentElement);
  }

  update(data, send) {
    this.send = send;
    if (this.data && this.data.key === data.key) return;
    const isNew = !this.data || this.data.session !== data.session;
    this.data = data; this.images = new Map();
    if (isNew) { this.log = []; this.instance += "+"; this.current = null; }
    this.candidates = data.candidates.map(([n, id, scene, x, y, w, h, score, state]) => (
      { n, id, scene, x, y, w, h, score, state }));
    this.byId = new Map(this.candidates.map((item) => [item.id, item]));
    const scores = this.candidates.map((item) => item.score);
    this.slider.min = 0; this.slider.max = Math.max(0.01, Math.ceil(100 * Math.max(0, ...scores)) / 100);
    if (isNew) this.slider.value = data.threshold;
    this.slider.setAttribute("aria-label", "Lowest score of a candidate");
    const chosen = this.select.value;
    const names = data.scenes.length > 1 ? ["All scenes, the best first"] : [];
    names.push(...data.scenes.map((scene) => scene.name));
    this.select.replaceChildren(...names.map((name) => new Option(name, name)));
    if (names.includes(chosen)) this.select.value = chosen;
    this.root.querySelector(".scenes").hidden = data.scenes.length < 2;
    this.card.setAttribute("aria-label", `Candidates for ${data.label}`);
    this.root.querySelector(".hint").textContent =
      `A confirmed candidate is kept as an annotation: ${data.label}.`;
    this.current = this.byId.get(this.current?.id) || null;
    this.filter();
    if (!this.current) this.go(this.nextOpen(-1) || this.visible[0] || null);
    // After a search, the keys work at once, unless the user is elsewhere on the page.
    if (isNew && document.activeElement === document.body) this.card.focus({ preventScroll: true });
  }

  /** Choose the candidates at or above the lowest score, in the chosen scene. */
  filter() {
    const least = Number(this.slider.value);
    const chosen = this.select.selectedIndex - (this.data.scenes.length > 1 ? 1 : 0);
    this.visible = this.candidates.filter((item) => (
      (item.score >= least || item.state !== "open") && (chosen < 0 || item.scene === chosen)));
    this.output.textContent = least.toFixed(2);
    if (this.current && !this.visible.includes(this.current)) {
      this.current = this.nextOpen(-1) || this.visible[this.visible.length - 1] || null;
    }
    this.refresh();
  }

  counted(state) { return this.visible.filter((item) => item.state === state).length; }
  position() { return this.visible.indexOf(this.current); }
  nextOpen(start) {
    return this.visible.slice(start + 1).find((item) => item.state === "open")
      || this.visible.find((item) => item.state === "open");
  }
  go(item) { this.current = item; this.refresh(); }
  move(step) {
    const item = this.visible[this.position() + step];
    if (item) this.go(item);
  }

  decide(state) {
    if (!this.current) return;
    const item = this.current;
    this.log.push([item.id, state, item.state]);
    item.state = state;
    this.publish();
    this.go(this.nextOpen(this.position()) || item);
  }
  undo() {
    const last = this.log.findLast((entry) => !entry[3]);
    if (!last) return;
    last[3] = true;
    const item = this.byId.get(last[0]);
    // Taking back is a decision of its own, so that the list only grows.
    this.log.push([last[0], last[2], last[1], true]);
    if (item) { item.state = last[2]; this.go(item); }
    this.publish();
  }
  publish() {
    const log = this.log.map(([id, state]) => [id, state]);
    this.send("decisions", { instance: this.instance, log });
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key, target } = event, tag = target.tagName;
    if (tag === "INPUT" || tag === "SELECT") return;
    if (key === "Enter" && tag === "BUTTON") return;
    const actions = {
      Enter: () => this.decide("confirmed"), y: () => this.decide("confirmed"),
      x: () => this.decide("rejected"), n: () => this.decide("rejected"),
      Delete: () => this.decide("rejected"), u: () => this.undo(),
      ArrowLeft: () => this.move(-1), ArrowRight: () => this.move(1),
    };
    const action = actions[key.length === 1 ? key.toLowerCase() : key];
    if (!action) return;
    event.preventDefault();
    if (!event.repeat || key.startsWith("Arrow")) action();
  }

  refresh() {
    const item = this.current, n = this.visible.length;
    const done = { confirmed: this.counted("confirmed"), rejected: this.counted("rejected") };
    const texts = [`${n} ${n === 1 ? "candidate" : "candidates"}`, `${done.confirmed} confirmed`,
      `${done.rejected} rejected`, `${n - done.confirmed - done.rejected} to review`];
    this.root.querySelector(".count").textContent = texts.join(" · ");
    const title = item ? `Candidate ${this.position() + 1} of ${n}` : "No candidate has this score";
    const word = item && item.state !== "open" ? `: ${item.state}` : "";
    this.card.querySelector("h3").textContent = title + word;
    const scene = item ? this.data.scenes[item.scene].name : "";
    this.card.querySelector(".facts").textContent = item ? `Score ${item.score.toFixed(2)} · ${scene}` : "";
    this.picture.style.visibility = item ? "visible" : "hidden";
    if (item) {
      this.picture.src = this.address("candidate", item.n);
      this.picture.alt = `${title}${word}, in its surroundings`;
      const start = this.position();
      for (const next of this.visible.slice(start + 1, start + 1 + PREFETCHED)) {
        new Image().src = this.address("candidate", next.n);
      }
    }
    this.buttons.confirm.disabled = !item || item.state === "confirmed";
    this.buttons.reject.disabled = !item || item.state === "rejected";
    this.buttons.previous.disabled = this.position() < 1;
    this.buttons.next.disabled = this.position() < 0 || this.position() >= n - 1;
    this.buttons.undo.disabled = !this.log.some((entry) => !entry[3]);
    // A disabled button loses the focus, and the keys would no longer work.
    if (this.root.getRootNode().activeElement?.disabled) this.card.focus({ preventScroll: true });
    this.draw();
  }

  address(kind, number) { return `${this.data.address}/${kind}/${number}`; }
  image(kind, number) {
    const source = this.address(kind, number);
    if (!this.images.has(source)) {
      const image = new Image();
      image.onload = () => this.draw();
      image.src = source;
      this.images.set(source, image);
    }
    return this.images.get(source);
  }
  sceneNumber() {
    if (this.current) return this.current.scene;
    return Math.max(0, this.select.selectedIndex - (this.data?.scenes.length > 1 ? 1 : 0));
  }

  draw() {
    const width = this.canvas.parentElement.clientWidth;
    if (!this.data || !width || !this.data.scenes.length) return;
    const number = this.sceneNumber(), scene = this.data.scenes[number];
    const ratio = window.devicePixelRatio || 1, most = Math.min(width, MOST_PIXELS);
    const limit = Math.max(320, 0.72 * window.innerHeight);
    this.scale = Math.min(most / scene.width, limit / scene.height);
    const [w, h] = [scene.width * this.scale, scene.height * this.scale];
    this.canvas.width = Math.round(w * ratio); this.canvas.height = Math.round(h * ratio);
    this.canvas.style.width = `${w}px`;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const overview = this.image("scene", number), heat = this.image("scores", number);
    if (overview.complete && overview.naturalWidth) pen.drawImage(overview, 0, 0, w, h);
    if (this.heat.checked && heat.complete && heat.naturalWidth) {
      const box = scene.heat.map((value) => value * this.scale);
      pen.drawImage(heat, ...box);
    }
    this.frameAnnotated(pen, number);
    for (const item of this.visible) if (item.scene === number && item !== this.current) this.mark(pen, item);
    if (this.current) this.mark(pen, this.current, true);
    const here = this.visible.filter((item) => item.scene === number).length;
    this.canvas.setAttribute("aria-label", `${scene.name} with ${here} candidates`);
    this.root.querySelector("figcaption").textContent =
      `${scene.name}. The more similar a place is to the examples, the stronger its orange. ` +
      "Click a square to review it. Dashed squares are annotated already.";
  }
  /** Draw places like the examples that are annotated already, which are no candidates. */
  frameAnnotated(pen, number) {
    pen.save();
    pen.setLineDash([3, 3]); pen.lineWidth = 1; pen.strokeStyle = "rgba(255, 255, 255, 0.75)";
    for (const [scene, x, y, w, h] of this.data.annotated) {
      if (scene !== number) continue;
      pen.strokeRect(...[x - w / 2, y - h / 2, w, h].map((value) => value * this.scale));
    }
    pen.restore();
  }
  mark(pen, item, isCurrent = false) {
    const s = this.scale, box = [(item.x - item.w / 2) * s, (item.y - item.h / 2) * s, item.w * s, item.h * s];
    const frame = (colour, width) => { pen.strokeStyle = colour; pen.lineWidth = width; pen.strokeRect(...box); };
    frame("rgba(0, 0, 0, 0.7)", isCurrent ? 6 : 3.2);
    frame(isCurrent ? COLOURS.current : COLOURS[item.state], isCurrent ? 3 : 1.5);
    const [x, y] = [item.x * s, item.y * s], r = Math.max(3, Math.min(7, (item.w * s) / 4));
    if (item.state === "open") return;
    pen.strokeStyle = COLOURS[item.state]; pen.fillStyle = COLOURS[item.state]; pen.lineWidth = 2;
    pen.beginPath();
    if (item.state === "confirmed") { pen.arc(x, y, r, 0, 7); pen.fill(); return; }
    pen.moveTo(x - r, y - r); pen.lineTo(x + r, y + r); pen.moveTo(x + r, y - r); pen.lineTo(x - r, y + r);
    pen.stroke();
  }
  pick(event) {
    const frame = this.canvas.getBoundingClientRect(), number = this.sceneNumber();
    const x = (event.clientX - frame.left) / this.scale, y = (event.clientY - frame.top) / this.scale;
    const near = this.visible.filter((item) => (
      item.scene === number && Math.abs(item.x - x) <= item.w / 2 && Math.abs(item.y - y) <= item.h / 2));
    near.sort((a, b) => Math.hypot(a.x - x, a.y - y) - Math.hypot(b.x - x, b.y - y));
    if (near.length) { this.go(near[0]); this.card.focus({ preventScroll: true }); }
  }
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".scan");
  if (!reviews.has(root)) reviews.set(root, new Review(root));
  reviews.get(root).update(data, (name, value) => setStateValue(name, value));
}
