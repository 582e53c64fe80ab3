import type { Json } from "../../events/record.ts";
import { checkStreamKey, encodeItem, standsAlready, type StreamEnd } from "../stream-rule.ts";
import type { Stream, StreamEntry, StreamItem, StreamKey } from "../stream.port.ts";

interface Row extends StreamEnd {
  readonly call: string | undefined;
  /** Encoded, as a file would have it: who changes a value later changes nothing here. */
  readonly text: string;
}

/** A stream without a disk; a position is the number of a tenant's item. */
export class MemoryStream implements Stream {
  readonly #tenants = new Map<string, Row[]>();

  async append(key: StreamKey, expect: number, item: StreamItem): Promise<number> {
    const rows = this.#rowsOf(key);
    const end = rows.findLast(({ call }) => call === key.call);
    if (standsAlready(end, { key, expect, item })) return end!.position;
    const text = encodeItem(item.value);
    rows.push({ position: rows.length + 1, id: item.id, call: key.call, text });
    this.#tenants.set(key.tenant, rows);
    return rows.length;
  }

  async *read({ tenant, call }: StreamKey, after = 0): AsyncGenerator<StreamEntry> {
    const rows = this.#rowsOf({ tenant });
    const end = rows.length;
    for (let at = after; at < end; at++) {
      const { position, id, text, ...of } = rows[at]!;
      if (call !== undefined && call !== of.call) continue;
      const key = of.call === undefined ? { tenant } : { tenant, call: of.call };
      yield { key, position, id, value: JSON.parse(text) as Json };
    }
  }

  async tail(key: StreamKey): Promise<number> {
    const { call } = key;
    const isOf = (row: Row): boolean => call === undefined || row.call === call;
    return this.#rowsOf(key).findLast(isOf)?.position ?? 0;
  }

  #rowsOf(key: StreamKey): Row[] {
    checkStreamKey(key);
    return this.#tenants.get(key.tenant) ?? [];
  }
}
