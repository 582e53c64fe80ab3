/** The part of WebAssembly used here: its types come only with the library for browsers. */
declare namespace WebAssembly {
  type ImportValue = ((...args: never[]) => unknown) | Memory;
  interface Module {
    readonly __module: never;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  interface Instance {
    readonly exports: Readonly<Record<string, unknown>>;
  }
}

declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<WebAssembly.Module>;
  instantiate(
    module: WebAssembly.Module,
    imports: Readonly<Record<string, Readonly<Record<string, WebAssembly.ImportValue>>>>,
  ): Promise<WebAssembly.Instance>;
  readonly Module: {
    imports(module: WebAssembly.Module): readonly { readonly name: string }[];
  };
};
