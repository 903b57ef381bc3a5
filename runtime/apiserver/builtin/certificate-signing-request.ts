import { X509Certificate } from 'node:crypto';
import { InvalidError, type FieldFault } from '#runtime/base/errors.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import type { Draft } from '#runtime/apiserver/registry/draft.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { duplicate, forbidden, invalid, notSupported, requiredValue } from '#runtime/validation/faults.ts';
import { parseCertificateRequest } from '#runtime/pki/certificate-request.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { recordAt, textAt, textReader } from './fields.ts';

export const requestGroup = 'certificates.k8s.io';
export const requestResource = 'certificatesigningrequests';
export const requestCollection = `${requestGroup}/${requestResource}`;
/** Signs what the server itself believes of its clients. */
export const clientSigner = 'kubernetes.io/kube-apiserver-client';

/**
 * CertificateSigningRequests never change but in their subresources: people who may approve write Approved and Denied into `approval`, signers the
 * certificate and all other conditions into `status`. Who asks is noted by admission, which knows it.
 */
export const certificateSigningRequestStrategy: Strategy = {
  ...plainStrategy,
  names: 'segment',
  toldLast: 'name',
  status: true,
  isMetadataInParts: true,
  resetFields: { '': ['spec'], status: ['status.conditions'], approval: ['spec', 'status.certificate'] },
  prepareCreate: (draft) => {
    draft['status'] = {};
  },
  prepareUpdate: (draft, old) => {
    draft['spec'] = old['spec'];
  },
  parts: {
    approval: (kept, asked) => {
      const { conditions: _, ...others } = recordAt(kept, 'status');
      const { conditions } = recordAt(asked, 'status');
      kept['status'] = { ...others, ...(conditions === undefined ? {} : { conditions }) };
    },
    status: takeStatus,
  },
  validate: (object, old, subresource) => [
    ...requestFaults(object),
    ...usageFaults(recordAt(object, 'spec')),
    ...signerFaults(recordAt(object, 'spec')),
    ...lifetimeFaults(recordAt(object, 'spec')),
    ...conditionsOf(object).flatMap((condition, index) => conditionFaults(condition, `${conditionsField}[${index}]`)),
    ...exclusionFaults(object),
    ...(old === undefined ? [] : [...changeFaults(object, old, subresource), ...certificateFaults(object, old)]),
  ],
};

export const certificateSigningRequestFields = { 'spec.signerName': textReader('spec', 'signerName') };

const conditionsField = 'status.conditions';
/** Conditions that are true or not there. */
const verdicts = ['Approved', 'Denied', 'Failed'];
const approvals = ['Approved', 'Denied'];
const minLifetimeSeconds = 600;
const legacySigner = 'kubernetes.io/legacy-unknown';

const knownUsages: readonly string[] = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

type Fields = Readonly<Record<string, unknown>>;

/** Approved and Denied stay as they were written, so that a signer who repeats them changes nothing. */
function takeStatus(kept: Draft, asked: KubeObject): void {
  const before = conditionsOf(kept);
  const status = recordAt(asked, 'status');
  const conditions = conditionsOf(asked).map((condition) =>
    approvals.includes(condition.type ?? '')
      ? (before.find(({ type }) => type === condition.type) ?? condition)
      : condition,
  );
  kept['status'] = conditions.length === 0 ? status : { ...status, conditions };
}

/** A condition as far as its kind lets it be anything. */
export interface RequestCondition {
  readonly type?: string;
  readonly status?: string;
  readonly lastUpdateTime?: string | null;
  readonly lastTransitionTime?: string | null;
}

export function conditionsOf(object: Fields): readonly RequestCondition[] {
  const { conditions } = recordAt(object, 'status');
  return Array.isArray(conditions) ? conditions.filter(isRecord) : [];
}

/** The request in PEM. */
export function requestTextOf(object: KubeObject): string {
  return Buffer.from(textAt(object, 'spec', 'request'), 'base64').toString('utf8');
}

function requestFaults(object: KubeObject): readonly FieldFault[] {
  const value = recordAt(object, 'spec')['request'] ?? null;
  try {
    const { isSigned } = parseCertificateRequest(requestTextOf(object));
    return isSigned ? [] : [invalid('spec.request', value, 'the signature does not fit the key')];
  } catch (err) {
    if (!(err instanceof InvalidError)) throw err;
    return [invalid('spec.request', value, err.message)];
  }
}

