// Shapes of the map in the mercator world, a square of side 1; map.js draws them.
const worldX = (lon) => lon / 360 + 0.5;
const worldY = (lat) => 0.5 - Math.asinh(Math.tan((lat * Math.PI) / 180)) / (2 * Math.PI);
const box = ([w, s, e, n]) => [worldX(w), worldY(n), worldX(e), worldY(s)];

/** Rings of any GeoJSON geometry in the world, with whether they enclose something. */
function rings(geometry) {
  const { type, coordinates: at, geometries } = geometry;
  if (type === "GeometryCollection") return geometries.flatMap(rings);
  const ring = (points, closed) => ({ closed, at: points.map(([x, y]) => [worldX(x), worldY(y)]) });
  if (type === "Point") return [ring([at], false)];
  if (type === "MultiPoint") return at.map((one) => ring([one], false));
  if (type === "LineString") return [ring(at, false)];
  if (type === "MultiLineString") return at.map((one) => ring(one, false));
  return (type === "Polygon" ? at : at.flat()).map((one) => ring(one, true));
}

function shape(feature) {
  const parts = rings(feature.geometry);
  const all = parts.flatMap((part) => part.at);
  const frame = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of all) {
    frame[0] = Math.min(frame[0], x); frame[1] = Math.min(frame[1], y);
    frame[2] = Math.max(frame[2], x); frame[3] = Math.max(frame[3], y);
  }
  return { n: Number(feature.id), parts, frame };
}

/** Which shapes may lie at a place: a grid of lists. */
class Index {
  constructor(shapes) {
    this.frame = [Infinity, Infinity, -Infinity, -Infinity];
    for (const { frame: f } of shapes) {
      this.frame = [Math.min(this.frame[0], f[0]), Math.min(this.frame[1], f[1]),
        Math.max(this.frame[2], f[2]), Math.max(this.frame[3], f[3])];
    }
    this.n = Math.max(1, Math.ceil(Math.sqrt(shapes.length)));
    this.cells = new Map();
    for (const one of shapes) this.visit(one.frame, (cell) => {
      if (!this.cells.has(cell)) this.cells.set(cell, []);
      this.cells.get(cell).push(one);
    });
  }
  column(v, axis) {
    const [low, high] = [this.frame[axis], this.frame[axis + 2]];
    return Math.max(0, Math.min(this.n - 1, Math.floor(((v - low) / (high - low || 1)) * this.n)));
  }
  visit([left, top, right, bottom], call) {
    for (let y = this.column(top, 1); y <= this.column(bottom, 1); y++)
      for (let x = this.column(left, 0); x <= this.column(right, 0); x++) call(y * this.n + x);
  }
  near(frame) {
    const found = new Set();
    this.visit(frame, (cell) => (this.cells.get(cell) || []).forEach((one) => found.add(one)));
    return found;
  }
}

function inside(one, x, y) {
  let odd = false;
  for (const { at, closed } of one.parts) {
    if (!closed) continue;
    for (let i = 0, j = at.length - 1; i < at.length; j = i++) {
      const [xi, yi] = at[i], [xj, yj] = at[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
    }
  }
  return odd;
}

function away(one, x, y) {
  let least = Infinity;
  for (const { at } of one.parts) {
    for (let i = 0; i < at.length; i++) {
      const [ax, ay] = at[i], [bx, by] = at[Math.min(i + 1, at.length - 1)];
      const [dx, dy] = [bx - ax, by - ay], long = dx * dx + dy * dy;
      const t = long ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / long)) : 0;
      least = Math.min(least, Math.hypot(ax + t * dx - x, ay + t * dy - y));
    }
  }
  return least;
}

const area = ({ frame: f }) => (f[2] - f[0]) * (f[3] - f[1]);
const meets = (a, b) => a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];
