// The compared footprints: a ranked list with a threshold, and the chosen one on both dates with a
// swipe. The threshold and the kind are applied here, so that the count follows the slider.
const viewers = new WeakMap();
const BINS = 44, PAGE = 8, STEP = 10, PREFETCHED = 2;
const DATES = ["before", "after"];
const BODY = `
<div class="bar">
  <label><span>Changed from this score on</span>
    <span class="scores"><span><svg preserveAspectRatio="none" aria-hidden="true"></svg>
      <input type="range" step="0.1" class="threshold"/></span><output></output></span></label>
  <label><span>Kind</span><select><option value="all">All changes</option><option value="gone">Gone</option>
    <option value="new">New</option><option value="changed">Changed in place</option></select></label>
  <span class="count" role="status"></span>
</div>
<div class="body">
  <div><ul class="list" role="listbox" tabindex="0" aria-label="Footprints, the largest change first"></ul></div>
  <section class="view" role="group" aria-label="The footprint on both dates">
    <div class="head">
      <div><h2 aria-live="polite"></h2><p class="facts"></p></div>
      <div class="buttons">
        <button type="button" class="previous">Previous<kbd aria-hidden="true">↑</kbd></button>
        <button type="button" class="next">Next<kbd aria-hidden="true">↓</kbd></button>
        <button type="button" class="flip">Other date<kbd aria-hidden="true">Space</kbd></button>
        <button type="button" class="map">Show on the map<kbd aria-hidden="true">M</kbd></button>
      </div>
    </div>
    <div class="pictures">
      <figure class="swipe">
        <div class="stage"><img class="after"/><img class="before"/><i></i>
          <span class="left"></span><span class="right"></span></div>
        <input type="range" class="part" min="0" max="100" value="50" aria-label="Swipe between the dates"/>
      </figure>
      <div class="chips"><figure><img/><figcaption></figcaption></figure>
        <figure><img/><figcaption></figcaption></figure></div>
    </div>
  </section>
</div>`;

class Viewer {
  constructor(root) {
    root.innerHTML = BODY;
    this.root = root;
    const find = (selector) => root.querySelector(selector);
    this.slider = find(".threshold"); this.output = find("output"); this.kind = find("select");
    this.list = find(".list"); this.view = find(".view"); this.stage = find(".stage"); this.part = find(".part");
    this.slider.oninput = () => this.filter();
    this.slider.onchange = () => this.publish();
    this.kind.onchange = () => { this.filter(); this.publish(); };
    this.part.oninput = () => this.swipe();
    this.list.onclick = (event) => {
      const item = event.target.closest("li");
      if (item) this.choose(Number(item.dataset.row));
    };
    find(".previous").onclick = () => this.move(-1);
    find(".next").onclick = () => this.move(1);
    find(".flip").onclick = () => this.flip();
    find(".map").onclick = () => this.openMap();
    this.stage.onpointerdown = (event) => { this.stage.setPointerCapture(event.pointerId); this.drag(event); };
    this.stage.onpointermove = (event) => { if (event.buttons) this.drag(event); };
    root.onkeydown = (event) => this.press(event);
  }

  update(data, send, trigger) {
    this.send = send; this.trigger = trigger;
    if (this.data?.key === data.key) return;
    const chosen = this.rows?.[this.current]?.id, isNew = !this.data;
    this.data = data;
    this.rows = data.rows.map(([id, score, kind, note, name]) => ({ id, score, kind, note, name }));
    const scores = this.rows.map((row) => row.score);
    this.slider.min = Math.floor(Math.min(0, ...scores));
    this.slider.max = Math.max(Math.ceil(Math.max(...scores)), data.start + 1);
    this.slider.setAttribute("aria-label", "Lowest score of a changed footprint");
    if (isNew) { this.slider.value = data.threshold; this.kind.value = data.kind; }
    this.list.replaceChildren(...this.rows.map((row, i) => this.item(row, i)));
    const position = this.rows.findIndex((row) => row.id === chosen);
    this.current = position < 0 ? 0 : position;
    this.filter();
  }

