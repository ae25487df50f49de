import assert from "node:assert/strict";
import test from "node:test";
import { network, softmax, unpack } from "../../book/explorables/char-model.mjs";
import { close, expected } from "./expected.mjs";

const { data, cases } = expected("char-model");
const [{ symbols, value, memory, weights }] = cases;

test("logits and memory are NumPy's after every character", async () => {
  const net = network(await unpack(weights), data.sizes);
  let state = net.zero;
  symbols.forEach((y, t) => {
    state = net.step(y, state);
    close(Array.from(net.logits(state)), value[t], 1e-3, `logits after ${t}`);
    close(Array.from(state.c), memory[t], 1e-3, `memory after ${t}`);
  });
});

test("a low temperature sharpens, and probabilities sum to one", () => {
  const [warm, cold] = [softmax([1, 2, 3], 1), softmax([1, 2, 3], 0.1)];
  assert.ok(Math.abs(warm.reduce((s, p) => s + p) - 1) < 1e-12);
  assert.ok(cold[2] > 0.99 && warm[2] < 0.7);
  close(warm, [0.0900305, 0.2447284, 0.6652409], 1e-6);
});
