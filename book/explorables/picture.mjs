// What the explorables share: arrays of the page's data, SVG pictures, controls.

const SVG = "http://www.w3.org/2000/svg";

/** An array as Python sends it, `{shape, float32}` in base64. */
export function array({ shape, float32 }) {
  const bytes = Uint8Array.from(atob(float32), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const numbers = Float64Array.from({ length: bytes.length / 4 }, (_, k) => view.getFloat32(4 * k, true));
  return Object.assign(numbers, { shape });
}

/** A number with as many digits as a reader needs. */
export function digits(x) {
  const size = Math.abs(x);
  const plain = x === 0 || (size >= 0.01 && size < 10000);
  const words = plain ? String(Number(x.toPrecision(2))) : x.toExponential(0).replace("e+", "e");
  return words.replace("-", "−").replace("e-", "e−");
}

/** An HTML element. */
export function html(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A slider with its name before it and its value behind it. */
export function slider(name, { min, max, step, value, say = digits }, act) {
  const said = html("output", {}, say(value));
  const input = html("input", { type: "range", min, max, step, value });
  const label = html("label", {}, html("span", {}, name), input, said);
  const tell = () => input.setAttribute("aria-valuetext", said.value);
  input.addEventListener("input", () => {
    said.value = say(input.valueAsNumber);
    tell();
    act(input.valueAsNumber);
  });
  tell();
  return Object.assign(label, { input });
}

/** Some words of which one is chosen. */
export function choice(name, words, chosen, act) {
  const group = `choice-${Math.random().toString(36).slice(2)}`;
  const radios = words.map((word) => {
    const input = html("input", { type: "radio", name: group, value: word, checked: word === chosen });
    input.addEventListener("change", () => act(word));
    return html("label", {}, input, word);
  });
  return html("fieldset", {}, html("legend", {}, name), ...radios);
}

/** Two axes; `x(v)` and `y(v)` say where a value stands, `line(xs, ys)` is a path. */
export function axes({ width = 640, height: wanted = 320, x: [x0, x1], y: [y0, y1], xlabel, ylabel, xticks, yticks }) {
  const phone = globalThis.matchMedia?.("(max-width: 600px)").matches; // where letters are larger
  const [left, right, top, bottom, letter] = phone ? [92, 24, 24, 72, 24] : [60, 24, 12, 48, 16];
  const height = phone ? 1.35 * wanted : wanted;
  const x = (v) => left + ((v - x0) / (x1 - x0)) * (width - left - right);
  const y = (v) => height - bottom - ((v - y0) / (y1 - y0)) * (height - top - bottom);
  const clip = `clip-${Math.random().toString(36).slice(2)}`;
  const inside = svg("g", { "clip-path": `url(#${clip})` });
  const text = (words, attributes) => svg("text", { fill: "currentColor", ...attributes }, words);
  const ticks = [
    ...xticks.map((v) => text(digits(v), { x: x(v), y: height - bottom + letter + 2, "text-anchor": "middle" })),
    ...yticks.map((v) => text(digits(v), { x: left - 8, y: y(v) + letter / 3, "text-anchor": "end" })),
  ];
  const middle = (top + height - bottom) / 2;
  const picture = svg(
    "svg",
    { class: "figure", role: "img", viewBox: `0 0 ${width} ${height}` },
    svg("clipPath", { id: clip }, svg("rect", { x: left, y: top, width: width - left - right, height: height - top - bottom })),
    svg("path", { d: `M${left} ${top}V${height - bottom}H${width - right}`, fill: "none", stroke: "currentColor" }),
    ...ticks,
    text(xlabel, { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }),
    text(ylabel, { x: letter, y: middle, "text-anchor": "middle", transform: `rotate(-90 ${letter} ${middle})` }),
    inside,
  );
  const line = (xs, ys) => Array.from(ys, (v, k) => `${k ? "L" : "M"}${x(xs[k]).toFixed(2)} ${y(v).toFixed(2)}`).join("");
  return { picture, inside, x, y, line };
}

/** Base of the elements: Python's data and colours, and words that are read out when they change. */
export class Explorable extends (globalThis.HTMLElement ?? Object) {
  source = globalThis.document?.currentScript?.src;

  /** What it shows costs time, so it is made when the reader comes near. */
  connectedCallback() {
    const watch = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) return;
      watch.disconnect();
      this.show();
    }, { rootMargin: "600px" });
    watch.observe(this);
  }

  show() {
    const { colours, ...data } = JSON.parse(this.querySelector("script[type='application/json']").textContent);
    this.colours = colours;
    this.said = html("p", { className: "said", role: "status" });
    this.replaceChildren(...this.build(data), this.said);
    this.update();
  }
}

/** Make an element known; where there is no browser, nothing happens. */
export function define(name, element) {
  globalThis.customElements?.define(name, element);
}
