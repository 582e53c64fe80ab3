import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A collector of OpenTelemetry that takes metrics by OTLP over HTTP, as JSON. */
interface Point {
  readonly attributes: readonly { key: string; value: { stringValue: string } }[];
  readonly sum?: number;
  readonly count?: number;
  readonly asInt?: number | string;
  readonly asDouble?: number;
  readonly explicitBounds?: readonly number[];
}

interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly sum?: { readonly dataPoints: readonly Point[]; readonly isMonotonic?: boolean };
  readonly histogram?: { readonly dataPoints: readonly Point[] };
}

/** What it is sent stands in it decoded; `status` is what it answers with. */
export async function collector(status = 200) {
  const bodies: { resourceMetrics: readonly ResourceMetrics[] }[] = [];
  const headers: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      headers.push({ ...request.headers, url: request.url });
      bodies.push(JSON.parse(body) as (typeof bodies)[number]);
      response.writeHead(status, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    base,
    url: `${base}/v1/metrics`,
    headers,
    bodies,
    /** Of the last sending: sums are since the start of the process. */
    metrics: () =>
      bodies
        .at(-1)!
        .resourceMetrics.flatMap(({ scopeMetrics }) =>
          scopeMetrics.flatMap(({ metrics }) => metrics),
        ),
    resource: () =>
      Object.fromEntries(
        bodies
          .at(-1)!
          .resourceMetrics[0]!.resource.attributes.map(({ key, value }) => [
            key,
            value.stringValue,
          ]),
      ),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface ResourceMetrics {
  readonly resource: { readonly attributes: Point["attributes"] };
  readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[];
}

/** Points of a metric by some of their attributes. */
export function pointsOf(metrics: readonly Metric[], name: string, ...keys: readonly string[]) {
  const metric = metrics.find((one) => one.name === name);
  assert.ok(metric, `${name} was not sent`);
  const { dataPoints } = (metric.sum ?? metric.histogram)!;
  const sums: Record<string, number> = {};
  for (const { attributes, asInt, asDouble, sum } of dataPoints) {
    const of = new Map(attributes.map(({ key, value }) => [key, value.stringValue]));
    const key = keys.map((one) => of.get(one) ?? "-").join(" ");
    sums[key] = (sums[key] ?? 0) + Number(asInt ?? asDouble ?? sum);
  }
  return sums;
}
