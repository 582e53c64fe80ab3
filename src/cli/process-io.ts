import type { CliIo } from "./output.ts";

/** The process as a command sees it. */
export function processIo(): CliIo {
  endWhenUnread(process.stdout);
  endWhenUnread(process.stderr);
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outIsTty: process.stdout.isTTY === true,
    errIsTty: process.stderr.isTTY === true,
  };
}

/** `turnfold show … | head` closes the pipe early: nobody reads on, so there is nothing to do. */
function endWhenUnread(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    process.exitCode = 1;
  });
}
