// Asks a node for flags as a service would, with OpenFeature's own SDK. usage:
//   node openfeature.cjs MODULES BASE_URL AUTHORIZATION QUESTIONS
// QUESTIONS: JSON [[type, flag, default, context], …]; prints the evaluation details as JSON.
const [modules, baseUrl, authorization, questions] = process.argv.slice(2);
const { createRequire } = require("node:module");
const load = createRequire(modules + "/");
const { OpenFeature } = load("@openfeature/server-sdk");
const { OFREPProvider } = load("@openfeature/ofrep-provider");

async function main() {
  const headers = authorization ? { Authorization: authorization } : {};
  await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers }));
  const client = OpenFeature.getClient();
  const answers = [];
  for (const [type, flag, fallback, context] of JSON.parse(questions)) {
    const ask = { string: "getStringDetails", object: "getObjectDetails", number: "getNumberDetails",
                  boolean: "getBooleanDetails" }[type];
    answers.push(await client[ask](flag, fallback, context));
  }
  console.log(JSON.stringify(answers));
}

main();
