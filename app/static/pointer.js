// What the plot and the map do alike with a pointer; loaded before their own scripts.

/** Return the position of a pointer on an element, in CSS pixels. */
function positionOn(element, { clientX, clientY }) {
  const box = element.getBoundingClientRect();
  return [clientX - box.left, clientY - box.top];
}
/** Call `zoom` with a factor and a position when the wheel turns. */
function listenToWheel(element, zoom) {
  element.addEventListener("wheel", (e) => {
    e.preventDefault();
    zoom(2 ** (-e.deltaY / (e.deltaMode ? 9 : 300)), ...positionOn(element, e));
  }, { passive: false });
}
/** Return the factor of two fingers' movement and the finger that rests, or null. */
function pinch(pointers, id, before, current) {
  const other = [...pointers].find(([pointer]) => pointer !== id)?.[1];
  if (!other) return null;
  const span = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
  return [span(current) / span(before), ...other];
}
