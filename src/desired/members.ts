/** `10.0.0.1` as it stands, an IPv6 address in brackets. */
export function urlHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

export function memberUrls(
  address: string,
  ports: { client: number; peer: number },
): { clientUrl: string; peerUrl: string } {
  return {
    clientUrl: `https://${urlHost(address)}:${ports.client}`,
    peerUrl: `https://${urlHost(address)}:${ports.peer}`,
  };
}

/** Voters that must agree: more than half. */
export function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}
