// The book's character model, run in the page: what comes next, and what one unit keeps.
import { Explorable, define, digits, html, slider } from "./picture.mjs";

const sigmoid = (a) => 0.5 * (1 + Math.tanh(a / 2));

/** The file of weights, as `explorables.packed` writes it: deflated planes of float16, in base64. */
export async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const n = planes.length / 2;
  return Float32Array.from({ length: n }, (_, k) => half((planes[n + k] << 8) | planes[k]));
}

function half(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
  return bits & 32768 ? -size : size;
}

/** A reader of symbols: `step(symbol, state)` gives the next state, `logits(state)` what it expects. */
export function network(weights, { V, D, H }) {
  let at = 0;
  const take = (n) => weights.subarray(at, (at += n));
  const [E, W_x, W_h, b, W_y, b_y] = [V * D, 4 * H * D, 4 * H * H, 4 * H, V * H, V].map(take);
  const heard = new Float32Array(V * 4 * H); // W_x E[y] + b, for every symbol y
  for (let y = 0; y < V; y++) {
    for (let r = 0; r < 4 * H; r++) {
      let sum = b[r];
      for (let d = 0; d < D; d++) sum += W_x[r * D + d] * E[y * D + d];
      heard[y * 4 * H + r] = sum;
    }
  }
  const a = new Float32Array(4 * H);
  return {
    zero: { h: new Float32Array(H), c: new Float32Array(H) },
    step(y, { h, c }) {
      for (let r = 0; r < 4 * H; r++) {
        let [s0, s1, s2, s3] = [heard[y * 4 * H + r], 0, 0, 0];
        for (let k = r * H, j = 0; j < H; j += 4, k += 4) {
          s0 += W_h[k] * h[j];
          s1 += W_h[k + 1] * h[j + 1];
          s2 += W_h[k + 2] * h[j + 2];
          s3 += W_h[k + 3] * h[j + 3];
        }
        a[r] = s0 + s1 + s2 + s3; // (lstm-affine)
      }
      const next = { h: new Float32Array(H), c: new Float32Array(H) };
      for (let j = 0; j < H; j++) {
        next.c[j] = sigmoid(a[H + j]) * c[j] + sigmoid(a[j]) * Math.tanh(a[2 * H + j]); // (lstm-cell)
        next.h[j] = sigmoid(a[3 * H + j]) * Math.tanh(next.c[j]); // (lstm-output)
      }
      return next;
    },
    logits({ h }) {
      return Float32Array.from({ length: V }, (_, y) => {
        let sum = b_y[y];
        for (let j = 0; j < H; j++) sum += W_y[y * H + j] * h[j];
        return sum;
      });
    },
  };
}

/** Probabilities at a temperature. */
export function softmax(logits, temperature = 1) {
  const most = Math.max(...logits);
  const sizes = Array.from(logits, (v) => Math.exp((v - most) / temperature));
  const sum = sizes.reduce((s, v) => s + v, 0);
  return sizes.map((v) => v / sum);
}

class CharModel extends Explorable {
  temperature = 1;
  painted = 0; // so many characters show what the unit keeps

