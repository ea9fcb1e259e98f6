// Chips as buttons. A click or Enter picks a chip, the arrow keys move between chips, and the Tab
// key enters and leaves the gallery as a whole.
const drawn = new WeakMap();
const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

function element(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text) node.textContent = text;
  return node;
}

function chipButton(item, width) {
  const button = element("button"), image = element("img");
  button.type = "button"; button.tabIndex = -1; button.dataset.chip = item.id;
  button.style.borderTopColor = item.colour; button.style.width = `${width}px`;
  button.title = item.alt;
  image.src = item.image; image.alt = item.alt; image.width = image.height = width;
  button.append(image);
  if (item.sign) {
    const sign = element("i", "sign", item.sign);
    sign.ariaHidden = "true"; button.append(sign);
  }
  if (item.first) {
    const caption = element("span", "caption", item.first);
    caption.ariaHidden = "true";
    caption.append(element("small", "", item.second));
    button.append(caption);
  }
  return button;
}

function neighbourOf(buttons, current, key) {
  const i = buttons.indexOf(current);
  if (key === "Home") return buttons[0];
  if (key === "End") return buttons[buttons.length - 1];
  if (key === "ArrowLeft" || key === "ArrowRight") return buttons[i + (key === "ArrowLeft" ? -1 : 1)];
  const start = current.getBoundingClientRect(), sign = key === "ArrowDown" ? 1 : -1;
  const distances = buttons.map((button) => {
    const box = button.getBoundingClientRect(), down = sign * (box.top - start.top);
    return [down > 4 ? down * 1000 + Math.abs(box.left - start.left) : Infinity, button];
  }).sort((a, b) => a[0] - b[0]);
  return distances[0][0] < Infinity ? distances[0][1] : undefined;
}

function drawGallery(root, data) {
  root.replaceChildren();
  root.className = `gallery ${data.kind}`;
  root.setAttribute("role", "group"); root.setAttribute("aria-label", data.label);
  for (const group of data.groups) {
    const buttons = group.items.map((item) => chipButton(item, data.width));
    if (data.kind === "grid") { root.append(...buttons); continue; }
    const row = element("div"), header = element("header"), title = element("span", "title");
    const swatch = element("i"), section = element("section");
    swatch.style.background = group.colour;
    title.append(swatch, group.title); header.append(title, element("small", "", group.second));
    section.append(...buttons); row.append(header, section); root.append(row);
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".gallery");
  const signature = JSON.stringify([data.kind, data.label, data.width, data.groups]);
  const focused = parentElement.activeElement?.dataset?.chip;
  if (drawn.get(root) !== signature) { drawGallery(root, data); drawn.set(root, signature); }
  const buttons = [...root.querySelectorAll("button")];
  for (const button of buttons) button.ariaPressed = String(button.dataset.chip === data.picked);
  const enter = (button) => {
    for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
  };
  const named = (chip) => buttons.find((button) => chip && button.dataset.chip === chip);
  if (buttons.length) enter(named(focused) || named(data.picked) || buttons[0]);
  named(focused)?.focus({ preventScroll: true });
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) { enter(button); setTriggerValue("picked", button.dataset.chip); }
  };
  root.onkeydown = (event) => {
    if (!KEYS.includes(event.key) || event.target.tagName !== "BUTTON") return;
    event.preventDefault();
    const next = neighbourOf(buttons, event.target, event.key);
    if (next) { enter(next); next.focus(); }
  };
}
