/** A program that is started and spoken to over its stdin and stdout. */
export interface McpProgram {
  readonly command: string;
  readonly args?: readonly string[];
  /** Beside `PATH`, `HOME` and the like, which alone it inherits. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A server at an address, spoken to by streamable HTTP. */
export interface McpUrl {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type McpServer = McpProgram | McpUrl;
