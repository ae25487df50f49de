// Gradient descent beside the cliff of one logistic unit, with and without clipping.
import { Explorable, axes, define, digits, html, slider, svg } from "./picture.mjs";

const sigmoid = (a) => 0.5 * (1 + Math.tanh(a / 2));

/** The loss of the network (w, b), and its slopes. */
export function lossAndGradient([w, b], { h_0, y, T }) {
  const hs = [h_0];
  for (let t = 0; t < T; t++) hs.push(sigmoid(w * hs[t] + b)); // (one-unit)
  const loss = (hs[T] - y) ** 2; // (one-unit-loss)
  let [delta, dw, db] = [2 * (hs[T] - y), 0, 0];
  for (let t = T; t > 0; t--) {
    const da = delta * hs[t] * (1 - hs[t]);
    delta = w * da; // (one-unit-adjoint)
    dw += da * hs[t - 1]; // (one-unit-dparams)
    db += da;
  }
  return { loss, gradient: [dw, db] };
}

/** The points of a descent; no clipping if `clip` is Infinity. */
export function descend(point, network, { lr, clip, steps }) {
  const path = [point];
  for (let k = 0; k < steps; k++) {
    const { gradient } = lossAndGradient(path[k], network);
    const shorten = Math.min(1, clip / Math.hypot(...gradient)); // (clip-norm)
    path.push(path[k].map((v, j) => v - lr * shorten * gradient[j]));
  }
  return path;
}

class ClippingCliff extends Explorable {
  settings = { lr: 1, clip: 1, steps: 60 };

  build({ start, w, b, ...network }) {
    Object.assign(this, { start, network, ranges: [w, b] });
    this.plot = axes({ x: w, y: b, xticks: [3.5, 4, 4.5, 5, 5.5, 6], yticks: [-3, -2.5, -2, -1.5], xlabel: "w", ylabel: "b", height: 380 });
    const set = (name) => (value) => {
      this.settings[name] = value;
      this.update();
    };
    const place = (k) => (value) => {
      this.start[k] = value;
      this.update();
    };
    const span = ([min, max], value) => ({ min, max, step: 0.01, value, say: (v) => v.toFixed(2).replace("-", "−") });
    this.where = [slider("start w", span(w, start[0]), place(0)), slider("start b", span(b, start[1]), place(1))];
    const mark = (colour, more) => svg("path", { fill: "none", stroke: this.colours[colour], "stroke-width": 2, ...more });
    this.paths = { free: mark("fault", { "stroke-dasharray": "6 4" }), tamed: mark("state") };
    this.dots = svg("g", { fill: this.colours.state });
    this.knob = svg("circle", { r: 8, fill: "none", stroke: "currentColor", "stroke-width": 2.5 });
    this.plot.inside.append(this.surface(), this.paths.free, this.paths.tamed, this.dots, this.knob);
    this.plot.picture.classList.add("draggable");
    this.plot.picture.addEventListener("pointerdown", (event) => this.grab(event));
    this.plot.picture.addEventListener("pointermove", (event) => event.buttons && this.grab(event));
    const { lr, clip, steps } = this.settings;
    return [
      html(
        "div",
        { className: "controls" },
        ...this.where,
        slider("learning rate", { min: 0.1, max: 3, step: 0.1, value: lr }, set("lr")),
        slider("clip at norm", { min: 0.1, max: 3, step: 0.1, value: clip }, set("clip")),
        slider("steps", { min: 0, max: 200, step: 1, value: steps, say: String }, set("steps")),
      ),
      this.plot.picture,
    ];
  }

  /** The loss as a picture: the darker the higher. */
  surface() {
    const [[w0, w1], [b0, b1]] = this.ranges;
    const [columns, rows] = [180, 120];
    const canvas = html("canvas", { width: columns, height: rows });
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(columns, rows);
    const colour = this.colours.loss.match(/[0-9a-f]{2}/g).map((hex) => parseInt(hex, 16));
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < columns; k++) {
        const point = [w0 + ((k + 0.5) / columns) * (w1 - w0), b1 - ((r + 0.5) / rows) * (b1 - b0)];
        const { loss } = lossAndGradient(point, this.network);
        pixels.data.set([...colour, 230 * Math.sqrt(loss / 0.5)], 4 * (r * columns + k));
      }
    }
    context.putImageData(pixels, 0, 0);
    const [x, y] = [this.plot.x(w0), this.plot.y(b1)];
    return svg("image", { href: canvas.toDataURL(), x, y, width: this.plot.x(w1) - x, height: this.plot.y(b0) - y, preserveAspectRatio: "none" });
  }

  /** Take the start to where the pointer is. */
  grab(event) {
    const { picture, x, y } = this.plot;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
    const values = this.ranges.map(([low, high], k) => {
      const [from, to, v] = k ? [y(low), y(high), at.y] : [x(low), x(high), at.x];
      return low + ((v - from) / (to - from)) * (high - low);
    });
    this.where.forEach(({ input }, k) => {
      input.value = values[k];
      input.dispatchEvent(new Event("input"));
    });
  }

  update() {
    const { clip, ...rest } = this.settings;
    const free = descend(this.start, this.network, { ...rest, clip: Infinity });
    const tamed = descend(this.start, this.network, { ...rest, clip });
    const line = (path) => this.plot.line(path.map(([w]) => w), path.map(([, b]) => b));
    this.paths.free.setAttribute("d", line(free));
    this.paths.tamed.setAttribute("d", line(tamed));
    this.dots.replaceChildren(...tamed.map(([w, b]) => svg("circle", { cx: this.plot.x(w), cy: this.plot.y(b), r: 2.5 })));
    this.knob.setAttribute("cx", this.plot.x(this.start[0]));
    this.knob.setAttribute("cy", this.plot.y(this.start[1]));
    const say = (path) => {
      const [w, b] = path.at(-1);
      const outside = [w, b].some((v, k) => v < this.ranges[k][0] || v > this.ranges[k][1]);
      return `w = ${digits(w)}, b = ${digits(b)}${outside ? ", outside of the picture" : ""}, loss ${digits(lossAndGradient([w, b], this.network).loss)}`;
    };
    const same = free.every((point, k) => point.every((v, i) => v === tamed[k][i]));
    const words = `After ${rest.steps} steps without clipping (dashed): ${say(free)}. With clipping (dots): ${say(tamed)}.${same ? " No step was cut: both take the same way." : ""}`;
    this.plot.picture.setAttribute("aria-label", `The loss over w and b, darker where it is higher, and two descents from one start. ${words}`);
    this.said.textContent = words;
    this.value = { free, tamed };
  }
}

define("clipping-cliff", ClippingCliff);
