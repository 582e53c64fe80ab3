import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { AppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { CallCommands } from "../fleet/commands.ts";

/** The commands of the bus over HTTP: the same requests, and errors as everywhere here. */
export type CommandsPort = Pick<CallCommands, "tell">;

export function commandsRoutes(commands: CommandsPort): Hono {
  const app = new Hono();
  const maxSize = LIMITS.commandBytesMax;
  const onError = (): never => {
    throw new AppError("record.tooLarge", `a command has at most ${maxSize} bytes`);
  };
  app.post("/:call/commands", bodyLimit({ maxSize, onError }), async (context) => {
    const tenant = context.req.query("tenant");
    const target = { target: context.req.param("call"), ...(tenant !== undefined && { tenant }) };
    return context.json(await commands.tell(target, await bodyOf(context)));
  });
  return app;
}

/** What gives no name of its own came over HTTP. */
async function bodyOf({ req }: Context): Promise<unknown> {
  let body: unknown;
  try {
    body = await req.json();
  } catch (cause) {
    throw new AppError("input.invalid", "a command must be JSON", { cause });
  }
  return typeof body === "object" && body !== null ? { by: "http", ...body } : body;
}
