// Tooltips of points, lines, headers and notes: on hover, touch, and by keyboard.
const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true"); // its text is already the label or description of its element
document.body.append(tip);

const tipTargetAt = (target) => {
  const found = target?.closest?.(".has-tip, .name, button[aria-describedby]");
  return found?.dataset.of ? document.getElementById(found.dataset.of) : found;
};
const said = (element) =>
  element.tagName === "BUTTON"
    ? element.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).textContent)
    : element.getAttribute("aria-label").split("\n");
let current = null;
const hide = () => {
  tip.hidden = true;
  current = null;
};
const show = (element, { left, right, top, bottom }) => {
  if (element === current) return;
  current = element;
  tip.replaceChildren(
    ...said(element).map((line) => Object.assign(document.createElement("p"), { textContent: line })),
  );
  tip.hidden = false;
  tip.style.left = "0";
  const [width, height, page] = [tip.offsetWidth, tip.offsetHeight, document.documentElement];
  const middle = (left + right) / 2 - width / 2;
  tip.style.left = `${scrollX + Math.max(4, Math.min(middle, page.clientWidth - width - 4))}px`;
  const below = bottom + height < page.clientHeight || top < height;
  tip.style.top = `${scrollY + (below ? bottom : top - height)}px`;
};

// A line is thin: also accept what is slightly beside the pointer.
const around = [[0, 0], [0, 4], [0, -4], [4, 0], [-4, 0], [0, 7], [0, -7], [7, 0], [-7, 0]];
document.addEventListener("pointermove", ({ target, clientX: x, clientY: y, pointerType }) => {
  if (pointerType === "touch" || tip.contains(target)) return;
  const near = target.closest?.("figure svg") ? around : [[0, 0]];
  const found = near.map(([dx, dy]) => tipTargetAt(document.elementFromPoint(x + dx, y + dy))).find(Boolean);
  if (found) show(found, { left: x, right: x, top: y - 4, bottom: y + 12 });
  else if (current !== document.activeElement) hide();
});
document.addEventListener("focusin", ({ target }) => {
  const element = tipTargetAt(target);
  if (element) show(element, element.getBoundingClientRect());
  else hide();
});
document.addEventListener("focusout", hide);
addEventListener("resize", hide); // its position would be wrong
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  const drawing = event.target.closest?.("figure svg");
  if (!drawing || !(event.key in steps)) return;
  event.preventDefault();
  const all = [...drawing.querySelectorAll(".has-tip")];
  const place = Math.max(0, Math.min(all.length - 1, all.indexOf(event.target) + steps[event.key]));
  event.target.setAttribute("tabindex", "-1");
  all[place].setAttribute("tabindex", "0");
  all[place].focus();
});
// One Tab stop per drawing; arrow keys move on from there.
document.querySelectorAll("figure svg").forEach((drawing) => drawing.querySelector(".has-tip")?.setAttribute("tabindex", "0"));