  address(kind, date, row) { return `${this.data.address}/${kind}/${date}/${row}`; }
  item(row, i) {
    const item = document.createElement("li");
    item.id = `change-${i}`; item.dataset.row = i; item.setAttribute("role", "option");
    for (const date of [0, 1]) {
      const image = new Image();
      image.loading = "lazy"; image.alt = ""; image.src = this.address("chip", date, i);
      item.append(image);
    }
    const text = document.createElement("span"), score = document.createElement("b"), kind = document.createElement("span");
    score.textContent = row.score.toFixed(1); kind.textContent = row.kind; kind.className = `kind ${row.kind}`;
    text.append(score, kind);
    if (row.name !== row.id) {
      const name = document.createElement("small");
      name.textContent = name.title = row.name;
      text.append(name);
    }
    item.append(text);
    item.setAttribute("aria-label", `${i + 1}: score ${row.score.toFixed(1)}, ${row.kind}, ${row.name}`);
    return item;
  }

  /** List the footprints of the chosen kind at or above the threshold, and count them. */
  filter() {
    const least = Number(this.slider.value), counts = { gone: 0, new: 0, changed: 0 };
    this.listed = [];
    this.rows.forEach((row, i) => {
      const isChanged = row.score >= least, isListed = isChanged && ["all", row.kind].includes(this.kind.value);
      if (isChanged) counts[row.kind] += 1;
      if (isListed) this.listed.push(i);
      this.list.children[i].hidden = !isListed;
    });
    this.output.textContent = least.toFixed(1);
    const n = counts.gone + counts.new + counts.changed, nouns = this.data.compared === 1 ? "footprint" : "footprints";
    this.root.querySelector(".count").textContent =
      `${n} of ${this.data.compared} ${nouns} changed: ${counts.gone} gone · ${counts.new} new · ${counts.changed} in place`;
    this.drawScores(least);
    if (!this.listed.includes(this.current)) this.current = this.listed[0] ?? this.current;
    this.show();
  }

  drawScores(least) {
    const low = Number(this.slider.min), width = (Number(this.slider.max) - low) / BINS, bins = Array(BINS).fill(0);
    for (const row of this.rows) bins[Math.min(BINS - 1, Math.floor((row.score - low) / width))] += 1;
    const svg = this.root.querySelector("svg"), most = Math.sqrt(Math.max(...bins));
    svg.setAttribute("viewBox", `0 0 ${BINS} 1`);
    svg.replaceChildren(...bins.map((n, i) => {
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect"), height = Math.sqrt(n) / most;
      const box = { x: i + 0.1, y: 1 - height, width: 0.8, height };
      for (const [name, value] of Object.entries(box)) bar.setAttribute(name, value);
      if (low + (i + 0.5) * width >= least) bar.setAttribute("class", "high");
      return bar;
    }));
  }

  publish() { this.send("choice", { threshold: Number(this.slider.value), kind: this.kind.value }); }
  openMap() { if (this.listed.length) this.trigger("opened", this.rows[this.current].id); }
  choose(i) { this.current = i; this.show(); }
  move(step) {
    const last = this.listed.length - 1, position = this.listed.indexOf(this.current) + step;
    if (last >= 0) this.choose(this.listed[Math.min(last, Math.max(0, position))]);
  }

