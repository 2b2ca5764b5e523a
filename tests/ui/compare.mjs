// In how much of them two pictures differ, by pixelmatch: `node compare.mjs SEEN WANTED …`, a share a pair; 1 where their
// sizes differ.

import { readFileSync } from "node:fs";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";

const paths = process.argv.slice(2);
const shares = [];
for (let at = 0; at < paths.length; at += 2) {
  const [seen, wanted] = paths.slice(at, at + 2).map((path) => PNG.sync.read(readFileSync(path)));
  const alike = seen.width === wanted.width && seen.height === wanted.height;
  const differing = alike ? pixelmatch(seen.data, wanted.data, null, seen.width, seen.height) : Infinity;
  shares.push(Math.min(1, differing / (seen.width * seen.height)));
}
process.stdout.write(JSON.stringify(shares));
