/**
 * The least that an API server has to do: TLS, JSON in and out, one etcd transaction. What ours does on top of it is what the ratio shows.
 *
 *   POST /anything   stores the body under a new key        GET /bytes   the same bytes each time, from a buffer, of the size in ?size=
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { parseArgs } from 'node:util';
import { openEtcdStore } from '#runtime/storage/etcd/etcd-store.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    endpoint: { type: 'string', default: '' },
    pki: { type: 'string', default: '' },
  },
});
const pem = (name: string): Buffer => readFileSync(`${values.pki}/${name}`);
const store = await openEtcdStore({
  endpoints: [values.endpoint],
  tls: { ca: pem('etcd/ca.crt'), cert: pem('etcd/client.crt'), key: pem('etcd/client.key') },
});
const buffers = new Map<number, Buffer>();

createServer({ cert: pem('server.crt'), key: pem('server.key') }, (request, response) => {
  if (request.method === 'GET') {
    const size = Number(new URL(request.url ?? '/', 'https://x').searchParams.get('size') ?? 0);
    const bytes = buffers.get(size) ?? Buffer.alloc(size, 'x');
    buffers.set(size, bytes);
    response.writeHead(200, { 'content-length': size }).end(bytes);
    return;
  }
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const object = JSON.parse(Buffer.concat(parts).toString('utf8')) as { metadata: { name: string } };
    const key = `/bare/${object.metadata.name}`;
    store
      .commit({ if: [{ key, revision: 0 }], put: [{ key, value: Buffer.from(JSON.stringify(object)) }] })
      .then((outcome) => {
        const text = JSON.stringify({ ...object, revision: outcome.revision });
        response
          .writeHead(outcome.committed ? 201 : 409, {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
          })
          .end(text);
      })
      .catch((err: unknown) => response.writeHead(500).end(String(err)));
  });
}).listen(Number(values.port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
