import { Optional } from '@marcbachmann/cel-js';
import { formatCheck } from '#runtime/validation/formats.ts';
import type { CelFunctions, CelLibrary } from './functions.ts';

/** A named format; `validate` gives what is wrong with a text, or nothing. */
class CelFormat {
  readonly name: string;
  readonly faultOf: (text: string) => string | undefined;
  constructor(name: string, faultOf: (text: string) => string | undefined) {
    this.name = name;
    this.faultOf = faultOf;
  }
}

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const NAME_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** `format.dns1123Label().validate(text)` and so on (Kubernetes CEL library "Format"). */
const FORMATS: Readonly<Record<string, (text: string) => string | undefined>> = {
  dns1123Label: pattern(LABEL, 63, 'a lowercase RFC 1123 label'),
  dns1123Subdomain: isSubdomain,
  dns1035Label: pattern(LABEL_1035, 63, 'a DNS-1035 label'),
  qualifiedName: (text) => {
    const slash = text.indexOf('/');
    const prefixFault = slash === -1 ? undefined : isSubdomain(text.slice(0, slash));
    return prefixFault ?? pattern(NAME_PART, 63, 'a qualified name')(text.slice(slash + 1));
  },
  dns1123LabelPrefix: (text) => pattern(LABEL, 63, 'the beginning of an RFC 1123 label')(text.replace(/-$/, 'a')),
  dns1123SubdomainPrefix: (text) => isSubdomain(text.replace(/-$/, 'a')),
  dns1035LabelPrefix: (text) => pattern(LABEL_1035, 63, 'the beginning of a DNS-1035 label')(text.replace(/-$/, 'a')),
  labelValue: (text) => (text === '' ? undefined : pattern(NAME_PART, 63, 'a label value')(text)),
  uri: byFormat('uri'),
  uuid: byFormat('uuid'),
  byte: byFormat('byte'),
  date: byFormat('date'),
  datetime: byFormat('datetime'),
};

const getters: CelFunctions = Object.fromEntries(
  Object.entries(FORMATS).map(([name, faultOf]) => {
    const format = new CelFormat(name, faultOf);
    return [`FormatNamespace.${name}(): Format`, () => format];
  }),
);

export const formatLibrary: CelLibrary = {
  types: [{ name: 'Format', ctor: CelFormat, equals: (a: CelFormat, b: CelFormat) => a.name === b.name }],
  namespaces: ['format'],
  functions: {
    ...getters,
    'FormatNamespace.named(string): optional<Format>': (_format: unknown, name: string) => {
      const faultOf = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined;
      return faultOf === undefined ? Optional.none() : Optional.of(new CelFormat(name, faultOf));
    },
    'Format.validate(string): optional<list<string>>': (format: CelFormat, text: string) => {
      const fault = format.faultOf(text);
      return fault === undefined ? Optional.none() : Optional.of([fault]);
    },
  },
};

function pattern(shape: RegExp, maxLength: number, what: string): (text: string) => string | undefined {
  return (text) => {
    if (text.length > maxLength) return `must be no more than ${maxLength} characters`;
    return shape.test(text) ? undefined : `must be ${what}`;
  };
}

function isSubdomain(text: string): string | undefined {
  if (text.length > 253) return 'must be no more than 253 characters';
  return text.split('.').every((label) => LABEL.test(label)) ? undefined : 'must be a lowercase RFC 1123 subdomain';
}

function byFormat(name: string): (text: string) => string | undefined {
  const check = formatCheck(name);
  return (text) => (check === undefined || check(text) ? undefined : `must be of format ${name}`);
}
