import { RECORD_FORMATS } from '#schemas/meta/patterns.ts';
import { contentOf } from '#schemas/meta/record-content.ts';

const formats: Readonly<Partial<Record<string, RegExp>>> = Object.fromEntries(
  Object.entries(RECORD_FORMATS).map(([type, pattern]) => [type, new RegExp(pattern)]),
);

/** Whether a DNSRecord takes a value. */
export function isRecordValue(type: string, value: string): boolean {
  return formats[type]?.test(value) !== false && contentOf(type, value) !== undefined;
}
