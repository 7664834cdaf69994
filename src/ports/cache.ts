/**
 * A text on the operator's computer that saves work when it is there, and may be lost at any time. Neither call ever rejects: what cannot
 * be read is null, what cannot be written is not kept.
 */
export interface Cache {
  readonly read: () => Promise<string | null>;
  readonly write: (text: string) => Promise<void>;
}