function usageFaults(spec: Fields): readonly FieldFault[] {
  const usages = Array.isArray(spec['usages']) ? spec['usages'] : [];
  if (usages.length === 0) return [requiredValue('spec.usages')];
  return usages.flatMap((usage: unknown, index) => {
    const at = `spec.usages[${index}]`;
    return [
      ...(knownUsages.includes(String(usage)) ? [] : [notSupported(at, usage, knownUsages)]),
      ...(usages.indexOf(usage) < index ? [duplicate(at, usage)] : []),
    ];
  });
}

/** `<domain>/<path>`, of which the domain has a dot. */
function signerFaults({ signerName }: Fields): readonly FieldFault[] {
  const field = 'spec.signerName';
  if (typeof signerName !== 'string' || signerName === '') return [requiredValue(field)];
  if (signerName === legacySigner)
    return [invalid(field, signerName, 'the legacy signerName is not allowed via this API version')];
  const [domain = '', path = '', ...more] = signerName.split('/');
  if (more.length > 0 || path === '')
    return [
      invalid(field, signerName, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    ];
  const isQualified = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)+$/u.test(domain);
  return isQualified ? [] : [invalid(field, domain, 'should be a domain with at least two segments separated by dots')];
}

function lifetimeFaults({ expirationSeconds }: Fields): readonly FieldFault[] {
  if (expirationSeconds === undefined || Number(expirationSeconds) >= minLifetimeSeconds) return [];
  const why = `may not specify a duration less than ${minLifetimeSeconds} seconds (10 minutes)`;
  return [invalid('spec.expirationSeconds', expirationSeconds, why)];
}

function conditionFaults({ type = '', status = '' }: RequestCondition, at: string): readonly FieldFault[] {
  const allowed = verdicts.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
  const typeless = type === '' ? [requiredValue(`${at}.type`)] : [];
  if (status === '') return [...typeless, requiredValue(`${at}.status`)];
  return allowed.includes(status) ? typeless : [...typeless, notSupported(`${at}.status`, status, allowed)];
}

function exclusionFaults(object: KubeObject): readonly FieldFault[] {
  const found = conditionsOf(object).filter(({ type }) => approvals.includes(type ?? ''));
  const [, second] = found;
  if (second === undefined || found.every(({ type }) => type === second.type)) return [];
  return [invalid(conditionsField, second.type, 'Approved and Denied conditions are mutually exclusive')];
}

/** Verdicts stay; those of people are written to `approval` only. */
function changeFaults(object: KubeObject, old: KubeObject, subresource: string): readonly FieldFault[] {
  return verdicts.flatMap((type) => {
    const [before = [], now = []] = [old, object].map((each) => conditionsOf(each).filter((one) => one.type === type));
    const forbid = (what: string): readonly FieldFault[] => [
      forbidden(conditionsField, `updates may not ${what} a condition of type "${type}"`),
    ];
    if (now.length < before.length) return forbid('remove');
    if (subresource === 'approval' || !approvals.includes(type)) return [];
    if (now.length > before.length) return forbid('add');
    return isEqual(now, before) ? [] : forbid('modify');
  });
}

function certificateFaults(object: KubeObject, old: KubeObject): readonly FieldFault[] {
  const [before, now] = [old, object].map((each) => textAt(each, 'status', 'certificate'));
  const field = 'status.certificate';
  if (now === before) return [];
  if (before !== '') return [forbidden(field, 'updates may not modify existing certificate content')];
  const problem = certificateProblem(Buffer.from(now ?? '', 'base64').toString('utf8'));
  return problem === undefined ? [] : [invalid(field, '<certificate data>', problem)];
}

function certificateProblem(pem: string): string | undefined {
  const blocks = [...pem.matchAll(/-----BEGIN ([^-]+)-----[^-]*-----END [^-]+-----/g)];
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block';
  const other = blocks.find(([, label]) => label !== 'CERTIFICATE');
  if (other !== undefined) return `only CERTIFICATE PEM blocks are allowed, found "${other[1]}"`;
  return blocks.every(([block]) => isCertificate(block)) ? undefined : 'a CERTIFICATE PEM block holds no certificate';
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== '';
  } catch {
    // Whatever stands there is none.
    return false;
  }
}
