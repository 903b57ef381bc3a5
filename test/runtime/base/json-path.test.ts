import fc from 'fast-check';
import t from 'tap';
import { humanDuration } from '#runtime/base/duration.ts';
import { InvalidError } from '#runtime/base/errors.ts';
import { compileJsonPath, compileJsonPathTemplate } from '#runtime/base/json-path.ts';

const pods = {
  kind: 'List',
  items: [
    {
      metadata: { name: 'a', annotations: { 'x.io/y': 'v' } },
      ready: true,
      n: 1,
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    },
    { metadata: { name: 'b' }, n: 3, status: null },
    { metadata: { name: 'c' }, n: 5 },
  ],
};

const cases: readonly (readonly [path: string, selects: readonly unknown[]])[] = [
  ['.kind', ['List']],
  ['{.kind}', ['List']],
  ['kind', ['List']],
  ['$.items[0].metadata.name', ['a']],
  ['.items[*].metadata.name', ['a', 'b', 'c']],
  ['.items[-1].metadata.name', ['c']],
  ['.items[0:2].n', [1, 3]],
  ['.items[::2].n', [1, 5]],
  ['.items[-2:].n', [3, 5]],
  ['.items[7]', []],
  ['.items[-7]', []],
  ['.items[0,2].n', [1, 5]],
  ['.items[0].metadata.annotations.x\\.io/y', ['v']],
  [".items[0].metadata.annotations['x.io/y']", ['v']],
  [".items[0]['n','ready']", [1, true]],
  ['..name', ['a', 'b', 'c']],
  ['.items[?(@.n>2)].metadata.name', ['b', 'c']],
  ['.items[?(@.metadata.name=="b")].n', [3]],
  ['.items[?(@.ready)].metadata.name', ['a']],
  ['.items[?(@.ready==true)].metadata.name', ['a']],
  ['.items[*].status.conditions[?(@.type=="Ready")].status', ['True']],
  ['.items[0].metadata.*', ['a', { 'x.io/y': 'v' }]],
  ['.items[1].status', [null]],
  ['.none.at.all', []],
  ['.constructor', []],
  ['.items.length', []],
];

t.test('a path selects what it selects in kubectl', async (t) => {
  for (const [path, selects] of cases) t.same(compileJsonPath(path)(pods), selects, path);
});

t.test('text that is no path is refused', async (t) => {
  for (const path of ['.a[', '.a[?(', '.a[?(@.b==)]', ".a['b]", '.a b', '.a[0'])
    t.throws(() => compileJsonPath(path), InvalidError, path);
  for (const template of ['{.a', '{range .a}x', '{end}', '{"a}'])
    t.throws(() => compileJsonPathTemplate(template), InvalidError, template);
});

t.test('a template prints text, values and ranges', async (t) => {
  const print = (template: string): string => compileJsonPathTemplate(template)(pods);
  t.equal(print('{.items[*].metadata.name}'), 'a b c');
  t.equal(
    print('kind={.kind}, first={.items[0].metadata}'),
    'kind=List, first={"name":"a","annotations":{"x.io/y":"v"}}',
  );
  t.equal(print('{range .items[*]}{.metadata.name}{"\\t"}{@.n}{"\\n"}{end}done'), 'a\t1\nb\t3\nc\t5\ndone');
  t.equal(print('{range .items[*]}{range .status.conditions[*]}{.type}{$.kind}{end};{end}'), 'ReadyList;;;');
  t.equal(print('.kind'), 'List');
  t.equal(print("{.items[?(@.metadata.name=='}')].n}"), '');
});

t.test('no path and no value make reading throw anything but a refusal', async () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^[.[\]$@*?()a0:'"=<>,\\ -]{0,20}$/)),
      fc.jsonValue(),
      (path, value) => {
        try {
          compileJsonPath(path)(value);
        } catch (err) {
          return err instanceof InvalidError;
        }
        return true;
      },
    ),
  );
});

const second = 1_000;
const hour = 3_600 * second;
const spans: readonly (readonly [spanMs: number, text: string])[] = [
  [-5 * second, '<invalid>'],
  [-second, '0s'],
  [0, '0s'],
  [119 * second, '119s'],
  [120 * second, '2m'],
  [330 * second, '5m30s'],
  [10 * 60 * second, '10m'],
  [179 * 60 * second, '179m'],
  [3 * hour, '3h'],
  [7.5 * hour, '7h30m'],
  [47 * hour, '47h'],
  [51 * hour, '2d3h'],
  [192 * hour, '8d'],
  [24 * 729 * hour, '729d'],
  [24 * 730 * hour, '2y'],
  [24 * 800 * hour, '2y70d'],
  [24 * 365 * 9 * hour, '9y'],
  [Number.NaN, '<invalid>'],
];

t.test('a span of time is printed as kubectl prints ages', async (t) => {
  for (const [spanMs, text] of spans) t.equal(humanDuration(spanMs), text, text);
});
