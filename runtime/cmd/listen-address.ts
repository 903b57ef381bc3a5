/** `host:port`, of which an IPv6 address may stand in brackets. */
export function addressOf(listen: string): { readonly host: string; readonly port: number } {
  const split = listen.lastIndexOf(':');
  return { host: listen.slice(0, split).replaceAll(/[[\]]/g, ''), port: Number(listen.slice(split + 1)) };
}