  show() {
    const position = this.listed.indexOf(this.current), row = this.rows[this.current];
    this.view.hidden = position < 0;
    this.list.querySelector(".empty")?.remove();
    for (const item of this.list.querySelectorAll("[aria-selected=true]")) item.setAttribute("aria-selected", "false");
    if (position < 0) {
      this.list.removeAttribute("aria-activedescendant");
      const note = document.createElement("li");
      note.className = "empty"; note.setAttribute("role", "option"); note.setAttribute("aria-disabled", "true");
      note.textContent = "No footprint of this kind has such a score.";
      this.list.append(note);
      return;
    }
    const find = (selector) => this.root.querySelector(selector), item = this.list.children[this.current];
    item.setAttribute("aria-selected", "true");
    this.list.setAttribute("aria-activedescendant", item.id);
    const [top, height] = [item.offsetTop, item.offsetHeight];
    const lowest = top + height - this.list.clientHeight;
    this.list.scrollTop = Math.max(lowest, Math.min(top, this.list.scrollTop));
    const [first, second] = this.data.scenes;
    const notes = { first: `annotated only in ${first}`, second: `annotated only in ${second}`,
      both: "annotated in both scenes", grid: "a square of the grid" };
    find("h2").textContent = `${position + 1} of ${this.listed.length}: ${row.kind === "changed" ? "changed in place" : row.kind}`;
    const name = row.name === row.id ? row.id : `${row.name} · ${row.id}`;
    find(".facts").textContent = `Score ${row.score.toFixed(1)} · ${notes[row.note]} · ${name}`;
    const figures = this.root.querySelectorAll(".chips figure");
    DATES.forEach((date, i) => {
      const image = find(`.stage .${date}`), [chip, caption] = figures[i].children;
      image.src = this.address("surroundings", i, this.current);
      image.alt = `The surroundings in ${this.data.scenes[i]}`;
      chip.src = this.address("chip", i, this.current);
      chip.alt = `The chip in ${this.data.scenes[i]}`;
      caption.textContent = caption.title = `${i ? "Later" : "Earlier"}: ${this.data.scenes[i]}`;
      for (const next of this.listed.slice(position + 1, position + 1 + PREFETCHED)) {
        new Image().src = this.address("surroundings", i, next);
      }
    });
    find(".left").textContent = first; find(".right").textContent = second;
    find(".previous").disabled = position === 0;
    find(".next").disabled = position === this.listed.length - 1;
    // A disabled button loses the focus, and the keys would no longer work.
    if (this.root.getRootNode().activeElement?.disabled) this.list.focus({ preventScroll: true });
    this.swipe();
  }

  swipe(part = Number(this.part.value)) {
    this.part.value = part;
    this.root.querySelector(".before").style.clipPath = `inset(0 ${100 - part}% 0 0)`;
    this.stage.querySelector("i").style.left = `${part}%`;
    // The name of a scene that is not visible is hidden.
    this.stage.querySelector(".left").hidden = part < 8; this.stage.querySelector(".right").hidden = part > 92;
    const [first, second] = this.data.scenes;
    this.part.setAttribute("aria-valuetext", `${part} % ${first}, ${100 - part} % ${second}`);
  }
  drag(event) {
    const frame = this.stage.getBoundingClientRect();
    this.swipe(Math.round(Math.min(100, Math.max(0, (100 * (event.clientX - frame.left)) / frame.width))));
  }
  flip() { this.swipe(Number(this.part.value) > 50 ? 0 : 100); }

  press(event) {
    const { key, target } = event, tag = target.tagName;
    if (event.ctrlKey || event.metaKey || event.altKey || tag === "INPUT" || tag === "SELECT") return;
    if ((key === " " || key === "Enter") && tag === "BUTTON") return;
    const part = Number(this.part.value);
    const actions = {
      ArrowUp: () => this.move(-1), ArrowDown: () => this.move(1),
      PageUp: () => this.move(-PAGE), PageDown: () => this.move(PAGE),
      Home: () => this.move(-this.listed.length), End: () => this.move(this.listed.length),
      ArrowLeft: () => this.swipe(Math.max(0, part - STEP)), ArrowRight: () => this.swipe(Math.min(100, part + STEP)),
      " ": () => this.flip(), m: () => this.openMap(),
    };
    const action = actions[key.length === 1 ? key.toLowerCase() : key];
    if (!action) return;
    event.preventDefault();
    if (!event.repeat || key.startsWith("Arrow") || key.startsWith("Page")) action();
  }
}

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".changes");
  if (!viewers.has(root)) viewers.set(root, new Viewer(root));
  viewers.get(root).update(data, setStateValue, setTriggerValue);
}
