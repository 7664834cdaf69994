import type { FileHandle } from 'node:fs/promises';
import { type FileSystem, realFileSystem } from '../../src/vault/files.ts';

/**
 * The real file system until its nth call; that one is not made (a write is made by half), and `die` takes over. Handles
 * count like the file system itself.
 */
export function dyingFileSystem(nth: number, die: () => Promise<never>): FileSystem {
  let calls = 0;
  const open = new Set<FileHandle>();

  function dyingAt<A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) {
    return async (...args: A): Promise<R> => {
      calls += 1;
      if (calls < nth) return call(...args);
      const [content] = args;
      if (calls === nth && name === 'writeFile' && typeof content === 'string') {
        await call(...([content.slice(0, content.length / 2)] as unknown as A));
      }
      // As the kernel does for a process that has ended.
      await Promise.all(Array.from(open, (handle) => handle.close().catch(() => undefined)));
      return die();
    };
  }

  function dyingHandle(handle: FileHandle): FileHandle {
    open.add(handle);
    return new Proxy(handle, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? dyingAt(String(name), value.bind(target)) : value;
      },
    });
  }

  return new Proxy(realFileSystem, {
    get: (target, name: keyof FileSystem) => {
      const call = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      if (name !== 'open') return dyingAt(name, call);
      return dyingAt(name, async (...args) => dyingHandle((await call(...args)) as FileHandle));
    },
  });
}
