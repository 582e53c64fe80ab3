/** What those who lift a plugin may say; free of the framework, whose types they may not have. */
export interface LiftOptions {
  /** As logs and prices name it; default: what the plugin calls itself. */
  readonly provider?: string;
  readonly model?: string;
  /** The key the plugin was given: it is blotted out of all errors. */
  readonly key?: string;
}

export interface LiftLlmOptions extends LiftOptions {
  /**
   * Its server ends each whole answer with its usage, as OpenAI does: one without it was cut.
   * Plugins do not say so; default: false, and a cut answer counts as a shorter one.
   */
  readonly tellsUsage?: boolean;
}

export interface LiftTtsOptions extends LiftOptions {
  /** What logs call the voice; default: the model's name. The plugin has a voice of its own. */
  readonly voice?: string;
  /** Sends each sentence as one request even where the plugin could stream its words. */
  readonly whole?: boolean;
}

export interface LiftSttOptions extends LiftOptions {
  /** What the plugin is given; default 16,000. It converts what its server wants otherwise. */
  readonly rateHz?: number;
}
