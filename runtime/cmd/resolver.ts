import { openLocalResolver } from '#runtime/dns/local-resolver.ts';
import { terminated, untilAborted } from './terminated.ts';

// The resolver of a private instance: `resolver PORT [PORT-OF-NAME-SERVER]`, both on loopback.
const [listen = '', upstream] = process.argv.slice(2);
const atLoopback = (port: string) => ({ address: '127.0.0.1', port: Number(port) });
const lifetime = terminated();
await openLocalResolver(atLoopback(listen), upstream === undefined ? undefined : atLoopback(upstream), lifetime);
await untilAborted(lifetime);
