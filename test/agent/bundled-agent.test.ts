import assert from "node:assert/strict";
import { test } from "node:test";
import { bundledAgent } from "../../src/agent/bundled-agent.ts";
import { readConfig } from "../../src/config.ts";
import { createReceptionistTools } from "../../src/providers/local/receptionist/tools.ts";

function agentOf(env: Readonly<Record<string, string>>) {
  return bundledAgent(readConfig({}, env).agent, createReceptionistTools());
}

test("by itself the bundled agent is the receptionist, with its book of tables", () => {
  const { name, texts, settings, tools, models } = agentOf({});
  assert.equal(name, "receptionist");
  assert.match(texts["greeting"] ?? "", /Juniper House/);
  assert.deepEqual([settings.language, settings.interruption.enabled], ["en", true]);
  assert.ok(tools.length > 0);
  assert.deepEqual(models, [], "who answers is the configuration's choice");
});

test("variables give the bundled agent its greeting, language and interruptions", () => {
  const { texts, settings, tools } = agentOf({
    AGENT_GREETING: "Guten Tag.",
    AGENT_STT_LANGUAGE: "de",
    AGENT_ALLOW_INTERRUPTIONS: "FALSE",
  });
  assert.equal(texts["greeting"], "Guten Tag.");
  assert.deepEqual([settings.language, settings.interruption.enabled], ["de", false]);
  assert.ok(tools.length > 0);
});

test("with instructions of its own it is an assistant, and nobody's receptionist", () => {
  const { name, texts, tools } = agentOf({ AGENT_SYSTEM_PROMPT: "You are a clock." });
  assert.deepEqual(
    [name, texts["instructions"], tools.length],
    ["assistant", "You are a clock.", 0],
  );
  assert.doesNotMatch(JSON.stringify(texts), /Juniper|table/);
});
