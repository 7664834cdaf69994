import { describe, expect, it } from 'vitest';
import { readModule } from './read-module.ts';

function impuritiesOf(code: string): string[] {
  return readModule('a.ts', code).impurities.map(({ what, line }) => `${line}: ${what}`);
}

describe('impurities', () => {
  it.each([
    ['Date.now();', 'Date.now'],
    ['const f = () => new Date();', 'new Date()'],
    ['new Date;', 'new Date()'],
    ['Date();', 'Date()'],
    ["Date['now']();", 'Date[...]'],
    ['const { now } = Date;', 'Date as a value'],
    ['call(Date);', 'Date as a value'],
    ['Math.random();', 'Math.random'],
    ['const { random } = Math;', 'Math as a value'],
    ['AbortSignal.timeout(5);', 'AbortSignal.timeout'],
    ['process.env.HOME;', 'process'],
    ['const env = process;', 'process'],
    ['globalThis.process;', 'globalThis'],
    ['const x = { process };', 'process'],
    ['const x = { [process]: 1 };', 'process'],
    ['await fetch(url);', 'fetch'],
    ['setTimeout(f, 1);', 'setTimeout'],
    ['function f(a = performance.now()) {}', 'performance'],
    ['crypto.randomUUID();', 'crypto'],
    ['class A { b = console.log }', 'console'],
    ['(process as Thing).exit();', 'process'],
    ['process!.exit();', 'process'],
    ['const p = () => { { const process = 1; } return process; };', 'process'],
    ['export { process };', 'process'],
  ])('finds %s', (code, what) => {
    expect(impuritiesOf(`\n${code}`)).toEqual([`2: ${what}`]);
  });

  it.each([
    ['a date that is given', 'new Date(0); new Date(text).getTime(); Date.parse(text); Date.UTC(2000, 1);'],
    ['what is no reference', 'a.process; ({ process: 1 }); class A { process() {} fetch = 1 }'],
    ['types', 'type T = typeof process; let a: Date; function f(x: typeof fetch): Date {}; const b = c as Date;'],
    ['a local name', 'const process = factOf(view); process.is;'],
    ['a local name in a block', 'if (a) { const process = 1; f(process); }'],
    ['a local function', 'f(fetch); function fetch() {}'],
    [
      'a parameter',
      'function f(process: P, { fetch }: Q, [performance = 1]: R, ...console: S) { process; fetch; performance; console; }',
    ],
    ['a parameter of an arrow function', 'list.map((process) => process.pid);'],
    ['a variable of a loop', 'for (const process of list) process.pid;'],
    ['a caught value', 'try { f() } catch (process) { process; }'],
    ['an imported name', "import { fetch } from './a.ts'; fetch();"],
    ['a re-exported name', "export { process } from './a.ts';"],
    ['checks of type', 'x instanceof Date;'],
    ['other members', 'Math.max(1, 2); AbortSignal.any([a]);'],
  ])('lets pass %s', (_name, code) => {
    expect(impuritiesOf(code)).toEqual([]);
  });
});
