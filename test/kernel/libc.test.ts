import assert from "node:assert/strict";
import { test } from "node:test";
import { errnoName, O_RDONLY, open, systemError } from "../../src/kernel/libc.ts";

const names = [
  [2, "ENOENT"],
  [11, "EAGAIN"],
  [95, "EOPNOTSUPP"],
  [105, "ENOBUFS"],
  [524, "ENOTSUPP"],
  [4095, "errno 4095"],
] as const;

for (const [errno, name] of names)
  test(`${errno} is ${name}`, () => assert.equal(errnoName(errno), name));

test("an error carries call, number, name and words of the call that failed", () => {
  assert.equal(open("/nowhere/at/all", O_RDONLY), -1);
  assert.deepEqual(systemError("open /nowhere/at/all"), {
    ...{ kind: "system", call: "open /nowhere/at/all", errno: 2, name: "ENOENT" },
    detail: "No such file or directory",
  });
});
