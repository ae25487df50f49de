// Four steps of an Elman network forward, then backward, one line of code at a time.
import { Explorable, define, html, slider, svg } from "./picture.mjs";

const times = (M, v) => M.map((row) => row.reduce((sum, m, k) => sum + m * v[k], 0));
const transposed = (M) => M[0].map((_, k) => M.map((row) => row[k]));
const plus = (u, v) => u.map((a, k) => a + v[k]);
const outer = (u, v) => u.map((a) => v.map((b) => a * b));
const zeros = (v) => v.map((part) => (Array.isArray(part) ? zeros(part) : 0));
const shape = (v) => `(${(Array.isArray(v[0]) ? [v.length, v[0].length] : [v.length]).join(", ")})`;

/**
 * All lines in their order: `label` of the equation, `arrows` (and rings) that stand for it, `text` with _ before
 * a subscript, and `values` by name. `dhs[t - 1]` is what the loss sends straight into h_t.
 */
export function lines({ W_x, W_h, b, xs, h_0, dhs }) {
  const T = xs.length;
  const [hs, found] = [[h_0], []];
  for (let t = 1; t <= T; t++) {
    hs.push(plus(plus(times(W_x, xs[t - 1]), times(W_h, hs[t - 1])), b).map(Math.tanh)); // (elman)
    found.push({
      label: "elman",
      arrows: [`x${t}`, `h${t}`],
      text: `h_${t} = tanh(W_x x_${t} + W_h h_${t - 1} + b)`,
      values: { [`x_${t}`]: xs[t - 1], [`h_${t - 1}`]: hs[t - 1], [`h_${t}`]: hs[t] },
    });
  }
  let [back, dW_x, dW_h, db] = [h_0, W_x, W_h, b].map(zeros);
  for (let t = T; t > 0; t--) {
    const delta = plus(dhs[t - 1], back); // (adjoint)
    const sent = dhs[t - 1].some((v) => v);
    found.push({
      label: "adjoint",
      arrows: [...(sent ? [`L${t}`] : []), `d${t}`],
      text: `δ_${t} = ${[...(sent ? [`dh_${t}`] : []), ...(t < T ? [`what step ${t + 1} passed back`] : [])].join(" + ")}`,
      values: { ...(sent ? { [`dh_${t}`]: dhs[t - 1] } : {}), ...(t < T ? { "passed back": back } : {}), [`δ_${t}`]: delta },
    });
    const da = delta.map((d, k) => d * (1 - hs[t][k] ** 2)); // (elman-da)
    found.push({ label: "elman-da", arrows: [`a${t}`], text: `da_${t} = δ_${t} ∘ (1 − h_${t}²)`, values: { [`δ_${t}`]: delta, [`h_${t}`]: hs[t], [`da_${t}`]: da } });
    const sum = (M, N) => M.map((row, k) => plus(row, N[k]));
    [dW_x, dW_h, db] = [sum(dW_x, outer(da, xs[t - 1])), sum(dW_h, outer(da, hs[t - 1])), plus(db, da)]; // (elman-dparams)
    found.push({
      label: "elman-dparams",
      arrows: [`w${t}`],
      text: `dW_x += da_${t} x_${t}ᵀ,  dW_h += da_${t} h_${t - 1}ᵀ,  db += da_${t}`,
      values: { dW_x, dW_h, db },
    });
    const dx = times(transposed(W_x), da); // (elman-dinputs)
    back = times(transposed(W_h), da);
    found.push({
      label: "elman-dinputs",
      arrows: [`dx${t}`, `dh${t}`],
      text: `dx_${t} = W_xᵀ da_${t};  W_hᵀ da_${t} goes back to h_${t - 1}`,
      values: { [`da_${t}`]: da, [`dx_${t}`]: dx, [`to h_${t - 1}`]: back },
    });
  }
  return found;
}

/** Text with its subscripts: the characters after each underscore, one letter or digits. */
function marked(text) {
  return text.split(/(_(?:\d+|[a-z]))/).map((part) => (part.startsWith("_") ? html("sub", {}, part.slice(1)) : part));
}

const [COLUMN, STATE, INPUT, LOSS] = [130, 130, 230, 40];
const column = (t) => 50 + COLUMN * t;

class UnrollSteps extends Explorable {
  at = 0;