  build({ kilobytes, vocabulary, sizes, unit, text, longest, shown }) {
    Object.assign(this, { kilobytes, vocabulary, sizes, unit, longest, shown, states: [], read: [] });
    const random = html("button", { type: "button", onclick: () => this.write(1) }, "write one");
    const more = html("button", { type: "button", onclick: () => this.write(40) }, "write forty");
    this.area = html("textarea", { value: text, rows: 4, spellcheck: false, maxLength: longest, ariaLabel: "Text that the network reads", autocapitalize: "off", autocomplete: "off" });
    this.area.addEventListener("input", () => this.update());
    this.memory = html("pre", { className: "memory" });
    this.bars = html("tbody");
    const head = html("tr", {}, ...["next", "probability"].map((word) => html("th", { scope: "col" }, word)));
    const load = html("button", { type: "button", onclick: () => this.load() }, "load the network");
    this.load = () => {
      load.disabled = true;
      const script = html("script", { src: new URL("char-model.weights.js", this.source).href });
      script.onload = async () => {
        this.network = network(await unpack(globalThis.unrolledWeights), sizes);
        controls.replaceChildren(...tools);
        results.hidden = false;
        this.update();
      };
      script.onerror = () => (this.said.textContent = "The network could not be loaded.");
      document.head.append(script);
    };
    const tools = [
      slider("temperature", { min: 0.1, max: 2, step: 0.1, value: 1, say: (v) => v.toFixed(1) }, (v) => ((this.temperature = v), this.update())),
      slider("unit", { min: 0, max: sizes.H - 1, step: 1, value: unit, say: String }, (v) => ((this.unit = v), (this.painted = 0), this.update())),
      random,
      more,
    ];
    const controls = html("div", { className: "controls" }, load);
    const results = html(
      "div",
      { hidden: true },
      html("p", { className: "caption" }, "What the chosen unit keeps after each character (red above zero, blue below):"),
      this.memory,
      html("table", { className: "table" }, html("caption", {}, "What it expects next"), html("thead", {}, head), this.bars),
    );
    return [controls, this.area, results];
  }

  symbols() {
    const other = this.sizes.V - 1;
    return Array.from(this.area.value, (letter) => {
      const k = this.vocabulary.indexOf(letter);
      return k < 0 ? other : k;
    });
  }

  /** Read what has changed: the states before the first new character are kept. */
  catchUp() {
    const symbols = this.symbols();
    let same = 0;
    while (same < symbols.length && same < this.read.length && symbols[same] === this.read[same]) same++;
    this.states.length = same;
    for (const y of symbols.slice(same)) this.states.push(this.network.step(y, this.states.at(-1) ?? this.network.zero));
    this.read = symbols;
    this.painted = Math.min(this.painted, same);
  }

  expected() {
    const logits = this.network.logits(this.states.at(-1) ?? this.network.zero);
    logits[this.sizes.V - 1] = -Infinity; // stands for many characters
    return softmax(logits, this.temperature);
  }

  write(n) {
    for (let k = 0; k < n && this.area.value.length < this.longest; k++) {
      this.catchUp();
      let left = Math.random();
      const y = this.expected().findIndex((p) => (left -= p) < 0);
      this.area.value += this.vocabulary[Math.max(y, 0)];
    }
    this.update();
  }

  update() {
    if (!this.network) {
      this.said.textContent = `The weights are ${this.kilobytes} KB; they are loaded when you ask for them.`;
      return;
    }
    this.catchUp();
    const letters = Array.from(this.area.value);
    while (this.memory.children.length > letters.length) this.memory.lastChild.remove();
    while (this.memory.children.length < letters.length) this.memory.append(html("span"));
    for (let k = this.painted; k < letters.length; k++) {
      const kept = this.states[k].c[this.unit];
      const [span, colour] = [this.memory.children[k], kept > 0 ? this.colours.memory : this.colours.state];
      span.textContent = letters[k];
      span.title = digits(kept);
      span.style.background = `color-mix(in srgb, ${colour} ${Math.round(70 * Math.abs(Math.tanh(kept)))}%, transparent)`;
    }
    this.painted = letters.length;
    const last = this.states.at(-1)?.c[this.unit] ?? 0;
    const chances = this.expected();
    const say = (y) => ({ "\n": "line feed", " ": "blank" })[this.vocabulary[y]] ?? this.vocabulary[y];
    const best = chances.map((p, y) => [p, y]).sort(([p], [q]) => q - p).slice(0, this.shown);
    this.bars.replaceChildren(
      ...best.map(([p, y]) => {
        const bar = html("span", { className: "bar", style: `width: ${(70 * p).toFixed(1)}%; background: ${this.colours.prediction}` });
        return html("tr", {}, html("th", { scope: "row" }, html("code", {}, say(y))), html("td", {}, bar, ` ${(100 * p).toFixed(1)} %`));
      }),
    );
    const [p, y] = best[0];
    this.said.textContent = `Most probable next: ${say(y)}, with ${(100 * p).toFixed(0)} %. Unit ${this.unit} keeps ${digits(last)}.`;
    this.value = chances;
  }
}

define("char-model", CharModel);
