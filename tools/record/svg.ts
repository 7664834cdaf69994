import { type Colour, parseLine, type Run } from './screen.ts';

/** What a terminal showed from a moment on. */
export interface Frame {
  atMs: number;
  /** With colour sequences. */
  lines: readonly string[];
}

export interface PictureOptions {
  columns: number;
  rows: number;
  /** How long the last frame stays before all begins again. */
  holdMs: number;
  title: string;
}

const FONT = 14;
const CELL = { width: 8.43, height: 18 };
const EDGE = 14;
const BAR = 30;
const PALETTE: Readonly<Record<Colour, string>> = {
  black: '#484f58',
  red: '#ff7b72',
  green: '#3fb950',
  yellow: '#d29922',
  blue: '#58a6ff',
  magenta: '#bc8cff',
  cyan: '#39c5cf',
  white: '#e6edf3',
};

/**
 * An SVG that plays the frames, side by side as on a film; each different line is written down once. Without animation, as some readers
 * want it and some programs do it, the last frame stands still.
 */
export function picture(frames: readonly Frame[], options: PictureOptions): string {
  const last = frames.at(-1);
  if (last === undefined) throw new Error('a picture needs a frame');
  const width = round(options.columns * CELL.width + 2 * EDGE);
  const height = options.rows * CELL.height + BAR + EDGE;
  const totalMs = last.atMs + options.holdMs;
  const ids = new Map<string, string>();
  const film = frames.map((frame, n) => `<g transform="translate(${round(n * width)})">${uses(frame, ids)}</g>`);
  const stops = frames.map(
    ({ atMs }, n) => `${((100 * atMs) / totalMs).toFixed(3)}%{transform:translateX(${round(-n * width)}px)}`,
  );
  const end = `translateX(${round(-(frames.length - 1) * width)}px)`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(options.title)}">`,
    `<style>text{font:${FONT}px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:${PALETTE.white};white-space:pre}`,
    `.b{font-weight:700}.d{opacity:.6}${Object.entries(PALETTE)
      .map(([name, value]) => `.${name}{fill:${value}}`)
      .join('')}`,
    `#film{transform:${end}}@media (prefers-reduced-motion:no-preference){#film{animation:play ${(totalMs / 1000).toFixed(2)}s step-end infinite}}`,
    `@keyframes play{${stops.join('')}100%{transform:${end}}}</style>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    ...['#ff5f57', '#febc2e', '#28c840'].map((fill, n) => `<circle cx="${18 + n * 18}" cy="15" r="5" fill="${fill}"/>`),
    `<defs>${[...ids].map(([line, id]) => lineText(line, id)).join('\n')}</defs>`,
    // A presentation attribute as well: not every program that draws SVG knows transforms in style sheets.
    `<svg x="${EDGE}" y="${BAR}" width="${width - EDGE}" height="${options.rows * CELL.height}"><g id="film" transform="translate(${round(-(frames.length - 1) * width)})">`,
    ...film,
    '</g></svg>',
    '</svg>',
    '',
  ].join('\n');
}

function uses(frame: Frame, ids: Map<string, string>): string {
  return frame.lines
    .map((line, row) => {
      if (parseLine(line).length === 0) return '';
      const id = ids.get(line) ?? `l${ids.size}`;
      ids.set(line, id);
      return `<use href="#${id}" y="${(row + 1) * CELL.height - 4}"/>`;
    })
    .join('');
}

function lineText(line: string, id: string): string {
  return `<text id="${id}">${parseLine(line).map(runSpan).join('')}</text>`;
}

/** Each run keeps to its columns, whichever font the reader has. */
function runSpan(run: Run): string {
  const classes = [run.bold ? 'b' : '', run.dim ? 'd' : '', run.colour ?? ''].filter((c) => c !== '').join(' ');
  const text = run.text.trimEnd();
  const shown = text.trimStart();
  const column = run.column + [...text].length - [...shown].length;
  const length = round([...shown].length * CELL.width);
  return `<tspan x="${round(column * CELL.width)}" textLength="${length}"${classes === '' ? '' : ` class="${classes}"`}>${escaped(shown)}</tspan>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
