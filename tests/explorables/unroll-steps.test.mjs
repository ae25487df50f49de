import assert from "node:assert/strict";
import test from "node:test";
import { lines } from "../../book/explorables/unroll-steps.mjs";
import { close, expected } from "./expected.mjs";

const { data, cases } = expected("unroll-steps");

test("every value is NumPy's", () => {
  const found = lines(data);
  for (const { name, value, label } of cases) {
    const last = found.filter((line) => line.label === label && name in line.values).at(-1);
    close(last.values[name].flat(), value.flat(), 1e-6, name);
  }
});

test("every arrow belongs to one line, and every line to an arrow", () => {
  const arrows = lines(data).map((line) => line.arrows);
  assert.equal(new Set(arrows.flat()).size, arrows.flat().length);
  assert.ok(arrows.every((names) => names.length));
});
