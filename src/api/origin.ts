import { AppError } from "../base/errors.ts";

/**
 * Who may talk to this server: pages that it served itself, under a name of this machine. Another
 * site's page cannot reach a call, not even through a name that resolves to the loopback address.
 */
const LOCAL = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Throws `page.origin`. A browser always says where a page that opens a socket comes from. */
export function checkOrigin(
  { host, origin }: { readonly host: string | undefined; readonly origin: string | undefined },
  needsOrigin: boolean,
): void {
  if (!LOCAL.has(hostName(`http://${host}`)))
    throw new AppError("page.origin", `${host} is no name of this machine: use localhost`);
  if (origin === undefined && !needsOrigin) return;
  if (origin === undefined || !LOCAL.has(hostName(origin)))
    throw new AppError("page.origin", `a page of ${origin ?? "nowhere"} may not talk to this one`);
}

function hostName(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}
