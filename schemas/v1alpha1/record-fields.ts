import { LENGTHS } from '#schemas/meta/fragments.ts';
import { PATTERNS, RECORD_FORMATS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** What a DNSRecord and a record of a package have in common. */

export const recordNameField = {
  type: 'string',
  description: 'Name within the zone, such as `www`; `@` is the zone itself, and `*` all names that are not there.',
  maxLength: LENGTHS.hostname,
  pattern: PATTERNS.recordName,
} as const satisfies Schema;

export const recordTypeField = {
  type: 'string',
  description: 'What kind of record it is. ALIAS answers with the addresses of another name, also at `@`.',
  enum: [...(Object.keys(RECORD_FORMATS) as (keyof typeof RECORD_FORMATS)[]), 'TXT'],
} as const satisfies Schema;

export const RECORD_RULES = {
  single: {
    rule: "!(self.type in ['CNAME', 'ALIAS']) || self.values.size() == 1",
    message: 'CNAME and ALIAS have one value',
    fieldPath: '.values',
  },
  apex: {
    rule: "self.name != '@' || !(self.type in ['CNAME', 'DS'])",
    message: 'the zone itself can have no CNAME (ALIAS does what is meant) and no DS (that is the parent’s)',
    fieldPath: '.type',
  },
} as const;
