// The same conditions and inputs in @marcbachmann/cel-js: compiled once, then evaluated over and
// over. Prints `NAME NANOSECONDS` a condition, as bench_cel does.
//
// usage: node bench/cel_peer.mjs PACKAGE CASES

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const SECONDS = 0.3;

const [from, file] = process.argv.slice(2);
if (!from || !file) {
  console.error("usage: node bench/cel_peer.mjs PACKAGE CASES");
  process.exit(2);
}
const { Environment } = await import(pathToFileURL(resolve(join(from, "lib/index.js"))).href);
const cases = JSON.parse(readFileSync(file, "utf8"));

// "request.path" is a member of an object there: the package has no qualified variables.
function nested(input) {
  const out = {};
  for (const [name, value] of Object.entries(input)) {
    const [outer, inner] = name.split(".");
    out[outer] ??= {};
    out[outer][inner] = cases.variables[name] === "int" ? BigInt(value) : value;
  }
  return out;
}

const inputs = cases.inputs.map(nested);
const env = new Environment();
for (const name of Object.keys(inputs[0])) env.registerVariable(name, "map");

function measure(condition) {
  const once = (n) => {
    let truths = 0;
    const start = process.hrtime.bigint();
    for (let i = 0; i < n; i++) if (condition(inputs[i % inputs.length])) truths++;
    const ns = Number(process.hrtime.bigint() - start);
    if (truths !== n) throw new Error("a condition is false");
    return ns / n;
  };
  const warm = once(20000);
  return once(Math.ceil((SECONDS * 1e9) / warm));
}

for (const [name, expression] of Object.entries(cases.expressions))
  console.log(name, measure(env.parse(expression)).toFixed(1));
