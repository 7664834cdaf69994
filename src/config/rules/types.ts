import type { ConfigDraft } from '../draft.ts';
import type { FieldProblem } from '../issues.ts';

/**
 * Judges fields that must fit together. It sees the file as written: without defaults, and with what is wrong by itself left
 * out, so it says nothing about a field that is not there.
 */
export type ConfigRule = (draft: ConfigDraft) => readonly FieldProblem[];
