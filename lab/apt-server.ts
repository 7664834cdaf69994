import { createReadStream, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';

// A program of its own, started by apt-repository.ts: serves the files of one folder under /deb/ at one address, writes
// the port to a file, and a line for each request to standard output.
const [directory = '', address = '', portFile = ''] = process.argv.slice(2);

const server = createServer((request, response) => {
  const status = answer(request, response);
  process.stdout.write(`${status} ${request.url ?? ''}\n`);
});

server.listen(0, address, () => {
  const { port } = server.address() as AddressInfo;
  writeFileSync(`${portFile}.new`, `${port}\n`);
  renameSync(`${portFile}.new`, portFile);
});

function answer(request: IncomingMessage, response: ServerResponse): number {
  const file = fileOf(request.url ?? '');
  const found = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
  if (file === undefined || found?.isFile() !== true) {
    response.writeHead(404).end();
    return 404;
  }
  response.writeHead(200, { 'content-length': found.size, 'last-modified': found.mtime.toUTCString() });
  if (request.method === 'HEAD') response.end();
  else pipeline(createReadStream(file), response, () => {}); // a client that goes away is no failure
  return 200;
}

/** The folder is flat, so a plain name is the only path there is. */
function fileOf(url: string): string | undefined {
  try {
    const name = /^\/deb\/(?:\.\/)?([A-Za-z0-9][\w.+~-]*)$/.exec(decodeURIComponent(url))?.[1];
    return name === undefined ? undefined : join(directory, name);
  } catch {
    return undefined; // no valid encoding
  }
}
