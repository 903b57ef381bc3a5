/** Regular expressions of our schemas: RE2 syntax without look-around, anchored, and bounded by a `maxLength` where they are used. */

/**
 * One label of a hostname: at most 63 characters, not at a hyphen's edge, and no `--` at the third place unless it is `xn--` (RFC 5891 §4.2.3.1):
 * the claims of wildcards live there.
 */
const LABEL =
  '(xn--[a-z0-9-]{0,58}[a-z0-9]|[a-z0-9]|[a-z0-9]{2}|[a-z0-9][a-z0-9-][a-z0-9]|[a-z0-9][a-z0-9-]{2}[a-z0-9]|[a-z0-9][a-z0-9-]([a-z0-9][a-z0-9-]|-[a-z0-9])[a-z0-9-]{0,58}[a-z0-9])';

/** The last label begins with a letter, so that an IPv4 address is no hostname. */
const TOP_LABEL = '[a-z]([a-z0-9-]{0,61}[a-z0-9])?';

const HOSTNAME = `(${LABEL}\\.)+${TOP_LABEL}`;

const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const IPV4 = `${OCTET}(\\.${OCTET}){3}`;
const HEX = '[0-9a-f]{1,4}';
const IPV6 = [
  `(${HEX}:){7}${HEX}`,
  `(${HEX}:){1,7}:`,
  `(${HEX}:){1,6}:${HEX}`,
  `(${HEX}:){1,5}(:${HEX}){1,2}`,
  `(${HEX}:){1,4}(:${HEX}){1,3}`,
  `(${HEX}:){1,3}(:${HEX}){1,4}`,
  `(${HEX}:){1,2}(:${HEX}){1,5}`,
  `${HEX}:(:${HEX}){1,6}`,
  `:(:${HEX}){1,7}`,
  '::',
].join('|');

/** Part of a path: no dot at its ends, never two in a row. */
const SEGMENT = '[A-Za-z0-9_][A-Za-z0-9_-]*(\\.[A-Za-z0-9_-]+)*';

const DNS_LABEL = '[a-z0-9]([a-z0-9-]*[a-z0-9])?';
const PORT = '(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})';

/** A name or an address, and a port. */
const GIT_HOST = `([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\\[(${IPV6})\\])(:${PORT})?`;
const GIT_PATH = '(/[A-Za-z0-9_~][A-Za-z0-9._~+-]*)+';

/** A label of a name in the DNS: underscores are for services and proofs. */
const RECORD_LABEL = '[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?';
const RECORD_NAME = `${RECORD_LABEL}([.]${RECORD_LABEL})*`;

/** The whole name of something else, with or without the dot at its end; one label alone is a mistake more often than not. */
const TARGET = '([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?[.])+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?[.]?';
/** The same, of a host: no underscores. */
const HOST_TARGET = '([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?[.])+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?[.]?';
const BYTE = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const SHORT = `(${PORT}|0)`;
const HEX_BYTES = '([0-9A-Fa-f]{2})+';
/** With its padding, and nothing in the bits that are left over. */
const BASE64 = '([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)';
const SERVICE_BINDING = `${SHORT} ([.]|${TARGET})(( (mandatory|alpn)=[a-z0-9./-]+(,[a-z0-9./-]+)*)|( no-default-alpn)|( port=${SHORT})|( ipv4hint=${IPV4}(,${IPV4})*)|( ech=${BASE64})|( ipv6hint=[0-9a-f:]+(,[0-9a-f:]+)*))*`;

/** How values of records are written (RFC 1035 and its followers), without escapes; `TXT` is any text. */
export const RECORD_FORMATS = {
  A: `^${IPV4}$`,
  AAAA: `^(${IPV6})$`,
  ALIAS: `^${TARGET}$`,
  CAA: `^(0|128) [a-z0-9]{1,15} ("[ !#-\\[\\]-~]*"|[!#-:<-\\[\\]-~]+)$`,
  CNAME: `^${TARGET}$`,
  DS: `^${SHORT} ${BYTE} ${BYTE} ${HEX_BYTES}$`,
  HTTPS: `^${SERVICE_BINDING}$`,
  MX: `^${SHORT} ([.]|${HOST_TARGET})$`,
  NAPTR: `^${SHORT} ${SHORT} "[A-Za-z0-9]*" "[A-Za-z0-9+:.-]*" "[ !#-\\[\\]-~]*" ([.]|${TARGET})$`,
  NS: `^${HOST_TARGET}$`,
  PTR: `^${TARGET}$`,
  SRV: `^${SHORT} ${SHORT} ${SHORT} ([.]|${HOST_TARGET})$`,
  SSHFP: `^${BYTE} ${BYTE} ${HEX_BYTES}$`,
  SVCB: `^${SERVICE_BINDING}$`,
  TLSA: `^${BYTE} ${BYTE} ${BYTE} ${HEX_BYTES}$`,
} as const;

/** Characters of paths, queries and fragments (RFC 3986); no quotes, blanks or backslashes. */
const URL_CHARACTERS = 'A-Za-z0-9._~%!$&()*+,;=:@/-';

