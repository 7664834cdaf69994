export interface Block {
  /** The word after the opening fence: `yaml`, `console`, or nothing. */
  language: string;
  text: string;
  /** Counted from 1; where its first line of content stands. */
  line: number;
}

export interface Link {
  target: string;
  line: number;
}

export interface Page {
  blocks: readonly Block[];
  links: readonly Link[];
  /** As GitHub makes them from headings. */
  anchors: ReadonlySet<string>;
  /** Text between single backticks, outside of blocks. */
  codes: readonly { text: string; line: number }[];
}

/** As much of Markdown as this project's pages use: fences, headings, inline code, links and images on one line. */
export function readPage(text: string): Page {
  const blocks: Block[] = [];
  const links: Link[] = [];
  const codes: { text: string; line: number }[] = [];
  const anchors = new Set<string>();
  let open: { fence: string; language: string; lines: string[]; line: number } | null = null;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const fence = /^\s*(`{3,}|~{3,})\s*(\w*)/.exec(raw);
    if (open !== null) {
      if (fence !== null && raw.trim() === open.fence) {
        blocks.push({ language: open.language, text: `${open.lines.join('\n')}\n`, line: open.line });
        open = null;
      } else open.lines.push(raw);
      continue;
    }
    if (fence !== null) {
      open = { fence: fence[1] ?? '', language: fence[2] ?? '', lines: [], line: line + 1 };
      continue;
    }
    const heading = /^#{1,6}\s+(.+)$/.exec(raw);
    if (heading?.[1] !== undefined) anchors.add(unused(slug(heading[1]), anchors));
    for (const match of raw.matchAll(/`([^`]+)`/g)) codes.push({ text: match[1] ?? '', line });
    // What stands in backticks is no link.
    const prose = raw.replaceAll(/`[^`]*`/g, '`code`');
    for (const match of prose.matchAll(/\]\(([^)\s]+)\)/g)) links.push({ target: match[1] ?? '', line });
    for (const match of prose.matchAll(/<(?:img|a)\s[^>]*(?:src|href)="([^"]+)"/g))
      links.push({ target: match[1] ?? '', line });
  }
  if (open !== null) throw new Error(`the block that begins before line ${open.line} never ends`);
  return { blocks, links, anchors, codes };
}

function slug(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
}

function unused(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  let n = 1;
  while (taken.has(`${name}-${n}`)) n += 1;
  return `${name}-${n}`;
}

export interface ShellCall {
  /** Words of one command, without redirections' meaning: enough to know which command and which flags. */
  words: readonly string[];
  line: number;
}

/** Calls of one program in a block of shell: what stands after a prompt, or at the beginning of a line where there are none. */
export function callsOf(block: Block, program: string): ShellCall[] {
  const lines = block.text.split('\n').map((text, index) => ({ text, line: block.line + index }));
  const prompted = lines.filter(({ text }) => /^\s*[$#] \S/.test(text));
  const typed =
    block.language === 'console' && prompted.length > 0
      ? prompted.map(({ text, line }) => ({ text: text.trim().slice(2), line }))
      : lines;
  return typed.flatMap(({ text, line }) =>
    text
      .replace(/(?:^|\s)#\s.*$/, '')
      .split(/\|\||&&|[|;]/)
      .map((part) => part.trim().split(/\s+/))
      .map((words) => words.slice(words.findIndex((word) => !/^[A-Z_]+=/.test(word))))
      .filter(([first]) => first === program || first?.endsWith(`/${program}`) === true)
      .map((words) => ({ words: words.slice(1), line })),
  );
}