  build(data) {
    this.lines = lines(data);
    const T = data.xs.length;
    this.arrows = {};
    const arrow = (name, path, colour, words = "", x = 0, y = 0) => {
      const line = svg("path", { d: path, fill: "none", stroke: this.colours[colour], "stroke-width": 2.5, "marker-end": `url(#tip-${colour})` });
      const text = svg("text", { x, y, fill: "currentColor", "font-size": 12, "text-anchor": "middle" }, words);
      this.arrows[name] = svg("g", {}, line, text);
      return this.arrows[name];
    };
    const tip = (colour) =>
      svg("marker", { id: `tip-${colour}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 5, markerHeight: 5, orient: "auto" }, svg("path", { d: "M0 0L8 4L0 8z", fill: this.colours[colour] }));
    const circle = (x, y, colour, name, t) =>
      svg("g", {}, svg("circle", { cx: x, cy: y, r: 20, fill: "none", stroke: this.colours[colour], "stroke-width": 2 }), svg("text", { x, y: y + 5, "text-anchor": "middle", fill: "currentColor" }, name, svg("tspan", { dy: 4, "font-size": "0.75em" }, String(t))));
    const drawn = [circle(column(0), STATE, "state", "h", 0)];
    for (let t = 1; t <= T; t++) {
      const [x, from] = [column(t), column(t - 1)];
      drawn.push(circle(x, STATE, "state", "h", t), circle(x, INPUT, "input", "x", t));
      drawn.push(arrow(`h${t}`, `M${from + 22} ${STATE - 6}H${x - 22}`, "state"), arrow(`x${t}`, `M${x - 7} ${INPUT - 21}V${STATE + 21}`, "input"));
      drawn.push(arrow(`dh${t}`, `M${x - 22} ${STATE + 8}H${from + 22}`, "gradient"), arrow(`dx${t}`, `M${x + 7} ${STATE + 21}V${INPUT - 21}`, "gradient"));
      drawn.push((this.arrows[`d${t}`] = svg("circle", { cx: x, cy: STATE, r: 25, fill: "none", stroke: this.colours.gradient, "stroke-width": 3 })));
      drawn.push(arrow(`a${t}`, `M${x + 18} ${STATE - 12}a12 12 0 1 1 4 14`, "gradient"));
      drawn.push(arrow(`w${t}`, `M${x - 14} ${STATE + 15}l-22 28`, "gradient", "W, b", x - 46, STATE + 58));
      if (data.dhs[t - 1].some((v) => v)) drawn.push(svg("text", { x, y: LOSS - 8, "text-anchor": "middle", fill: "currentColor" }, "L"), arrow(`L${t}`, `M${x} ${LOSS}V${STATE - 22}`, "gradient"));
    }
    this.picture = svg("svg", { class: "figure", role: "img", viewBox: `0 0 ${column(T) + 50} 262` }, svg("defs", {}, ...["state", "input", "gradient"].map(tip)), ...drawn);
    const go = (way) => () => this.go(this.at + way);
    this.back = html("button", { type: "button", onclick: go(-1) }, "back");
    this.next = html("button", { type: "button", onclick: go(1) }, "next");
    this.place = slider("line", { min: 1, max: this.lines.length, step: 1, value: 1, say: (v) => `${v} of ${this.lines.length}` }, (v) => this.go(v - 1));
    this.table = html("tbody");
    const head = html("tr", {}, ...["name", "shape", "value"].map((word) => html("th", { scope: "col" }, word)));
    const table = html("div", { className: "table-wrapper", tabIndex: 0, role: "region", ariaLabel: "Values of this line" }, html("table", { className: "table" }, html("thead", {}, head), this.table));
    return [html("div", { className: "controls" }, this.back, this.next, this.place), this.picture, table];
  }

  go(at) {
    this.at = Math.max(0, Math.min(this.lines.length - 1, at));
    this.place.input.value = this.at + 1;
    this.place.querySelector("output").value = `${this.at + 1} of ${this.lines.length}`;
    this.update();
  }

  update() {
    const { label, text, values } = this.lines[this.at];
    const when = new Map();
    this.lines.forEach(({ arrows }, k) => arrows.forEach((name) => when.set(name, k)));
    for (const [name, group] of Object.entries(this.arrows)) group.setAttribute("opacity", when.get(name) === this.at ? 1 : when.get(name) < this.at ? 0.4 : 0);
    const say = (v) => (Array.isArray(v[0]) ? v.map(say).join("\n") : v.map((x) => x.toFixed(2).replace("-", "−").padStart(5)).join(" "));
    this.table.replaceChildren(...Object.entries(values).map(([name, v]) => html("tr", {}, html("th", { scope: "row" }, ...marked(name)), html("td", {}, shape(v)), html("td", { className: "numbers" }, say(v)))));
    const target = document.getElementById(`equation-${label}`);
    const name = html(target ? "a" : "code", target ? { href: `#equation-${label}` } : {}, `(${label})`);
    const way = label === "elman" ? "Forward" : "Backward";
    this.said.replaceChildren(`${way}: `, ...marked(text), " ", name);
    this.picture.setAttribute("aria-label", `An Elman network unrolled for four steps, with losses at steps 2 and 4. ${way}: ${text} (${label})`);
    this.back.disabled = this.at === 0;
    this.next.disabled = this.at === this.lines.length - 1;
    this.value = this.lines[this.at];
  }
}

define("unroll-steps", UnrollSteps);
