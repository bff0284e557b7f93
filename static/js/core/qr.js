// QR codes (ISO/IEC 18004): bytes, error correction level L, versions 1 to 9, which is up to 230 bytes: enough for an authenticator's address.

/** By version: data bytes, check bytes of a block, blocks (all of one size here), centres of the alignment patterns. */
const VERSIONS = [
  null, [19, 7, 1, []], [34, 10, 1, [6, 18]], [55, 15, 1, [6, 22]], [80, 20, 1, [6, 26]], [108, 26, 1, [6, 30]],
  [136, 18, 2, [6, 34]], [156, 20, 2, [6, 22, 38]], [194, 24, 2, [6, 24, 42]], [232, 30, 2, [6, 26, 46]],
];
const MASKS = [
  (x, y) => (x + y) % 2, (x, y) => y % 2, (x) => x % 3, (x, y) => (x + y) % 3, (x, y) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3), (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];
const LEVEL_L = 1;

/** The product of two elements of GF(256) with the polynomial 0x11d. */
function multiply(one, other) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    if ((other >> bit) & 1) product ^= one;
  }
  return product;
}

/** The check bytes of a block (Reed-Solomon). */
function checks(block, count) {
  const generator = new Array(count).fill(0);
  generator[count - 1] = 1;
  for (let at = 0, root = 1; at < count; at += 1, root = multiply(root, 2)) {
    for (let each = 0; each < count; each += 1) generator[each] = multiply(generator[each], root) ^ (generator[each + 1] ?? 0);
  }
  const rest = new Array(count).fill(0);
  for (const byte of block) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    generator.forEach((each, at) => { rest[at] ^= multiply(each, factor); });
  }
  return rest;
}

/** Mode, length, bytes, an end, and filling up: as bytes. */
function dataBytes(bytes, capacity) {
  const bits = [0, 1, 0, 0];
  for (const byte of [bytes.length, ...bytes]) for (let at = 7; at >= 0; at -= 1) bits.push((byte >> at) & 1);
  for (let at = 0; at < 4; at += 1) bits.push(0);
  const made = [];
  for (let at = 0; at + 8 <= bits.length; at += 8) made.push(parseInt(bits.slice(at, at + 8).join(""), 2));
  for (let fill = 0xec; made.length < capacity; fill ^= 0xec ^ 0x11) made.push(fill);
  return made;
}

/** Blocks and their check bytes, taken in turns. */
function codewords(bytes, [capacity, checkCount, blockCount]) {
  const data = dataBytes(bytes, capacity);
  const size = capacity / blockCount;
  const blocks = Array.from({ length: blockCount }, (_, at) => data.slice(at * size, (at + 1) * size));
  const turns = (lists) => lists[0].flatMap((_, at) => lists.map((list) => list[at]));
  return [...turns(blocks), ...turns(blocks.map((block) => checks(block, checkCount)))];
}

/** `value` followed by the rest of its division by a generator (BCH). */
function withRest(value, generator, degree) {
  let rest = value;
  for (let at = 0; at < degree; at += 1) rest = (rest << 1) ^ ((rest >> (degree - 1)) * generator);
  return (value << degree) | rest;
}

/** A grid with everything that is not data; `null` is where data goes. */
function frame(version, [, , , centres]) {
  const size = 17 + 4 * version;
  const grid = Array.from({ length: size }, () => new Array(size).fill(null));
  const set = (x, y, dark) => { if (grid[y]?.[x] !== undefined) grid[y][x] = Boolean(dark); };
  const square = (cx, cy, radius, dark) => {
    for (let y = -radius; y <= radius; y += 1) for (let x = -radius; x <= radius; x += 1) set(cx + x, cy + y, dark(Math.max(Math.abs(x), Math.abs(y))));
  };
  for (let at = 8; at < size - 8; at += 1) [[at, 6], [6, at]].forEach(([x, y]) => set(x, y, at % 2 === 0));
  const last = centres.at(-1);
  for (const cx of centres) {
    for (const cy of centres) if (![[6, 6], [6, last], [last, 6]].some(([x, y]) => x === cx && y === cy)) square(cx, cy, 2, (far) => far !== 1);
  }
  for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(cx, cy, 4, (far) => far !== 2 && far !== 4);
  if (version >= 7) {
    const bits = withRest(version, 0x1f25, 12);
    for (let at = 0; at < 18; at += 1) [[size - 11 + (at % 3), Math.floor(at / 3)], [Math.floor(at / 3), size - 11 + (at % 3)]].forEach(([x, y]) => set(x, y, (bits >> at) & 1));
  }
  return grid;
}

/** Level and mask, written twice beside the corners. */
function writeFormat(grid, mask) {
  const size = grid.length;
  const bits = withRest((LEVEL_L << 3) | mask, 0x537, 10) ^ 0x5412;
  for (let at = 0; at < 15; at += 1) {
    const dark = Boolean((bits >> at) & 1);
    if (at < 6) grid[at][8] = dark;
    else if (at < 8) grid[at + 1][8] = dark;
    else if (at === 8) grid[8][7] = dark;
    else grid[8][14 - at] = dark;
    if (at < 8) grid[8][size - 1 - at] = dark;
    else grid[size - 15 + at][8] = dark;
  }
  grid[size - 8][8] = true;
}

/** Fills the free places, two columns at a time from the right, up and down in turns. */
function writeData(grid, bytes, mask) {
  const size = grid.length;
  let bit = 0;
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const y = up ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (grid[y][x] !== null) continue;
        const dark = ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
        grid[y][x] = Boolean(dark ^ (MASKS[mask](x, y) === 0));
        bit += 1;
      }
    }
  }
}

/** How hard a grid is to read: runs, blocks, what looks like a corner, too much of one shade. */
function penalty(grid) {
  const lines = [...grid, ...grid.map((_, x) => grid.map((row) => row[x]))].map((line) => line.map(Number).join(""));
  const runs = lines.flatMap((line) => line.match(/0{5,}|1{5,}/g) ?? []).reduce((sum, run) => sum + run.length - 2, 0);
  const corners = lines.reduce((sum, line) => sum + (line.match(/(?=10111010000|00001011101)/g) ?? []).length, 0);
  const blocks = grid.slice(1).reduce((sum, row, y) => sum + row.slice(1).filter((dark, x) => dark === row[x] && dark === grid[y][x] && dark === grid[y][x + 1]).length, 0);
  const share = grid.flat().filter(Boolean).length / grid.length ** 2;
  return runs + 3 * blocks + 40 * corners + 10 * Math.floor(Math.abs(share * 100 - 50) / 5);
}

/** A text as rows of booleans, dark or not, without the quiet margin of four. Throws RangeError when it is too long. */
export function qrCode(text) {
  const bytes = new TextEncoder().encode(text);
  const version = VERSIONS.findIndex((one) => one && bytes.length + 2 <= one[0]);
  if (version < 0) throw new RangeError("too long for a QR code of version 9");
  const words = codewords(bytes, VERSIONS[version]);
  const grids = MASKS.map((_, mask) => {
    const grid = frame(version, VERSIONS[version]);
    writeFormat(grid, mask);
    writeData(grid, words, mask);
    return grid;
  });
  return grids.reduce((best, grid) => (penalty(grid) < penalty(best) ? grid : best));
}
