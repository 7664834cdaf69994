/** A source in deb822 format: a flat repository, trusted by its own key alone. */
export function aptSource(url: string, keyPath: string): string {
  return `# Written by keelson.
Types: deb
URIs: ${url}
Suites: /
Signed-By: ${keyPath}
`;
}
