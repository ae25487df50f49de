// What NumPy computed, written by tests/test_explorables.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { array } from "../../book/explorables/picture.mjs";

/** The data that a page sends to an explorable, as arrays, and the cases to compare. */
export function expected(name) {
  const { data, cases } = JSON.parse(readFileSync(`${process.env.EXPECTED}/${name}.json`, "utf8"));
  const arrays = Object.entries(data).map(([key, sent]) => [key, sent?.float32 ? array(sent) : sent]);
  return { data: Object.fromEntries(arrays), cases };
}

/** Fail unless two lists are as long and differ by less than a tolerance everywhere. */
export function close(found, wanted, tolerance, name = "") {
  assert.equal(found.length, wanted.length, name);
  wanted.forEach((v, k) => assert.ok(Math.abs(found[k] - v) < tolerance, `${name} place ${k}: ${found[k]}, not ${v}`));
}
