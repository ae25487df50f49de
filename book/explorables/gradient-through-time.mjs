// How long is a gradient on its way back? The recursion of the chapter on vanishing gradients.
import { Explorable, array, axes, choice, define, digits, html, slider, svg } from "./picture.mjs";

/** Activations and their slopes, as functions of the pre-activation. */
export const ACTIVATIONS = {
  none: { of: (a) => a, slope: () => 1 },
  tanh: { of: Math.tanh, slope: (a) => 1 - Math.tanh(a) ** 2 },
  ReLU: { of: (a) => Math.max(a, 0), slope: (a) => (a > 0 ? 1 : 0) },
};

/**
 * Mean logarithm of the adjoint's norm at the lags 0 ... T, relative to lag 0.
 *
 * Q (H, H), W_x and b (H), xs (T, B), last (B, H), as `array` gives them; W_h = radius Q.
 */
export function logNorms({ Q, W_x, b, xs, last }, { radius, activation, T }) {
  const [B, H] = last.shape;
  const { of, slope } = ACTIVATIONS[activation];
  const mean = new Float64Array(T + 1);
  for (let n = 0; n < B; n++) {
    const slopes = [];
    let h = new Float64Array(H);
    for (let t = 0; t < T; t++) {
      const a = h.map((_, i) => b[i] + W_x[i] * xs[t * B + n] + radius * h.reduce((s, v, j) => s + Q[i * H + j] * v, 0)); // (elman-preactivation)
      slopes.push(a.map(slope));
      h = a.map(of);
    }
    let delta = last.slice(n * H, (n + 1) * H);
    const norm = () => Math.log(Math.hypot(...delta));
    const first = norm();
    for (let lag = 1; lag <= T; lag++) {
      const da = delta.map((v, i) => v * slopes[T - lag][i]);
      delta = delta.map((_, j) => radius * da.reduce((s, v, i) => s + Q[i * H + j] * v, 0)); // (adjoint)
      mean[lag] += (norm() - first) / B;
    }
  }
  return mean;
}

class GradientThroughTime extends Explorable {
  settings = { radius: 1, activation: "tanh", T: 60 };

  build(data) {
    this.arrays = Object.fromEntries(Object.entries(data).map(([name, sent]) => [name, array(sent)]));
    const set = (name) => (value) => {
      this.settings[name] = value;
      this.update();
    };
    const { radius, activation, T } = this.settings;
    this.plot = axes({
      x: [0, 100],
      y: [-20, 20],
      xticks: [0, 20, 40, 60, 80, 100],
      yticks: [-20, -10, 0, 10, 20],
      xlabel: "steps back",
      ylabel: "log of the relative norm",
    });
    this.measured = svg("path", { fill: "none", stroke: this.colours.gradient, "stroke-width": 2.5 });
    this.straight = svg("path", { fill: "none", stroke: this.colours.baseline, "stroke-width": 1.8, "stroke-dasharray": "6 4" });
    this.plot.inside.append(this.straight, this.measured);
    return [
      html(
        "div",
        { className: "controls" },
        slider("radius ρ", { min: 0.5, max: 2, step: 0.01, value: radius, say: (v) => v.toFixed(2) }, set("radius")),
        slider("steps T", { min: 5, max: 100, step: 1, value: T, say: String }, set("T")),
        choice("activation", Object.keys(ACTIVATIONS), activation, set("activation")),
      ),
      this.plot.picture,
    ];
  }

  update() {
    const { radius, T } = this.settings;
    const norms = logNorms(this.arrays, this.settings);
    const lags = Array.from(norms, (_, k) => k);
    this.measured.setAttribute("d", this.plot.line(lags.filter((k) => isFinite(norms[k])), norms.filter(isFinite)));
    this.straight.setAttribute("d", this.plot.line([0, T], [0, T * Math.log(radius)]));
    const left = Math.exp(norms[T]);
    const words = `After ${T} steps back the gradient has ${digits(left)} times its length. Without an activation it would have ρ to the power ${T}, ${digits(radius ** T)} times (dashed).`;
    this.plot.picture.setAttribute("aria-label", `Logarithm of the gradient's norm against steps back. ${words}`);
    this.said.textContent = words;
    this.value = norms;
  }
}

define("gradient-through-time", GradientThroughTime);
