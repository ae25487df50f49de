import test from "node:test";
import { logNorms } from "../../book/explorables/gradient-through-time.mjs";
import { close, expected } from "./expected.mjs";

const { data, cases } = expected("gradient-through-time");

for (const { settings, value } of cases) {
  test(`log norms are NumPy's: ${JSON.stringify(settings)}`, () => {
    close(logNorms(data, settings), value, 1e-6);
  });
}
