// CSI sequences, then OSC and the other string sequences up to their end, then two-character escapes.
const ESCAPES =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]/gu;
// All controls but tab and newline, and what changes the direction of the text around it.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\p{Bidi_Control}\u2028\u2029]/gu;

/**
 * What a machine printed, fit to be shown: no escape sequences, no control characters but tab and newline. Of a text longer than
 * `limit` characters the end is kept, because that is where the reason stands.
 */
export function plainText(text: string, limit = 4000): string {
  const plain = text.replace(/\r\n?/g, '\n').replace(ESCAPES, '').replace(CONTROLS, '').trim();
  return plain.length <= limit ? plain : `…${plain.slice(plain.length - limit + 1)}`;
}

/** A time as ISO 8601 to a person: `2026-11-21 10:15:00Z`. */
export function moment(iso: string): string {
  return iso.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
}
