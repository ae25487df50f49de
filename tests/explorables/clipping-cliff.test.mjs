import test from "node:test";
import { descend, lossAndGradient } from "../../book/explorables/clipping-cliff.mjs";
import { close, expected } from "./expected.mjs";

const { data, cases } = expected("clipping-cliff");

test("loss and gradient are NumPy's all over the picture", () => {
  for (const { point, value } of cases.filter(({ point }) => point)) {
    const { loss, gradient } = lossAndGradient(point, data);
    close([loss], [value.loss], 1e-6);
    close(gradient, value.gradient, 1e-6 * Math.max(1, Math.hypot(...value.gradient)));
  }
});

for (const { clip, lr, value } of cases.filter(({ lr }) => lr)) {
  test(`a descent is NumPy's, clipped at ${clip}`, () => {
    const path = descend(data.start, data, { lr, clip: clip ?? Infinity, steps: value.length - 1 });
    close(path.flat(), value.flat(), 1e-6);
  });
}
