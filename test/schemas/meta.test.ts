import t from 'tap';
import fc from 'fast-check';
import { mergeConditions } from '#schemas/meta/conditions.ts';
import { formatDuration, parseDurationMs, parseDurationSeconds } from '#schemas/meta/duration.ts';
import { claimNameOf } from '#schemas/meta/names.ts';
import {
  canonicalQuantity,
  formatBytes,
  formatMillicores,
  parseMillicores,
  parseQuantity,
} from '#schemas/meta/quantity.ts';
import { matchesLabels, parseSelector, selectorOf } from '#schemas/meta/selectors.ts';

void t.test('a quantity is the number that Kubernetes reads in it', async (t) => {
  const cases = [
    ['64Mi', 67_108_864],
    ['1Gi', 1_073_741_824],
    ['1.5Gi', 1_610_612_736],
    ['20k', 20_000],
    [1024, 1024],
    ['0', 0],
    ['100m', 1],
    ['2500m', 3],
  ] as const;
  for (const [text, bytes] of cases) t.equal(parseQuantity(text), bytes, String(text));
  t.equal(parseMillicores('500m'), 500);
  t.equal(parseMillicores('1.5'), 1500);
  t.equal(parseMillicores(2), 2000);
});

void t.test('what is no quantity has no number', async (t) => {
  for (const text of ['', 'x', '1 Gi', '-1', '1e3', '1KiB', '1..5', '99999999999999999999', '1Ei'])
    t.equal(parseQuantity(text), undefined, text);
});

void t.test('a number of bytes survives being written and read', async () => {
  fc.assert(fc.property(fc.nat(), (bytes) => parseQuantity(formatBytes(bytes)) === bytes));
  fc.assert(fc.property(fc.nat(), (milli) => parseMillicores(formatMillicores(milli)) === milli));
});

t.test('an amount has one spelling, which is that of Kubernetes', (t) => {
  const cases = {
    '1024Mi': '1Gi',
    '2000m': '2',
    '1500m': '1500m',
    '0.5': '500m',
    '3000': '3k',
    '0': '0',
    '7Ki': '7Ki',
  };
  for (const [text, spelled] of Object.entries(cases)) t.equal(canonicalQuantity(text), spelled, text);
  t.equal(canonicalQuantity(30), '30');
  t.equal(canonicalQuantity('much'), undefined);
  t.end();
});

void t.test('a duration is the time that Go reads in it', async (t) => {
  t.equal(parseDurationMs('1h30m'), 5_400_000);
  t.equal(parseDurationMs('0s'), 0);
  t.equal(parseDurationMs('1.5s'), 1500);
  t.equal(parseDurationSeconds('1ms'), 1);
  for (const text of ['', '5', '1d', '-1s', '1s ', 's']) t.equal(parseDurationMs(text), undefined, text);
  fc.assert(fc.property(fc.nat(), (ms) => parseDurationMs(formatDuration(ms)) === ms));
});

void t.test('a selector matches what Kubernetes matches', async (t) => {
  const labels = { app: 'shop', tier: 'web' };
  for (const text of [
    '',
    'app=shop',
    'app==shop,tier!=db',
    'app in (shop, blog)',
    'tier',
    '!gone',
    'gone notin (x)',
    'gone!=x',
  ]) {
    t.ok(matchesLabels(parseSelector(text) ?? [], labels), text);
  }
  for (const text of ['app=blog', 'app notin (shop)', '!app', 'gone', 'gone in (x)']) {
    t.notOk(matchesLabels(parseSelector(text) ?? [], labels), text);
  }
  for (const text of ['=', 'a=b=c', 'a in b', 'a in (b', ',', 'a,,b', '-a=b'])
    t.equal(parseSelector(text), undefined, text);
  t.ok(
    matchesLabels(
      selectorOf({ matchLabels: { app: 'shop' }, matchExpressions: [{ key: 'tier', operator: 'Exists' }] }),
      labels,
    ),
  );
  t.ok(matchesLabels(selectorOf(undefined), undefined));
});

void t.test('a condition keeps its time as long as its status stays', async (t) => {
  const before = [{ type: 'Ready', status: 'True', reason: 'A', message: 'a', lastTransitionTime: 'then' }] as const;
  const same = mergeConditions(before, [{ type: 'Ready', status: 'True', reason: 'B', message: 'b' }], 'now');
  t.equal(same[0]?.lastTransitionTime, 'then');
  const changed = mergeConditions(before, [{ type: 'Ready', status: 'False', reason: 'B', message: 'b' }], 'now');
  t.equal(changed[0]?.lastTransitionTime, 'now');
});

void t.test('the claim of a wildcard is named as no hostname can be', async (t) => {
  t.equal(claimNameOf('*.acme.example'), 'wc--any.acme.example');
  t.equal(claimNameOf('acme.example'), 'acme.example');
});
