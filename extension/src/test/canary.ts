import * as assert from "node:assert/strict";

/** Fails, to show that a failure in the extension host is seen outside. */
export function canary(): void {
  it("fails", () => {
    assert.fail("as it should");
  });
}
