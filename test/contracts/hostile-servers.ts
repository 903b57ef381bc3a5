import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import type { Test } from 'tap';
import type { Engine } from '#controllers/database-names.ts';
import { required } from '#runtime/base/errors.ts';
import { guarded } from '#runtime/drivers/databases/guarded.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { mariadbFraming } from '#runtime/drivers/mariadb/framing.ts';
import { postgresqlFraming } from '#runtime/drivers/postgresql/framing.ts';
import { startAsking } from '#test/lab/asking-process.ts';
import { nonsense } from '#test/lab/nonsense.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { moments, openScriptedServer } from '#test/lab/scripted-server.ts';

/** An engine, and how a real server of it comes to say much of what it says to us. */
export interface HonestServer {
  readonly engine: Engine;
  /** By its socket, where nothing is encrypted. */
  readonly host: ServerHost;
  readonly observe: (host: ServerHost) => Promise<unknown>;
}

const framings = { PostgreSQL: postgresqlFraming, MariaDB: mariadbFraming } as const;
/** Long enough for who is at it already. */
const stillMs = 3_000;

/** The laws of servers elsewhere that have proved who they are, and mean no good: whoever asks them goes on. */
export async function hostileServersContract(t: Test, honest: HonestServer): Promise<void> {
  const { engine } = honest;
  const server = await openScriptedServer(t, engine);
  const asking = startAsking(t);
  const { address, authorities, port, plainPort } = server;
  const secure = { engine, address, authorities, port };

  await t.test(
    'a server that makes no sense loses that connection, and the error names it and says why',
    async (each) => {
      for (const [name, { says, control: _, ...said }] of Object.entries(nonsense[engine])) {
        const words: string[] = [];
        for (const moment of moments) {
          server.script = { moment, ...said };
          words.push(await asking.ask(secure));
        }
        each.match(words.join('\n'), says, name);
      }
      server.script = { moment: 'never', bytes: Buffer.alloc(0) };
      each.equal(await asking.ask(secure), 'fine', 'the control');
      const plain = { engine, address, port: plainPort };
      for (const [name, { bytes, control }] of Object.entries(nonsense[engine])) {
        if (control === undefined) continue;
        const { moment, end } = control;
        server.script = { moment: 'never', bytes: Buffer.alloc(0) };
        each.equal(await asking.ask(plain), 'fine', 'it has begun');
        server.script = { moment, bytes };
        const plainly = asking.ask(plain, end === 'stands still' ? stillMs : patienceMs);
        await each.rejects(plainly, { message: `the process ${end}` }, `as it comes: ${name}`);
      }
    },
  );

  const said = await answersOf(honest);

  await t.test('in whatever pieces an answer comes, a library is given whole messages of it, and all', async (each) => {
    each.ok(Buffer.concat(said).length > 1_000, 'the control');
    const framing = framings[engine];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...said), fc.integer({ min: 1, max: 99 }), async (answer, size) => {
        const server = new PassThrough();
        const messages: Buffer[] = [];
        const library = guarded(server, framing, 'main').on('data', (message: Buffer) => messages.push(message));
        for (let at = 0; at < answer.length; at += size) server.write(answer.subarray(at, at + size));
        server.end();
        await once(library, 'end');
        assert.ok(messages.every((message) => message.length === framing.sizeOf(message)));
        const rest = answer.subarray(Buffer.concat(messages).length);
        assert.deepEqual(Buffer.concat([...messages, rest]), answer);
        assert.ok(rest.length < framing.headBytes || rest.length < framing.sizeOf(rest));
      }),
      { numRuns: 200 },
    );
  });

  await t.test('whatever becomes of what a server says, nobody ends over it, and nobody stands still', async () => {
    const spoiling = fc.record({
      answer: fc.constantFrom(...said),
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      moment: fc.constantFrom(...moments),
    });
    await fc.assert(
      fc.asyncProperty(spoiling, async ({ answer, changes, moment }) => {
        server.script = { moment, bytes: changes.reduce(changed, answer) };
        await asking.ask(secure);
      }),
      { numRuns: 1_000 },
    );
  });
}

/** What a server says, as it says it to us. */
async function answersOf({ host, observe }: HonestServer): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = [];
  await observe({
    ...host,
    enter: async (signal) => {
      const entrance = await host.enter(signal);
      const { emit } = entrance.stream;
      entrance.stream.emit = function (event: string | symbol, ...args: unknown[]) {
        if (event === 'data') chunks.push(Buffer.from(args[0] as Buffer));
        return emit.call(this, event, ...args);
      };
      return entrance;
    },
  });
  return chunks;
}

/** Of some bytes somewhere in an answer: numbers at their ends do most. */
const change = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  kind: fc.constantFrom('put', 'insert', 'remove', 'end'),
  bytes: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    fc
      .constantFrom('00000000', 'ffffffff', '7fffffff', '80000000', 'fffffffe', 'fe', 'fb', '00')
      .map((hex) => Buffer.from(hex, 'hex')),
  ),
});

function changed(
  answer: Buffer,
  { at, kind, bytes }: { readonly at: number; readonly kind: string; readonly bytes: Uint8Array },
): Buffer {
  const from = Math.floor(at * answer.length);
  const [before, rest] = [answer.subarray(0, from), answer.subarray(from)];
  const after = {
    put: rest.subarray(bytes.length),
    insert: rest,
    remove: rest.subarray(bytes.length),
    end: Buffer.alloc(0),
  }[kind];
  return Buffer.concat([
    before,
    kind === 'remove' || kind === 'end' ? Buffer.alloc(0) : bytes,
    required(after, 'a kind of change'),
  ]);
}
