// The part of Markdown that our own pages use, as a tree: headings, paragraphs, lists, tables, code, and in a line `code`,
// **strong**, *emphasis* and [links](…). A tree and not HTML: the page's policy lets no text become markup.

/**
 * @typedef {{kind: "text" | "code", text: string} | {kind: "strong" | "em", parts: Inline[]}
 *   | {kind: "link", to: string, parts: Inline[]}} Inline
 * @typedef {{kind: "heading", level: number, id: string, parts: Inline[]} | {kind: "paragraph", parts: Inline[]}
 *   | {kind: "list", ordered: boolean, items: Inline[][]} | {kind: "code", language: string, text: string}
 *   | {kind: "table", head: Inline[][], rows: Inline[][][]}} Block
 */

const INLINE = /`([^`]+)`|\*\*(.+?)\*\*|\*([^*\s](?:.*?[^*\s])?)\*|\[([^\]]+)\]\(([^)\s]+)\)/;
const ITEM = /^(?:[-*]|(\d+)\.) +(.*)$/;

/** @param {string} text @returns {Inline[]} */
export function inline(text) {
  const found = INLINE.exec(text);
  if (!found) return text ? [{ kind: "text", text }] : [];
  /** @type {Inline[]} */
  const before = found.index ? [{ kind: "text", text: text.slice(0, found.index) }] : [];
  const after = inline(text.slice(found.index + found[0].length));
  return [...before, marked(found), ...after];
}

/** @param {RegExpExecArray} found @returns {Inline} */
function marked([, code, strong, em, label, to]) {
  if (code !== undefined) return { kind: "code", text: code };
  if (strong !== undefined) return { kind: "strong", parts: inline(strong) };
  if (em !== undefined) return { kind: "em", parts: inline(em) };
  return { kind: "link", to, parts: inline(label) };
}

/** As GitHub and our tests make it. @param {string} heading */
export function anchor(heading) {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}_\- ]/gu, "").replaceAll(" ", "-");
}

/** @param {string} text @returns {Block[]} */
export function parse(text) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  /** @type {Block[]} */
  const blocks = [];
  for (let at = 0; at < lines.length; ) {
    if (!lines[at].trim()) at += 1;
    else at = block(lines, at, blocks);
  }
  return blocks;
}

/** One block from line `at` on; where the next one begins. @param {string[]} lines @param {number} at @param {Block[]} blocks */
function block(lines, at, blocks) {
  const line = lines[at];
  if (line.startsWith("```")) return fence(lines, at, blocks);
  const heading = /^(#{1,6}) +(.*)$/.exec(line);
  if (heading) {
    blocks.push({ kind: "heading", level: heading[1].length, id: anchor(heading[2]), parts: inline(heading[2]) });
    return at + 1;
  }
  if (line.startsWith("|")) return table(lines, at, blocks);
  if (ITEM.test(line)) return list(lines, at, blocks);
  const end = ended(lines, at + 1, (next) => !next.trim() || /^(?:#{1,6} |```|\|)/.test(next) || ITEM.test(next));
  blocks.push({ kind: "paragraph", parts: inline(lines.slice(at, end).join(" ")) });
  return end;
}

/** @param {string[]} lines @param {number} at @param {Block[]} blocks */
function fence(lines, at, blocks) {
  const end = ended(lines, at + 1, (next) => next.startsWith("```"));
  blocks.push({ kind: "code", language: lines[at].slice(3).trim(), text: lines.slice(at + 1, end).join("\n") });
  return end + 1;
}

/** @param {string[]} lines @param {number} at @param {Block[]} blocks */
function table(lines, at, blocks) {
  const end = ended(lines, at + 1, (next) => !next.startsWith("|"));
  const [head, , ...rows] = lines.slice(at, end).map(cells);
  blocks.push({ kind: "table", head, rows });
  return end;
}

/** @param {string} row */
function cells(row) {
  const bare = row.trim().replace(/^\||\|$/g, "");
  return bare.split(/(?<!\\)\|/).map((cell) => inline(cell.trim().replaceAll("\\|", "|")));
}

/** @param {string[]} lines @param {number} at @param {Block[]} blocks */
function list(lines, at, blocks) {
  /** @type {string[]} */
  const items = [];
  const ordered = /^\d/.test(lines[at]);
  let end = at;
  for (; end < lines.length; end += 1) {
    const item = ITEM.exec(lines[end]);
    if (item) items.push(item[2]);
    else if (/^ {2,}\S/.test(lines[end])) items.push(`${items.pop()} ${lines[end].trim()}`);
    else break;
  }
  blocks.push({ kind: "list", ordered, items: items.map(inline) });
  return end;
}

/** @param {string[]} lines @param {number} from @param {(line: string) => boolean} is */
function ended(lines, from, is) {
  const found = lines.slice(from).findIndex(is);
  return found < 0 ? lines.length : from + found;
}