export const PATTERNS = {
  hostname: `^${HOSTNAME}$`,
  hostnameOrWildcard: `^(\\*\\.)?${HOSTNAME}$`,
  address: `^(${IPV4}|${IPV6})$`,
  cidr: `^(${IPV4}(/(3[0-2]|[12]?[0-9]))?|(${IPV6})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$`,
  /** One port or a range: `8080`, `3000-3999`. */
  ports: `^${PORT}(-${PORT})?$`,
  quantity: '^[0-9]{1,15}(\\.[0-9]{1,9})?(m|k|[KMGTP]i|[MGTP])?$',
  bytes: '^[0-9]{1,15}(\\.[0-9]{1,9})?(k|[KMGTP]i|[MGTP])?$',
  duration: '^([0-9]{1,9}(\\.[0-9]{1,9})?(ms|s|m|h))+$',
  /** Below the domain's directory; no hidden part, no `..`. */
  relativePath: `^${SEGMENT}(/${SEGMENT})*$`,
  urlPath: `^/${SEGMENT}(/${SEGMENT})*$`,
  headerName: '^[A-Za-z0-9][A-Za-z0-9-]*$',
  /** Visible ASCII and blanks: nothing that could end a header. */
  headerValue: '^[ -~]*$',
  envName: '^[A-Za-z_][A-Za-z0-9_]*$',
  /** Anything but NUL, which no environment can hold. */
  envValue: '^[^\\x00]*$',
  /** Within a zone: `@` is the zone itself, `*` stands for all names that are not there. */
  recordName: `^(@|[*]|([*][.])?${RECORD_NAME})$`,
  /** Anything but NUL, which JSON and shells cut short. */
  recordText: '^[^\\x00]*$',
  /** Whole seconds. */
  timeToLive: '^([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$',
  /** Of a database or a login: what both engines take without quotes. */
  serverName: '^[a-z][a-z0-9_]*$',
  /** `utf8mb4_unicode_ci`, `de_DE.UTF-8`, `sr_RS@latin` */
  collation: '^[A-Za-z][A-Za-z0-9_-]*([.@][A-Za-z0-9_-]+)*$',
  /** Host and port. */
  serverAddress: `^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\\[(${IPV6})\\]):${PORT}$`,
  /** `15`, `10.11` */
  versionNumbers: '^[0-9]{1,3}([.][0-9]{1,3})*$',
  phpVersion: '^[5-9]\\.[0-9]$',
  /** Words, numbers, sizes and expressions of error levels; no quotes, line ends or `$`. */
  phpValue: '^[A-Za-z0-9_.,/:+& ~|^-]*$',
  /** A whole URL, or `//host`. */
  httpUrl: `^(https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:${PORT})?(/[${URL_CHARACTERS}]*)?(\\?[${URL_CHARACTERS}?]*)?(#[${URL_CHARACTERS}?]*)?|//${HOSTNAME})$`,
  /** Scheme, host and port; no path, no user. */
  upstreamUrl: `^https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\\[(${IPV6})\\])(:${PORT})?$`,
  /** No password, no query, nothing that needs escaping; ssh names its user. */
  gitUrl: `^(https://${GIT_HOST}|ssh://[A-Za-z0-9_][A-Za-z0-9._-]*@${GIT_HOST}|file://)${GIT_PATH}$`,
  /** Name of a branch or tag, without what Git itself refuses in one or takes for an option. */
  gitRef: `^${SEGMENT}([+]${SEGMENT})*(/${SEGMENT}([+]${SEGMENT})*)*$`,
  /** Scheme, host, port and path. */
  httpsUrl: `^https://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\\[(${IPV6})\\])(:${PORT})?(/[${URL_CHARACTERS}]*)?$`,
  /** The plain form of RFC 5321, without quotes. */
  emailAddress: '^[A-Za-z0-9!#$%&*+/=?^_{|}~-]+(\\.[A-Za-z0-9!#$%&*+/=?^_{|}~-]+)*@[a-z0-9]([a-z0-9.-]*[a-z0-9])?$',
  base64: '^[A-Za-z0-9+/]+={0,2}$',
  /** Certificates in PEM, and nothing between them. */
  certificates: '^(-----BEGIN CERTIFICATE-----\\r?\\n([A-Za-z0-9+/=]+\\r?\\n)+-----END CERTIFICATE-----(\\r?\\n)*)+$',
  base64url: '^[A-Za-z0-9_-]+$',
  /** Token and thumbprint (RFC 8555 §8.1), or the digest of both. */
  keyAuthorization: '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)?$',
  kindOfCertificate: '^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$',
  /** What a CA calls an account: a UUID, a number, base64. */
  accountId: '^[A-Za-z0-9_][A-Za-z0-9_-]*([.:@/+][A-Za-z0-9_-]+)*={0,2}$',
  /** Of a root, such as `ISRG Root X1`. */
  commonName: '^[A-Za-z0-9(][A-Za-z0-9 ,()-]*(\\.[A-Za-z0-9 ,()-]+)*$',
  absolutePath: `^(/\\.?${SEGMENT})+$`,
  objectName: `^${DNS_LABEL}(\\.${DNS_LABEL})*$`,
  namespace: `^${DNS_LABEL}$`,
  /** Of a value in a Secret; without those of Kubernetes that begin with a dot or a hyphen, end with a dot, or have two of them in a row. */
  secretKey: `^${SEGMENT}$`,
  /** Names of people and groups: visible ASCII. */
  subject: '^[!-~]+$',
  kind: '^[A-Z][A-Za-z0-9]*$',
  uid: '^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$',
  /** One sentence: no control characters, no line ends (U+2028 and U+2029 count). */
  sentence: '^[^\\x00-\\x1f\\x7f-\\x9f\\x{2028}\\x{2029}]*$',
  realm: '^[A-Za-z0-9 .,:_-]*$',
  labelKey: '^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$',
  labelValue: '^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$',
} as const;
