/** As Go's time.ParseDuration takes it, without signs: `8760h`, `1h30m`, `1.5s`, `0`. */
export const goDurationPattern = /^(0|((\d{1,9}(\.\d{0,9})?|\.\d{1,9})(ns|us|µs|μs|ms|s|m|h))+)$/;

const unitSeconds: Readonly<Record<string, number>> = {
  h: 3600,
  m: 60,
  s: 1,
  ms: 1e-3,
  us: 1e-6,
  // The micro sign and the Greek letter: Go takes both.
  µs: 1e-6,
  μs: 1e-6,
  ns: 1e-9,
};

/** Seconds, possibly with a fraction; null when the text is no Go duration. */
export function parseGoDuration(text: string): number | null {
  if (!goDurationPattern.test(text)) return null;
  let seconds = 0;
  for (const [, digits, unit] of text.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    seconds += Number(digits) * (unitSeconds[unit ?? ''] ?? Number.NaN);
  }
  return seconds;
}

/** For durations that the schema has accepted. */
export function goDurationSeconds(text: string): number {
  const seconds = parseGoDuration(text);
  if (seconds === null) throw new RangeError(`not a Go duration: ${JSON.stringify(text)}`);
  return seconds;
}
