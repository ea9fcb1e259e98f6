// A contact sheet: chips from one sprite image, edited with the keyboard or with the buttons above.
// Edits are displayed at once and sent in groups; the page confirms them by their number.
const SEND_AFTER = 350;
const MOVES = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: "up", ArrowDown: "down", Home: "home", End: "end" };
const sheets = new WeakMap();

function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

class Sheet {
  constructor(root) {
    this.root = root;
    this.grid = root.querySelector(".grid");
    this.form = root.querySelector("form.new");
    this.token = Math.random().toString(36).slice(2);
    this.count = 0; this.pending = []; this.typed = []; this.marked = new Set(); this.current = 0; this.anchor = 0;
    this.grid.onkeydown = (event) => this.keydown(event);
    this.grid.onclick = (event) => this.click(event);
    this.grid.ondblclick = (event) => { this.click(event); this.open(); };
    root.querySelector(".bar").onclick = (event) => this.press(event);
    // A click on a button must not take the keys away from the chips.
    root.querySelector(".bar").onmousedown = (event) => {
      if (event.target.closest("button")) event.preventDefault();
    };
    this.form.onsubmit = (event) => { event.preventDefault(); this.closeForm(true); };
    this.form.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.closeForm(false);
    };
  }

  update(data, send, trigger) {
    this.send = send; this.trigger = trigger;
    const isNew = this.data?.page !== data.page;
    this.data = data;
    if (data.token === this.token) this.pending = this.pending.filter((edit) => edit.n > data.confirmed);
    if (isNew) this.build();
    this.paint();
    if (data.next) new Image().src = data.next;
    const focused = document.activeElement;
    if (isNew && (focused === document.body || this.hadFocus)) this.grid.focus({ preventScroll: true });
    this.hadFocus = false;
    while (this.typed.length && !this.isTurning()) this.act(this.typed.shift());
  }

  build() {
    const { sprite, columns, side, items } = this.data;
    this.grid.style.setProperty("--side", `${side}px`);
    this.chips = items.map((item, i) => {
      const chip = make("div", { className: "chip", id: `chip-${i}`, title: item.alt, role: "option" });
      const image = make("span"), x = i % columns, y = Math.floor(i / columns);
      image.style.backgroundImage = `url("${sprite}")`;
      image.style.backgroundSize = `${columns * side}px auto`;
      image.style.backgroundPosition = `${-x * side}px ${-y * side}px`;
      chip.append(image, make("em"));
      return chip;
    });
    this.grid.replaceChildren(...this.chips);
    this.marked.clear();
    this.current = this.startAtEnd ? items.length - 1 : 0;
    this.startAtEnd = false;
    this.anchor = this.current;
    this.chips[this.current]?.scrollIntoView({ block: "nearest" });
  }

  /** Return what the chips will be once all pending edits have been made. */
  looks() {
    const looks = new Map(this.data.items.map((item) => [item.id, { ...item }]));
    const edits = [];
    for (const edit of this.pending) if (edit.kind === "undo") edits.pop(); else edits.push(edit);
    for (const edit of edits) for (const id of edit.ids || []) {
      const look = looks.get(id);
      if (!look) continue;
      if (edit.kind === "exclude") look.excluded = true;
      if (edit.kind === "include") look.excluded = false;
      if (edit.kind === "approve" && look.clustered && !look.excluded) look.approved = true;
      if (edit.kind === "name") {
        const known = this.data.names.find((name) => name.text === edit.text);
        Object.assign(look, { name: edit.text, colour: known?.colour || "gray", approved: true, clustered: true });
      }
    }
    return looks;
  }

  paint() {
    const looks = this.looks();
    this.data.items.forEach((item, i) => {
      const chip = this.chips[i], look = looks.get(item.id);
      const names = ["chip", look.approved && "approved", look.excluded && "excluded",
        this.marked.has(item.id) && "marked", i === this.current && "current"];
      chip.className = names.filter(Boolean).join(" ");
      chip.style.setProperty("--colour", look.colour);
      chip.lastChild.textContent = look.name;
      chip.ariaSelected = String(this.marked.has(item.id));
      const states = [look.name, look.approved && "approved", look.excluded && "excluded"];
      chip.ariaLabel = [item.alt, ...states].filter(Boolean).join(", ");
    });
    this.looksNow = looks;
    this.grid.setAttribute("aria-activedescendant", `chip-${this.current}`);
    this.grid.setAttribute("aria-label", this.data.label);
    const n = this.marked.size;
    this.root.querySelector(".target").textContent = n ? `${n} marked` : "Current chip";
    this.paintNames();
    this.root.querySelector(".number").textContent = `Page ${this.data.number} of ${this.data.pages}`;
    this.button("previous").disabled = this.data.number <= 1;
    this.button("next").disabled = this.data.number >= this.data.pages;
    this.root.dataset.pending = this.pending.length;
  }

  paintNames() {
    // A new name has a digit at once, before the page has saved it.
    const known = new Set(this.data.names.map((name) => name.text));
    const added = this.pending.filter((edit) => edit.kind === "name" && !known.has(edit.text));
    this.names = [...this.data.names, ...[...new Set(added.map((edit) => edit.text))].map(
      (text) => ({ text, colour: "gray" }))].slice(0, 10);
    const texts = JSON.stringify(this.names);
    if (texts === this.shownNames) return;
    this.shownNames = texts;
    this.root.querySelector(".names").replaceChildren(...this.names.map((name, i) => {
      const button = make("button", { type: "button", title: `Name the chips ${name.text}` });
      const swatch = make("i");
      swatch.style.background = name.colour;
      button.dataset.digit = (i + 1) % 10;
      button.append(make("kbd", { textContent: (i + 1) % 10 }), swatch, name.text);
      return button;
    }));
    this.root.querySelector("datalist").replaceChildren(
      ...this.data.options.map((text) => make("option", { value: text })));
  }

  button(act) { return this.root.querySelector(`[data-act=${act}]`); }

  // --- keys and mouse ------------------------------------------------------------------------
  keydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.data.items.length) return;
    if (this.isTurning() ? this.typed.push(event) : this.act(event)) {
      event.preventDefault(); event.stopPropagation();
    }
  }

  /** Until the next page has come, keys wait: they are meant for its chips. */
  isTurning() { return this.pending.some((edit) => edit.kind === "page"); }

  act({ key, shiftKey }) {
    if (key in MOVES) this.move(MOVES[key], shiftKey);
    else if (key === "Enter") this.edit("approve");
    else if (/^[0-9]$/.test(key)) this.nameByDigit(Number(key));
    else if (key === " ") { this.toggle(this.current); this.anchor = this.current; this.paint(); }
    else if (key === "Escape") { this.marked.clear(); this.paint(); }
    else if (key === "PageUp" || key === "PageDown") this.turn(key === "PageDown" ? 1 : -1);
    else if (key === "x") this.exclude();
    else if (key === "u") this.push({ kind: "undo" });
    else if (key === "n") this.openForm();
    else if (key === "o") this.open();
    else if (key === "a") this.markAll();
    else return false;
    return true;
  }

  press(event) {
    const button = event.target.closest("button");
    if (!button) return;
    const { act, digit } = button.dataset;
    if (digit) this.nameByDigit(Number(digit));
    else if (act === "approve") this.edit("approve");
    else if (act === "exclude") this.exclude();
    else if (act === "undo") this.push({ kind: "undo" });
    else if (act === "open") this.open();
    else if (act === "new") this.openForm();
    else if (act) this.turn(act === "next" ? 1 : -1);
  }

  click(event) {
    const i = this.chips.indexOf(event.target.closest(".chip"));
    if (i < 0) return;
    if (event.shiftKey) this.markRange(this.anchor, i); else { this.toggle(i); this.anchor = i; }
    this.current = i;
    this.paint();
  }

  toggle(i) {
    const { id } = this.data.items[i];
    if (!this.marked.delete(id)) this.marked.add(id);
  }

  markRange(from, to) {
    const [first, last] = from < to ? [from, to] : [to, from];
    for (let i = first; i <= last; i++) this.marked.add(this.data.items[i].id);
  }

  markAll() {
    const isFull = this.marked.size === this.data.items.length;
    this.marked = new Set(isFull ? [] : this.data.items.map((item) => item.id));
    this.paint();
  }

  move(step, isMarking = false) {
    const last = this.data.items.length - 1;
    const across = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
    const steps = { up: -across, down: across, home: -this.current, end: last - this.current };
    const next = this.current + (steps[step] ?? step);
    if (isMarking) this.markRange(this.current, Math.max(0, Math.min(last, next)));
    else this.anchor = Math.max(0, Math.min(last, next));
    if (!isMarking && next > last && (step === 1 || step === "down")) { this.turn(1); return; }
    if (!isMarking && next < 0 && (step === -1 || step === "up")) { this.turn(-1); return; }
    this.current = Math.max(0, Math.min(last, next));
    this.paint();
    this.chips[this.current].scrollIntoView({ block: "nearest" });
  }

  turn(step) {
    const number = this.data.number + step;
    if (number < 1 || number > this.data.pages) return;
    this.startAtEnd = step < 0;
    this.hadFocus = this.grid.matches(":focus") || this.root.getRootNode().activeElement === this.grid;
    this.push({ kind: "page", number });
    this.flush();
  }

  // --- edits ---------------------------------------------------------------------------------
  targets() {
    return this.marked.size ? [...this.marked] : [this.data.items[this.current].id];
  }

  edit(kind, text = "") {
    const wasMarked = this.marked.size > 0, ids = this.targets();
    const isDone = ({ name, approved, excluded }) => kind === "name" ? approved && name === text
      : kind === "approve" && approved && !excluded;
    // A key that is pressed again, for example on the last chip, makes no edit.
    if (!ids.every((id) => isDone(this.looksNow.get(id)))) this.push({ kind, ids, text });
    this.marked.clear();
    this.paint();
    if (!wasMarked) this.move(1);
  }

  exclude() {
    const isExcluded = this.targets().every((id) => this.looksNow.get(id).excluded);
    this.edit(isExcluded ? "include" : "exclude");
  }

  nameByDigit(digit) {
    const name = this.names[(digit + 9) % 10];
    if (name) this.edit("name", name.text);
  }

  openForm() {
    this.form.hidden = false;
    const field = this.form.querySelector("input");
    field.value = ""; field.focus();
  }

  closeForm(save) {
    const text = this.form.querySelector("input").value.trim();
    this.form.hidden = true;
    this.grid.focus({ preventScroll: true });
    if (save && text) this.edit("name", text);
  }

  open() {
    this.flush();
    this.trigger("opened", this.data.items[this.current].id);
  }

  push(edit) {
    this.count += 1;
    this.pending.push({ n: this.count, ...edit });
    this.paint();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), SEND_AFTER);
  }

  flush() {
    clearTimeout(this.timer);
    if (this.pending.length) this.send("edits", { token: this.token, edits: this.pending });
  }
}

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  let sheet = sheets.get(parentElement);
  if (!sheet) {
    sheet = new Sheet(parentElement.querySelector(".sheet"));
    sheets.set(parentElement, sheet);
  }
  sheet.update(data, setStateValue, setTriggerValue);
  return () => sheet.flush();
}
