import { parseIp, parseIpNetwork } from './ip-address.ts';

/** Whether a string is of a format. Every check is linear in the length of the text. */
export type FormatCheck = (text: string) => boolean;

const DNS_LABEL = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const GO_DURATION = /^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/;
const LONG_DURATION =
  /^\d+\s*(ns|us|ms|s|m|h|d|w|(nano|micro|milli)?(sec|second)s?|min(ute)?s?|hrs?|hours?|days?|wks?|weeks?)$/i;
const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/** The longest text that a bounded format may have; what is longer is refused before any pattern sees it. */
const MAX_CHARS = 4_096;

/**
 * The formats of texts that Kubernetes enforces on custom resources (kube-openapi, validation/strfmt; CRD docs, "Validation"). Names are looked up
 * without dashes, as Kubernetes does. A format that is not here is not checked.
 */
const CHECKS: Readonly<Record<string, FormatCheck>> = {
  bsonobjectid: matches(/^[0-9a-fA-F]{24}$/),
  uri: isUri,
  email: isEmail,
  hostname: (text) =>
    text.length <= 255 && /^(?!.*\.\.)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/.test(text) && labelsFit(text),
  ipv4: (text) => parseIp(text)?.length === 4,
  ipv6: (text) => parseIp(text)?.length === 16,
  cidr: (text) => parseIpNetwork(text) !== undefined,
  mac: matches(
    /^([0-9a-fA-F]{2}[:-]){5}([0-9a-fA-F]{2}|[0-9a-fA-F]{2}[:-][0-9a-fA-F]{2}[:-][0-9a-fA-F]{2})$|^([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}$/,
  ),
  uuid: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid3: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid4: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
  uuid5: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: isRgbColor,
  byte: (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
  password: () => true,
  date: isDate,
  duration: isDuration,
  datetime: isDateTime,
  k8sshortname: matches(new RegExp(`^${DNS_LABEL}$`)),
  k8slongname: (text) => text.length <= 253 && text.split('.').every(matches(new RegExp(`^${DNS_LABEL}$`))),
};

/** The check of a format; undefined when the format is not enforced. */
export function formatCheck(name: string): FormatCheck | undefined {
  const key = name.replaceAll('-', '');
  return Object.hasOwn(CHECKS, key) ? CHECKS[key] : undefined;
}

const NUMBER_FORMATS = { integer: ['int32', 'int64'], number: ['float', 'double'] } as const;

/** Whether Kubernetes knows a format for values of a type, which are texts where there is none; it passes over any other. */
export function isFormatOf(type: string | undefined, format: string): boolean {
  if (type === 'integer' || type === 'number') return NUMBER_FORMATS[type].some((known) => known === format);
  return (type === undefined || type === 'string') && formatCheck(format) !== undefined;
}

function matches(pattern: RegExp): FormatCheck {
  return (text) => text.length <= MAX_CHARS && pattern.test(text);
}

function labelsFit(text: string): boolean {
  return text.split('.').every((label) => label.length <= 63);
}

function isUri(text: string): boolean {
  if (text === '' || /[\s\p{Cc}]/u.test(text)) return false;
  return text.startsWith('/') || (/^[A-Za-z][A-Za-z0-9+.-]{0,63}:/.test(text) && URL.canParse(text));
}

function isEmail(text: string): boolean {
  const at = text.lastIndexOf('@');
  if (at < 1 || at > 64 || text.length > 320) return false;
  return (
    /^[^\s@<>()[\]\\,;:"]+$/.test(text.slice(0, at)) &&
    /^[A-Za-z0-9.-]+$/.test(text.slice(at + 1)) &&
    labelsFit(text.slice(at + 1))
  );
}

function isRgbColor(text: string): boolean {
  const match = text.length > 64 ? null : /^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/.exec(text);
  return match !== null && match.slice(1, 4).every((part) => Number(part) <= 255);
}

function isIsbn10(text: string): boolean {
  const digits = bare(text);
  if (!/^\d{9}[\dXx]$/.test(digits)) return false;
  const sum = Array.from(digits).reduce(
    (total, digit, index) => total + (10 - index) * (/x/i.test(digit) ? 10 : Number(digit)),
    0,
  );
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = bare(text);
  if (!/^\d{13}$/.test(digits)) return false;
  return (
    Array.from(digits).reduce((total, digit, index) => total + Number(digit) * (index % 2 === 0 ? 1 : 3), 0) % 10 === 0
  );
}

function isCreditCard(text: string): boolean {
  const digits = bare(text);
  if (!/^\d{12,19}$/.test(digits)) return false;
  const sum = Array.from(digits)
    .toReversed()
    .reduce((total, digit, index) => {
      const doubled = Number(digit) * (index % 2 === 0 ? 1 : 2);
      return total + (doubled > 9 ? doubled - 9 : doubled);
    }, 0);
  return sum % 10 === 0;
}

function bare(text: string): string {
  return text.length > 64 ? '' : text.replaceAll(/[\s-]/g, '');
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  // Date.parse rolls the 31st of April over; the text that it gives back tells.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  const match = text.length > 64 ? null : RFC3339.exec(text);
  if (match === null || !isDate(match[1] ?? '')) return false;
  return Number(match[2]) <= 23 && Number(match[3]) <= 59 && Number(match[4]) <= 59;
}

function isDuration(text: string): boolean {
  if (text.length > 128) return false;
  if (text === '0' || LONG_DURATION.test(text)) return true;
  let rest = text;
  for (let match = GO_DURATION.exec(rest); match !== null; match = GO_DURATION.exec(rest)) {
    rest = rest.slice(match[0].length);
    if (rest === '') return true;
    // A sign stands once, in front.
    if (rest.startsWith('+') || rest.startsWith('-')) return false;
  }
  return false;
}
