const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** nginx: `[28/Nov/2026:14:04:11 +0000]`; PHP: `[28-Nov-2026 14:04:11]`, with a zone behind it where one is set. */
const pattern = /\[(\d\d)[-/]([A-Z][a-z]{2})[-/](\d{4})[: ](\d\d):(\d\d):(\d\d)(?: (?:UTC|([+-]\d\d)(\d\d)))?/u;

/** When a line of an access or error log was written, in epoch ms; undefined where it does not say. */
export function lineTimeMs(line: string): number | undefined {
  const found = pattern.exec(line.slice(0, 512));
  if (found === null) return undefined;
  const [, day, month = '', year, hour, minute, second, zoneHours, zoneMinutes = '00'] = found;
  const index = months.indexOf(month);
  if (index < 0) return undefined;
  const fields = [Number(year), index, Number(day), Number(hour), Number(minute), Number(second)] as const;
  // Without a zone the machine's own is meant.
  if (zoneHours === undefined && !found[0].endsWith('UTC')) return new Date(...fields).getTime();
  const offsetMinutes = Number(zoneHours ?? 0) * 60 + Math.sign(Number(`${zoneHours ?? ''}1`)) * Number(zoneMinutes);
  return Date.UTC(...fields) - offsetMinutes * 60_000;
}
