import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import t from 'tap';
import { BugError } from '#runtime/base/errors.ts';
import { quotedArgument, renderPrivatePart, renderUnit } from '#runtime/host/local/systemd/unit-file.ts';
import { limitProperties } from '#runtime/host/local/systemd/slices.ts';
import type { ServiceUnit } from '#runtime/host/host.ts';

const resources = { privatePart: '/run/x.private', log: '/srv/x.log' };
const unit: ServiceUnit = { name: 'php-acme.shop', command: ['/bin/true'], restart: 'never' };

/** What systemd makes of one quoted word: systemd.service(5), "Quoting" and "Specifiers". */
function unquote(text: string): string {
  const bytes: number[] = [];
  const inner = /^"(.*)"$/s.exec(text)?.[1] ?? '';
  for (let index = 0; index < inner.length; index += 1) {
    const escaped = /^\\x([0-9a-f]{2})/.exec(inner.slice(index));
    if (escaped !== null) {
      bytes.push(Number.parseInt(escaped[1] ?? '', 16));
      index += 3;
      continue;
    }
    bytes.push(inner.charCodeAt(index));
    if (inner[index] === '%' || inner[index] === '$') index += 1;
  }
  return Buffer.from(bytes).toString('utf8');
}

t.test('an argument is one word with its own text, whatever it holds', (each) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (argument) => {
      fc.pre(!argument.includes('\0'));
      const text = quotedArgument(argument);
      return /^"[\x20-\x7e]*"$/.test(text) && unquote(text) === argument;
    }),
  );
  each.throws(() => quotedArgument('a\0b'), BugError);
  each.end();
});

t.test('a unit has the lines it should have and no other, whatever stands in its fields', (each) => {
  const keys = (text: string): string => text.replace(/^(\w+)=.*$/gm, '$1');
  const shape = keys(renderUnit({ ...unit, uid: 20001, slice: 'wcp360-1' }, resources));
  const hostile = fc.oneof(
    fc.constantFrom('a\nExecStart=/bin/evil', '%n', 'a\n[Service]\n', '../x', 'x\\', '$HOME', '`id`', '"', 'a;b'),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(
      hostile,
      fc.constantFrom('name', 'argument', 'log', 'slice', 'workingDirectory', 'stopSignal'),
      (value, field) => {
        const base = { ...unit, uid: 20001, slice: 'wcp360-1' };
        const changed = field === 'argument' ? { command: ['/bin/true', value] } : { [field]: value };
        try {
          const files = field === 'log' ? { ...resources, log: value } : resources;
          return keys(renderUnit({ ...base, ...changed }, files)) === shape;
        } catch (err) {
          return err instanceof BugError;
        }
      },
    ),
  );
  each.end();
});

t.test('limits become the properties of systemd', (each) => {
  const limits = { cpuMillicores: 1500, memoryBytes: 1024, processes: 7 };
  each.strictSame(limitProperties(limits), ['CPUQuota=150%', 'MemoryMax=1024', 'TasksMax=7']);
  each.strictSame(limitProperties({}), ['CPUQuota=', 'MemoryMax=infinity', 'TasksMax=infinity'], 'what is absent ends');
  each.throws(() => limitProperties({ memoryBytes: -1 }), BugError);
  each.throws(() => limitProperties({ cpuMillicores: 15 }), BugError, 'a step that systemd does not have');
  each.end();
});

t.test('a variable that could be taken for two, or for none, is refused', (each) => {
  for (const name of ['', '1A', 'A B', 'A=B', 'A\nB', 'A\0B'])
    each.throws(() => renderPrivatePart({ ...unit, environment: { [name]: 'x' } }), BugError, JSON.stringify(name));
  for (const broken of [{ environment: { A: 'x\0B=y' } }, { logPath: '/x\0y' }])
    each.throws(() => renderPrivatePart({ ...unit, ...broken }), BugError);
  each.end();
});

t.test(
  'systemd itself accepts a rendered unit',
  { skip: existsSync('/usr/bin/systemd-analyze') ? false : 'systemd-analyze is not installed' },
  (each) => {
    const directory = mkdtempSync(`${tmpdir()}/wcp360-unit-`);
    each.teardown(() => rmSync(directory, { recursive: true }));
    const path = `${directory}/wcp360-test.service`;
    const command = ['/bin/echo', 'a b', '%n $HOME "quoted" \\ ;', 'ü\n✓'];
    writeFileSync(
      path,
      renderUnit({ ...unit, command, uid: 20001, restart: 'always', keepsServices: true }, resources),
    );
    const output = execFileSync('/usr/bin/systemd-analyze', ['verify', '--man=no', path], {
      stdio: 'pipe',
      encoding: 'utf8',
    });
    each.notMatch(output, /wcp360-test/);
    each.end();
  },
);
