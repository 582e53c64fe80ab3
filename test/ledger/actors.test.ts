import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Command } from "../../src/ledger/decide.ts";
import { balancesOf, Clerk, fold, recount, runs } from "./support/clerk.ts";
import { Actor, MemoryStream } from "./support/two-actors.ts";
import { usage } from "./support/usage.ts";

/** Which actor goes on, or is killed and has so many of its commands delivered again. */
const moves = fc.array(
  fc.record({
    actor: fc.nat(1),
    killed: fc.option(fc.nat(5), { freq: 9 }),
  }),
  { maxLength: 150 },
);

suite("15 two actors of one tenant's ledger", () => {
  test("lose nothing and double nothing, wherever they meet or are killed", () => {
    fc.assert(
      fc.property(usage, moves, (events, list) => {
        const commands: readonly Command[] = events.map((event) => ({ type: "usage", event }));
        const stream = new MemoryStream();
        const actors = [new Actor(stream, commands), new Actor(stream, commands)];
        for (const { actor, killed } of list)
          if (killed === null) actors[actor]!.step();
          else actors[actor]!.crash(killed);
        for (const actor of actors) {
          while (!actor.done) actor.step();
        }
        for (const actor of actors) actor.catchUp();
        const posted = stream.log.map(({ event }) => event!.eventId);
        assert.equal(new Set(posted).size, posted.length, "an event was posted twice");
        const alone = new Clerk().take(events);
        assert.equal(posted.length, alone.stream.length);
        assert.deepEqual(recount(stream.log), balancesOf(alone.ledger));
        const hash = fold(stream.log).stateHash();
        for (const { ledger } of actors) assert.equal(ledger.stateHash(), hash);
      }),
      runs,
    );
  });
});
