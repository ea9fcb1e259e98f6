// Footprints in the world of web mercator, a square of side 1; map.js draws them.
const worldX = (lon) => lon / 360 + 0.5;
const worldY = (lat) => 0.5 - Math.asinh(Math.tan((lat * Math.PI) / 180)) / (2 * Math.PI);
const lonOf = (x) => (x - 0.5) * 360;
const latOf = (y) => (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI;
const box = ([w, s, e, n]) => [worldX(w), worldY(n), worldX(e), worldY(s)];

/** The rings of a GeoJSON geometry in the world, and whether each is closed. */
function rings(geometry) {
  const { type, coordinates, geometries } = geometry;
  if (type === "GeometryCollection") return geometries.flatMap(rings);
  const ring = (vertices, closed) => ({
    closed, points: vertices.map(([x, y]) => [worldX(x), worldY(y)]),
  });
  if (type === "Point") return [ring([coordinates], false)];
  if (type === "MultiPoint") return coordinates.map((point) => ring([point], false));
  if (type === "LineString") return [ring(coordinates, false)];
  if (type === "MultiLineString") return coordinates.map((line) => ring(line, false));
  const polygons = type === "Polygon" ? coordinates : coordinates.flat();
  return polygons.map((vertices) => ring(vertices, true));
}

/** A feature's number, its rings, and its frame: left, top, right, bottom. */
function parseShape(feature) {
  const parts = rings(feature.geometry);
  const frame = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of parts.flatMap((part) => part.points)) {
    frame[0] = Math.min(frame[0], x); frame[1] = Math.min(frame[1], y);
    frame[2] = Math.max(frame[2], x); frame[3] = Math.max(frame[3], y);
  }
  return { n: Number(feature.id), parts, frame };
}

/** Finds the shapes whose frames may meet another frame: a grid of lists. */
class Index {
  constructor(shapes) {
    this.frame = [Infinity, Infinity, -Infinity, -Infinity];
    for (const { frame: f } of shapes) {
      this.frame = [Math.min(this.frame[0], f[0]), Math.min(this.frame[1], f[1]),
        Math.max(this.frame[2], f[2]), Math.max(this.frame[3], f[3])];
    }
    this.n = Math.max(1, Math.ceil(Math.sqrt(shapes.length)));
    this.cells = new Map();
    for (const shape of shapes) this.visit(shape.frame, (cell) => {
      if (!this.cells.has(cell)) this.cells.set(cell, []);
      this.cells.get(cell).push(shape);
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
    const shapes = new Set();
    this.visit(frame, (cell) => (this.cells.get(cell) || []).forEach((s) => shapes.add(s)));
    return shapes;
  }
}

function contains(shape, x, y) {
  let odd = false;
  for (const { points, closed } of shape.parts) {
    if (!closed) continue;
    for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
      const [xi, yi] = points[i], [xj, yj] = points[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
    }
  }
  return odd;
}

function distanceTo(shape, x, y) {
  let minimum = Infinity;
  for (const { points } of shape.parts) {
    for (let i = 0; i < points.length; i++) {
      const [ax, ay] = points[i], [bx, by] = points[Math.min(i + 1, points.length - 1)];
      const [dx, dy] = [bx - ax, by - ay], length2 = dx * dx + dy * dy;
      const t = length2 ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / length2)) : 0;
      minimum = Math.min(minimum, Math.hypot(ax + t * dx - x, ay + t * dy - y));
    }
  }
  return minimum;
}

const area = ({ frame: f }) => (f[2] - f[0]) * (f[3] - f[1]);
const meets = (a, b) => a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];
const union = (frames) => [0, 1, 2, 3].map((i) =>
  Math[i < 2 ? "min" : "max"](...frames.map((frame) => frame[i])));
