/** A Kubernetes quantity of whole bytes: `2Gi`, `8G`, `2147483648`. */
export const quantityPattern = /^(0|[1-9]\d{0,15})(Ki|Mi|Gi|Ti|k|M|G|T)?$/;

const factors: Readonly<Record<string, number>> = {
  '': 1,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
};

/** Bytes; null when the text is no such quantity, or more than a number holds exactly. */
export function parseQuantity(text: string): number | null {
  const match = quantityPattern.exec(text);
  if (match === null) return null;
  const bytes = Number(match[1]) * (factors[match[2] ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : null;
}
