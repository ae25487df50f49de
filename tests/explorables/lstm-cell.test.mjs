import assert from "node:assert/strict";
import test from "node:test";
import { held, step } from "../../book/explorables/lstm-cell.mjs";
import { close, expected } from "./expected.mjs";

const { cases } = expected("lstm-cell");

for (const { params, x, prev, value } of cases) {
  test(`a step is NumPy's with ${x.length} inputs and ${prev.h.length} units`, () => {
    const found = step(params, x, prev);
    close(found.h, value.h, 1e-6);
    close(found.c, value.c, 1e-6);
  });
}

test("gates stand where the reader holds them, shut and open ones too", () => {
  const { h, c } = step(held(0.25, 0.5, 0.75, 2), [1], { h: [0.3], c: [2] });
  close(c, [0.5 * 2 + 0.25 * Math.tanh(2)], 1e-12);
  close(h, [0.75 * Math.tanh(c[0])], 1e-12);
  assert.deepEqual(step(held(0, 1, 0, 2), [1], { h: [0.3], c: [0.7] }), { h: [0], c: [0.7] });
});
