const LONGEST = 500;

/** Text for one line of a display: no control characters (they could move the cursor or recolour the terminal), bounded. */
export function oneLine(text: string): string {
  const plain = text
    .replace(/\p{Cc}\[[0-?]*[ -/]*[@-~]/gu, '')
    .replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, ' ')
    .trim();
  return plain.length <= LONGEST ? plain : `${plain.slice(0, LONGEST - 1)}…`;
}
