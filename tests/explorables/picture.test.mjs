import assert from "node:assert/strict";
import test from "node:test";
import { digits } from "../../book/explorables/picture.mjs";

test("numbers have two digits, or a power of ten", () => {
  const said = [0, 1, 0.0123, 0.00123, 1234, 12345, -0.5, 1e-300].map(digits);
  assert.deepEqual(said, ["0", "1", "0.012", "1e−3", "1200", "1e4", "−0.5", "1e−300"]);
});
