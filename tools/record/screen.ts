export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'white' | 'black';

/** Characters of one look, beginning at a column. */
export interface Run {
  column: number;
  text: string;
  bold: boolean;
  dim: boolean;
  colour: Colour | null;
}

type Look = Omit<Run, 'column' | 'text'>;

const COLOURS: readonly Colour[] = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
const PLAIN: Look = { bold: false, dim: false, colour: null };
const SEQUENCE = /\u001b\[([0-9;]*)m/;

/** A line of `tmux capture-pane -e`, which knows no other sequences than those of colours. */
export function parseLine(line: string): Run[] {
  const runs: Run[] = [];
  let look = PLAIN;
  let column = 0;
  // Text and the numbers of sequences take turns, because the pattern holds one group.
  for (const [index, part] of line.split(SEQUENCE).entries()) {
    if (index % 2 === 1) {
      look = afterSequence(look, part);
      continue;
    }
    if (part.trim() !== '') runs.push({ column, text: part, ...look });
    column += [...part].length;
  }
  return runs;
}

function afterSequence(look: Look, numbers: string): Look {
  let next = look;
  for (const code of numbers.split(';').map(Number)) {
    if (code === 0) next = PLAIN;
    else if (code === 1) next = { ...next, bold: true };
    else if (code === 2) next = { ...next, dim: true };
    else if (code === 22) next = { ...next, bold: false, dim: false };
    else if (code === 39) next = { ...next, colour: null };
    else if (code >= 30 && code <= 37) next = { ...next, colour: COLOURS[code - 30] ?? null };
    else if (code >= 90 && code <= 97) next = { ...next, colour: COLOURS[code - 90] ?? null };
  }
  return next;
}
