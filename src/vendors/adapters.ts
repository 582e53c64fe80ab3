import { AppError } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import { fromOptional } from "../base/optional-package.ts";
import type { VendorName, VendorsConfig } from "../config.ts";
import type { Llm } from "../providers/llm.port.ts";
import type { Stt } from "../providers/stt.port.ts";
import type { Tts } from "../providers/tts.port.ts";

/**
 * Adapters by vendor. Each is loaded when it is needed, so that the package of a vendor that nobody
 * uses need not be installed.
 */
interface Access {
  readonly key: string;
  readonly model: string;
  readonly baseUrl?: string;
}

export interface Makers {
  readonly llm: (options: Access & { readonly effort?: string }) => Llm;
  readonly tts: (options: Access & { readonly language?: string }) => Tts;
  readonly stt: (options: Access & { readonly language: string; readonly clock: Clock }) => Stt;
}

export interface Adapter<K extends keyof Makers> {
  /** What `npm install` takes; undefined where it needs none. */
  readonly packageName?: string;
  readonly load: () => Promise<Makers[K]>;
}

export type Adapters = {
  readonly [K in keyof Makers]: Readonly<Partial<Record<VendorName, Adapter<K>>>>;
};

type Loaded<K extends keyof Makers> = { readonly make: Makers[K] } | { readonly problem: AppError };

/** What its adapter is made with beside the model. */
export function accessOf(
  { access }: VendorsConfig,
  provider: VendorName,
): { readonly key: string; readonly baseUrl?: string } {
  const { key = "", baseUrl } = access[provider];
  return { key, ...(baseUrl !== undefined && { baseUrl }) };
}

/** The adapters of one kind, of the vendors that have a key. */
export class AdapterSet<K extends keyof Makers> {
  readonly #loaded: ReadonlyMap<VendorName, Loaded<K>>;

  private constructor(loaded: ReadonlyMap<VendorName, Loaded<K>>) {
    this.#loaded = loaded;
  }

  static async load<K extends keyof Makers>(
    adapters: Adapters[K],
    { access }: VendorsConfig,
  ): Promise<AdapterSet<K>> {
    const entries = Object.entries(adapters) as [VendorName, Adapter<K>][];
    const keyed = entries.filter(([vendor]) => access[vendor].key !== undefined);
    const loaded = keyed.map(async ([vendor, adapter]) => {
      return [vendor, await loadAdapter(adapter)] as const;
    });
    return new AdapterSet(new Map(await Promise.all(loaded)));
  }

  /** Vendors whose adapter is there. */
  get names(): readonly VendorName[] {
    return [...this.#loaded].flatMap(([name, loaded]) => ("make" in loaded ? [name] : []));
  }

  /** Error `provider.missing`, naming the package. */
  of(vendor: VendorName): Makers[K] {
    const loaded = this.#loaded.get(vendor);
    if (loaded && "make" in loaded) return loaded.make;
    throw loaded?.problem ?? new AppError("provider.missing", `${vendor}: there is no adapter`);
  }
}

async function loadAdapter<K extends keyof Makers>({
  packageName,
  load,
}: Adapter<K>): Promise<Loaded<K>> {
  try {
    const make = await (packageName === undefined ? load() : fromOptional(packageName, load));
    return { make };
  } catch (error) {
    if (error instanceof AppError && error.code === "provider.missing") return { problem: error };
    throw error;
  }
}
