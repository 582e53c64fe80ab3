import assert from "node:assert/strict";
import { test } from "node:test";
import { fromOptional } from "../../src/base/optional-package.ts";

test("a package that is not installed is named with its fix", async () => {
  const name = "no-such-package";
  await assert.rejects(
    fromOptional(name, () => import(name)),
    { code: "provider.missing", message: /no-such-package is not installed: npm install no-such/ },
  );
});

test("where one of several is not installed, all are named", async () => {
  const name = "no-such-package";
  await assert.rejects(
    fromOptional(["one", name], () => import(name)),
    { code: "provider.missing", message: /npm install one no-such-package$/ },
  );
});

test("what another module lacks or throws is left as it is", async () => {
  const other = "no-such-other";
  await assert.rejects(
    fromOptional("no-such-package", () => import(other)),
    { code: "ERR_MODULE_NOT_FOUND" },
  );
  const own = new TypeError("its own");
  await assert.rejects(
    fromOptional("x", () => Promise.reject(own)),
    own,
  );
});
