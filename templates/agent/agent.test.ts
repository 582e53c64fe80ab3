import { test } from "node:test";
import { returns, simulate } from "turnfold/test";
import agent from "./agent.ts";

// Whole calls on virtual time: the charts that run in production, no key and no waiting.

test("a visit is booked once, for the day the caller wants", async () => {
  await using call = await simulate(agent, {
    tools: { bookVisit: returns({ day: "Friday", number: 7 }) },
  });
  await call.says("My bike is broken.");
  call.heard("Which day suits you?");
  await call.says("On Friday, please.");
  call.tool("bookVisit").once().calledWith({ day: "Friday" });
  call.heard("your number is 7").maxGap("1s");
  await call.replaysExactly();
});

test("the opening hours come from the hook, and a caller may interrupt them", async () => {
  await using call = await simulate(agent);
  await call.says("What are your opening hours?", { until: "speaks" });
  await call.bargeIn("My bike is broken.", { afterWords: 4 });
  call.state("turn.2", "cutOff").heard("We are open").heard("Which day suits you?");
  call.tool("bookVisit").never();
});
