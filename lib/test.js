/** The package `turnfold/test`; see index.js. */
import { load } from "./load.js";

/** @type {typeof import("../src/testing/index.ts")} */
const api = await load("testing/index");
export const { after, returns, scripted, simulate } = api;
