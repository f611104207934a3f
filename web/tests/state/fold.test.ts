import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { fromJson, toJson, type JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";

import { EventSchema } from "../../src/gen/fireside/v1/generation_pb.ts";
import { MessageSchema } from "../../src/gen/fireside/v1/message_pb.ts";
import { EMPTY_FOLD, fold, GapError, type Fold } from "../../src/state/fold.ts";

interface Vector {
  readonly name: string;
  readonly start: JsonValue;
  readonly startSeq?: number;
  readonly events: readonly JsonValue[];
  readonly message: JsonValue;
  readonly lastSeq: number;
  readonly error?: "gap";
}

const folder = fileURLToPath(new URL("../../../tests/data/fold/", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));

describe("the vectors that the server folds too", () => {
  test("there are some", () => {
    expect(files.length).toBeGreaterThanOrEqual(10);
  });

  test.each(files)("%s", (file) => {
    const vector = JSON.parse(readFileSync(folder + file, "utf8")) as Vector;
    const message = vector.start === null ? null : fromJson(MessageSchema, vector.start);
    let state: Fold = { ...EMPTY_FOLD, message, lastSeq: vector.startSeq ?? 0 };
    let gap = false;
    for (const event of vector.events) {
      try {
        state = fold(state, fromJson(EventSchema, event));
      } catch (caught) {
        expect(caught).toBeInstanceOf(GapError);
        gap = true;
        break;
      }
    }
    const wanted = vector.message === null ? null : toJson(MessageSchema, fromJson(MessageSchema, vector.message));
    expect(state.message === null ? null : toJson(MessageSchema, state.message)).toEqual(wanted);
    expect(state.lastSeq).toBe(vector.lastSeq);
    expect(gap).toBe(vector.error === "gap");
  });
});

test("a fold changes nothing that it was given", () => {
  const vector = JSON.parse(readFileSync(`${folder}text-merges.json`, "utf8")) as Vector;
  const states = [EMPTY_FOLD];
  for (const event of vector.events) states.push(fold(states.at(-1) ?? EMPTY_FOLD, fromJson(EventSchema, event)));
  const texts = states.map(({ message }) => message?.parts.map((part) => part.kind.value));
  expect(texts[2]).toMatchObject([{ text: "Hel" }]);
  expect(texts[3]).toMatchObject([{ text: "Hello, " }]);
});
