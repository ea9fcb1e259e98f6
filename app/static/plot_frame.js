// Attaches to the Plotly plot that streamlit-plotly-events draws in a frame of the same origin.
// The plot draws, pans, zooms and draws boxes and lassos; everything else is added to it.
const LOOK_EVERY = 150;

class FramePlot extends PointPlot {
  constructor(root) {
    super(root);
    this.template = root.querySelector(".over");
    root.querySelector(".plot").hidden = true;
  }
  resume() {
    this.attach();
    this.searching ??= setInterval(() => this.attach(), LOOK_EVERY);
  }
  pause() {
    clearInterval(this.searching);
    this.searching = null;
  }

  /** Return the last frame before this component that holds a Plotly plot. */
  findFrame() {
    const host = this.root.getRootNode().host || this.root;
    const frames = [...document.querySelectorAll("iframe[src*='streamlit_plotly_events']")];
    return frames.filter((frame) =>
      frame.compareDocumentPosition(host) & Node.DOCUMENT_POSITION_FOLLOWING).pop();
  }
  /** Attach to the plot, again if the page has replaced it. */
  attach() {
    const page = this.findFrame()?.contentDocument;
    const graph = page?.querySelector(".js-plotly-plot");
    if (!this.data || !graph?.on || !graph._fullLayout?.xaxis?._m) return;
    if (graph === this.graph && this.over?.isConnected) { this.fillFrame(); return; }
    this.graph = this.target = graph;
    this.over?.remove();
    this.over = this.template.cloneNode(true);
    const style = page.createElement("style");
    style.textContent = this.data.style;
    this.over.append(style);
    this.over.hidden = false;
    page.body.append(this.over);
    this.paint();
    // Streamlit's frame reports the height of its body. If that differed from the height that the
    // page has requested, the two would take turns without end.
    page.body.style.height = graph.style.height;
    this.fillFrame();
    graph.tabIndex = 0;
    graph.setAttribute("role", "application");
    graph.setAttribute("aria-label", this.label());
    if (!graph.isBound) this.bind(page, graph);
    graph.isBound = true;
    graph.owner = this;
    this.placeCursor();
    this.markReady();
  }
  /** Let the plot adopt the size of its frame, which it compares only when the window changes. */
  fillFrame() {
    if (!this.isFitted()) this.graph.ownerDocument.defaultView.dispatchEvent(new Event("resize"));
  }
  isFitted() {
    const { height } = this.graph._fullLayout;
    return Math.abs(height - this.graph.ownerDocument.defaultView.innerHeight) < 1;
  }
  label() {
    return `${this.data?.label || "Plot of all chips"}. ${HELP}`;
  }
  /** Copy the colours of the page, which the frame does not inherit. */
  paint() {
    const page = getComputedStyle(this.root.querySelector(".live"));
    for (const name of ["background", "secondary-background", "text", "border", "primary"]) {
      const variable = `--st-${name}-color`;
      this.over?.ownerDocument.documentElement.style.setProperty(
        variable, page.getPropertyValue(variable));
    }
    this.over.ownerDocument.body.style.background = "var(--st-background-color)";
  }
  bind(page, graph) {
    const inside = (e) => e.target.closest?.(".nsewdrag, .dragcover") !== null;
    const position = (e) => {
      const [left, top] = graph.owner.origin();
      return [e.clientX - left, e.clientY - top];
    };
    page.addEventListener("pointerdown", (e) => {
      if (e.button || !e.target.closest?.(".nsewdrag")) return;
      graph.focus({ preventScroll: true });
      graph.owner.press(...position(e));
    }, true);
    page.addEventListener("pointerup", (e) => graph.owner.release(...position(e)), true);
    page.addEventListener("pointermove", (e) => {
      if (inside(e)) graph.owner.hover(...position(e)); else graph.owner.hideTip();
    }, true);
    page.documentElement.addEventListener("pointerleave", () => graph.owner.hideTip());
    graph.addEventListener("keydown", (e) => graph.owner.keydown(e));
    graph.on("plotly_selected", (event) => { if (event) graph.owner.select(outline(event)); });
    // A double click in box or lasso mode; in pan mode Plotly resets the zoom itself.
    graph.on("plotly_deselect", () => { graph.owner.clear(); graph.owner.fit(); });
    for (const name of ["plotly_relayouting", "plotly_relayout", "plotly_afterplot"])
      graph.on(name, () => { graph.owner.shifted(); graph.owner.markReady(); });
  }
  refresh() {
    if (!this.graph) return;
    this.paint();
    this.graph.setAttribute("aria-label", this.label());
    if (!this.data.selected) this.forgetOutline();
    this.placeCursor();
    this.markReady();
  }
  markReady() {
    const isReady = this.graph && this.x.length > 0 && this.isFitted();
    this.root.querySelector(".plot").dataset.ready = String(Boolean(isReady));
  }

  // --- where the points are ----------------------------------------------------------------
  /** Return the position of the plot's area in the frame. */
  origin() {
    const { xaxis, yaxis } = this.graph._fullLayout, box = this.graph.getBoundingClientRect();
    return [box.left + xaxis._offset, box.top + yaxis._offset];
  }
  size() {
    const { xaxis, yaxis } = this.graph._fullLayout;
    return [xaxis._length, yaxis._length];
  }
  mapping() {
    if (!this.graph) return [0, 0, 0, 0];
    const { xaxis, yaxis } = this.graph._fullLayout;
    return [xaxis._m, xaxis._b, yaxis._m, yaxis._b];
  }
  point(isOver) {
    const area = this.graph.querySelector(".nsewdrag");
    if (area) area.style.cursor = isOver ? "pointer" : "";
  }
  pressButton(title) {
    this.graph.querySelector(`.modebar-btn[data-title="${title}"]`)?.click();
  }
  zoom(times) {
    this.pressButton(times > 1 ? "Zoom in" : "Zoom out");
  }
  fit() {
    this.pressButton("Reset axes");
  }
  forgetOutline() {
    this.graph?.querySelectorAll(".select-outline").forEach((path) => path.remove());
  }
}

/** Return the polygon of a box or a lasso in the units of the plot. */
function outline({ range, lassoPoints }) {
  if (lassoPoints) return lassoPoints.x.map((x, i) => [x, lassoPoints.y[i]]);
  if (!range) return [];
  const [west, east] = range.x, [south, north] = range.y;
  return [[west, south], [east, south], [east, north], [west, north]];
}
