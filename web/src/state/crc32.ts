// CRC-32 (ISO 3309, as zlib's) of a piece of a file, 16 bytes at a step: fast enough to be no part of what an upload costs.
// Pure.

const STEPS = 16;
const TABLE = makeTable();

function makeTable(): Int32Array {
  const table = new Int32Array(256 * STEPS);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    table[byte] = value;
  }
  for (let at = 256; at < table.length; at += 1) {
    const before = table[at - 256] ?? 0;
    table[at] = (before >>> 8) ^ (table[before & 0xff] ?? 0);
  }
  return table;
}

/** The checksum as an unsigned number. `before` is that of what comes before `data`. */
export function crc32(data: Uint8Array, before = 0): number {
  // Every index is inside its array; a check for each byte would halve the speed.
  const bytes = data as unknown as readonly number[];
  const t = TABLE as unknown as readonly number[];
  const length = data.length;
  const whole = length - (length % STEPS);
  let crc = ~before;
  let i = 0;
  for (; i < whole; i += STEPS) {
    const a = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc =
      t[3840 + (a & 255)]! ^ t[3584 + ((a >>> 8) & 255)]! ^ t[3328 + ((a >>> 16) & 255)]! ^ t[3072 + (a >>> 24)]! ^
      t[2816 + bytes[i + 4]!]! ^ t[2560 + bytes[i + 5]!]! ^ t[2304 + bytes[i + 6]!]! ^ t[2048 + bytes[i + 7]!]! ^
      t[1792 + bytes[i + 8]!]! ^ t[1536 + bytes[i + 9]!]! ^ t[1280 + bytes[i + 10]!]! ^ t[1024 + bytes[i + 11]!]! ^
      t[768 + bytes[i + 12]!]! ^ t[512 + bytes[i + 13]!]! ^ t[256 + bytes[i + 14]!]! ^ t[bytes[i + 15]!]!;
  }
  for (; i < length; i += 1) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 255]!;
  return ~crc >>> 0;
}
