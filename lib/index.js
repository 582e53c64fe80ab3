/**
 * The package `turnfold` as others import it: its TypeScript as it stands in a checkout, what was
 * built of it in a released package, as Node strips no types inside node_modules.
 */
import { load } from "./load.js";

/** @type {typeof import("../src/index.ts")} */
const api = await load("index");
export const { AppError, dispatch, handoff, hangUp, mcpTools, rules, start, tell, tool } = api;
export const { liftLlm, liftStt, liftTts, voiceAgent, z } = api;
