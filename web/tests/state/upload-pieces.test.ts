// How large the pieces of an upload are, and what tells that they arrived as they were. Without a server.
import { crc32 as zlibCrc32 } from "node:zlib";
import { describe, expect, test } from "vitest";

import { crc32 } from "../../src/state/crc32.ts";
import { LEAST_PIECE, Pace, Rate, timeLeft } from "../../src/state/upload-pace.ts";
import { Sums } from "../../src/state/upload-piece.ts";
import { bytesOf } from "./upload-rig.ts";

describe("the pace", () => {
  test("grows while all is well, and shrinks by a cut, once for all that were hit", () => {
    const pace = new Pace(1 << 20, 4 << 20);
    for (let i = 0; i < 6; i += 1) pace.arrived(pace.size, 50);
    expect(pace.size).toBe(4 << 20);
    for (let i = 0; i < 49; i += 1) pace.arrived(pace.size, 50);
    // 9 MiB until here, and 49 times 4.
    pace.cut(10_000);
    pace.cut(10_100);
    expect(pace.size).toBe(2 << 20);
    for (let i = 0; i < 99; i += 1) pace.arrived(pace.size, 50);
    expect(pace.size).toBe(2 << 20);
    for (let i = 0; i < 2; i += 1) pace.arrived(pace.size, 50);
    expect(pace.size).toBe(4 << 20);
    // What a cut costs is a fiftieth part of what arrived before it.
    pace.cut(12_000);
    pace.arrived(50 << 18, 50);
    pace.cut(14_000);
    expect(pace.size).toBe(1 << 18);
    for (let i = 0; i < 20; i += 1) pace.cut(20_000 + i * 2_000);
    expect(pace.size).toBe(LEAST_PIECE);
  });

  test("shrinks on a slow line, and takes no small rest for a fast one", () => {
    const pace = new Pace(1 << 20, 4 << 20);
    pace.arrived(1 << 20, 3_000);
    expect(pace.size).toBe(1 << 19);
    for (let i = 0; i < 9; i += 1) pace.arrived(100, 5);
    expect(pace.size).toBe(1 << 19);
  });

  test("is told as bytes a second and time left", () => {
    const rate = new Rate();
    rate.begin(0);
    for (let ms = 100; ms <= 5_000; ms += 100) rate.arrived(1_000, ms);
    expect(rate.of(5_000)).toBeCloseTo(10_000, 0);
    for (let ms = 5_100; ms <= 20_000; ms += 100) rate.arrived(2_000, ms);
    expect(rate.of(20_000)).toBeGreaterThan(19_000);
    expect(rate.of(40_000)).toBe(0);
    expect(timeLeft(20_000, 10_000)).toBe(2_000);
    expect(timeLeft(1, 0)).toBeNull();
  });
});

describe("sums", () => {
  test("are those of everybody else, whatever the pieces", () => {
    for (const size of [0, 1, 15, 16, 55, 56, 63, 64, 65, 119, 128, 1_000, 70_001]) {
      const bytes = bytesOf(size, size + 3);
      expect(crc32(bytes), String(size)).toBe(zlibCrc32 === undefined ? crc32(bytes) : zlibCrc32(bytes));
    }
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  });

  test("are made of each segment, whatever comes at a time", () => {
    const bytes = bytesOf(2 * 1024 * 1024 + 5, 1);
    const wanted = [0, 1, 2].map((at) => crc32(bytes.subarray(at << 20, (at + 1) << 20)));
    for (const step of [65_536, 1_000_003, bytes.length]) {
      const sums = new Sums();
      for (let at = 0; at < bytes.length; at += step) sums.add(bytes.subarray(at, at + step));
      expect(sums.get(), String(step)).toEqual(wanted);
    }
    expect(new Sums().get()).toEqual([]);
  });
});
