// Turns the test suites of the npm package @bufbuild/cel-spec, which are ES modules, into JSON
// lines that tests written in C can read: one file a suite, one test a line.
//
// usage: node tools/cel_spec.mjs PACKAGE OUTPUT
//
// PACKAGE is the unpacked package, OUTPUT a directory. A line has the fields of the original
// test (name, expr, value, evalError, bindings, typeEnv, container, disableCheck, checkOnly,
// typedResult) and of what cel-go made of it (ast, checkedAst, type, error), and beside them
//   suite     "macros", and `section` below it: "exists"
//   messages  whether it names a protobuf message type, and so is not for us
// Types are written as text, "map(string, dyn)", overloads as "string.(int) -> bool". A double
// that JSON or an integer cannot express is a string: "-0", "18446744073709552000".

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const FILES = ["conformance", "parsing", "checking", "comprehension"];
const MESSAGES = /TestAllTypes|proto[23]|google\.protobuf/;

const PRIMITIVES = {
  BOOL: "bool",
  INT64: "int",
  UINT64: "uint",
  DOUBLE: "double",
  STRING: "string",
  BYTES: "bytes",
};
const WELL_KNOWN = {
  ANY: "any",
  TIMESTAMP: "timestamp",
  DURATION: "duration",
};

// A cel.expr.Type as text.
function typeText(type) {
  const [kind, of] = Object.entries(type)[0] ?? ["dyn"];
  switch (kind) {
    case "dyn":
      return "dyn";
    case "null":
      return "null";
    case "primitive":
      return PRIMITIVES[of];
    case "wrapper":
      return `wrapper(${PRIMITIVES[of]})`;
    case "wellKnown":
      return WELL_KNOWN[of];
    case "listType":
      return `list(${typeText(of.elemType ?? {})})`;
    case "mapType":
      return `map(${typeText(of.keyType ?? {})}, ${typeText(of.valueType ?? {})})`;
    case "type":
      return Object.keys(of).length ? `type(${typeText(of)})` : "type";
    case "typeParam":
    case "messageType":
      return of;
    case "abstractType": {
      const parameters = (of.parameterTypes ?? []).map(typeText);
      return parameters.length ? `${of.name}(${parameters.join(", ")})` : of.name;
    }
    default:
      throw new Error(`unknown type: ${JSON.stringify(type)}`);
  }
}

function signatureText(overload) {
  const params = (overload.params ?? []).map(typeText);
  const receiver = overload.isInstanceFunction ? `${params.shift()}.` : "";
  return `${receiver}(${params.join(", ")}) -> ${typeText(overload.resultType)}`;
}

function declaration({ name, ident, function: func }) {
  if (ident) return { name, type: typeText(ident.type) };
  const overloads = func.overloads.map((o) => ({ id: o.overloadId, signature: signatureText(o) }));
  return { name, overloads };
}

function flatten(node, path, out) {
  for (const { original, ...made } of node.tests ?? []) {
    const test = { suite: path[0] ?? node.name, section: path.slice(1).join("/"), ...original, ...made };
    test.messages = MESSAGES.test(JSON.stringify(original));
    if (original.typeEnv) test.typeEnv = original.typeEnv.map(declaration);
    if (original.typedResult) {
      test.typedResult = {
        ...original.typedResult,
        deducedType: typeText(original.typedResult.deducedType),
      };
    }
    out.push(test);
  }
  for (const suite of node.suites ?? []) flatten(suite, [...path, suite.name], out);
  return out;
}

function plain(key, value) {
  if (typeof value !== "number") return value;
  if (Object.is(value, -0)) return "-0";
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : String(value);
}

const [from, to] = process.argv.slice(2);
if (!from || !to) {
  console.error("usage: node tools/cel_spec.mjs PACKAGE OUTPUT");
  process.exit(2);
}
mkdirSync(to, { recursive: true });
for (const file of FILES) {
  const module = resolve(from, "dist/esm/testdata", `${file}.js`);
  const { tests } = await import(pathToFileURL(module).href);
  const lines = flatten(tests, [], []).map((test) => JSON.stringify(test, plain) + "\n");
  writeFileSync(join(to, `${file}.jsonl`), lines.join(""));
}
