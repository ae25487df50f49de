// An LSTM of one unit whose gates the reader holds.
import { Explorable, axes, define, digits, html, slider, svg } from "./picture.mjs";

const sigmoid = (a) => 0.5 * (1 + Math.tanh(a / 2));
const logit = (p) => Math.log(p / (1 - p));

/** One step for one example: weights as nested rows in the order i, f, g, o; x (D), h and c (H). */
export function step({ W_x, W_h, b }, x, { h, c }) {
  const H = h.length;
  const dot = (row, v) => row.reduce((sum, w, k) => sum + (w && w * v[k]), 0);
  const a = b.map((bias, k) => dot(W_x[k], x) + dot(W_h[k], h) + bias); // (lstm-affine)
  const block = (k) => a.slice(k * H, (k + 1) * H);
  const [i, f, g, o] = [block(0).map(sigmoid), block(1).map(sigmoid), block(2).map(Math.tanh), block(3).map(sigmoid)]; // (lstm-gates)
  const kept = c.map((v, k) => f[k] * v + i[k] * g[k]); // (lstm-cell)
  return { h: kept.map((v, k) => o[k] * Math.tanh(v)), c: kept }; // (lstm-output)
}

/** A cell whose gates stand at i, f, o whatever it reads; only the candidate hears x. */
export function held(i, f, o, W_g) {
  return { W_x: [[0], [0], [W_g], [0]], W_h: [[0], [0], [0], [0]], b: [logit(i), logit(f), 0, logit(o)] };
}

class LstmCell extends Explorable {
  gates = { i: 1, f: 0.9, o: 1 };

  build({ W_g, steps }) {
    Object.assign(this, { W_g, steps });
    const gate = (name, words) => {
      const made = slider(`${words} ${name}`, { min: 0, max: 1, step: 0.05, value: this.gates[name], say: (v) => v.toFixed(2) }, (v) => {
        this.gates[name] = v;
        this.update();
      });
      made.input.style.accentColor = this.colours[name];
      return made;
    };
    const button = (words, act) => html("button", { type: "button", onclick: act }, words);
    const feed = (...xs) => () => {
      xs.forEach((x) => this.feed(x));
      this.update();
    };
    this.plot = axes({
      height: 280,
      x: [0, steps],
      y: [-2, 2],
      xticks: [0, 10, 20, 30, 40],
      yticks: [-2, -1, 0, 1, 2],
      xlabel: "step",
      ylabel: "c, h, x",
    });
    const path = (colour, more) => svg("path", { fill: "none", stroke: this.colours[colour], "stroke-width": 2.5, ...more });
    this.paths = { c: path("memory"), h: path("state", { "stroke-dasharray": "5 3" }) };
    this.pulses = svg("g", { fill: this.colours.input });
    this.plot.inside.append(this.pulses, ...Object.values(this.paths));
    this.reset();
    [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0].forEach((x) => this.feed(x));
    return [
      html("div", { className: "controls" }, gate("i", "input gate"), gate("f", "forget gate"), gate("o", "output gate")),
      html(
        "div",
        { className: "controls" },
        button("pulse +1", feed(1)),
        button("pulse −1", feed(-1)),
        button("one step, no pulse", feed(0)),
        button("five steps", feed(0, 0, 0, 0, 0)),
        button("start again", () => (this.reset(), this.update())),
      ),
      this.plot.picture,
    ];
  }

  reset() {
    this.history = [{ x: 0, h: 0, c: 0 }];
  }

  feed(x) {
    const { i, f, o } = this.gates;
    const { h, c } = this.history.at(-1);
    const next = step(held(i, f, o, this.W_g), [x], { h: [h], c: [c] });
    this.history.push({ x, h: next.h[0], c: next.c[0] });
  }

  update() {
    const first = Math.max(0, this.history.length - 1 - this.steps);
    const shown = this.history.slice(first);
    const at = shown.map((_, k) => k);
    for (const name of ["c", "h"]) this.paths[name].setAttribute("d", this.plot.line(at, shown.map((s) => s[name])));
    const bars = shown.flatMap(({ x }, k) => (x ? [svg("rect", { x: this.plot.x(k) - 2, width: 4, y: Math.min(this.plot.y(0), this.plot.y(x)), height: Math.abs(this.plot.y(x) - this.plot.y(0)) })] : []));
    this.pulses.replaceChildren(...bars);
    const { h, c } = shown.at(-1);
    const t = this.history.length - 1;
    const { i, f, o } = this.gates;
    const words = `After step ${t}: the memory c (solid) is ${digits(c)}, the state h (dashed) is ${digits(h)}. With these gates a step without a pulse makes of them ${digits(f * c)} and ${digits(o * Math.tanh(f * c))}.`;
    this.plot.picture.setAttribute("aria-label", `Memory, state and pulses over the last steps. ${words}`);
    this.said.textContent = words;
    this.value = { h, c };
  }
}

define("lstm-cell", LstmCell);
