import { HostError } from '#runtime/base/errors.ts';
import { serials } from '#runtime/drivers/powerdns/apply.ts';
import { openApi } from '#runtime/drivers/powerdns/api.ts';
import type { NameServer } from './name-server.ts';

/** A zone with all that its server holds of it, as its API tells and takes it. */
export interface ZoneCopy {
  readonly zone: {
    readonly name: string;
    readonly kind: string;
    /** The mark of its owner. */
    readonly account: string;
    readonly rrsets: readonly RecordSet[];
  };
  readonly keys: readonly ZoneKey[];
  readonly metadata: readonly { readonly kind: string; readonly metadata: readonly string[] }[];
}

interface RecordSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: readonly { readonly content: string }[];
}

interface ZoneKey {
  readonly keytype: string;
  readonly active: boolean;
  readonly published: boolean;
  readonly dnskey: string;
  readonly privatekey: string;
}

/** What a name server holds, as a value that can be put back. */
export interface ZoneCopies {
  copy(): Promise<readonly ZoneCopy[]>;
  /** Puts it back; every other zone goes. */
  load(copies: readonly ZoneCopy[]): Promise<void>;
}

/** Of no server there is nothing. */
export const noZoneCopies: ZoneCopies = { copy: async () => [], load: async () => undefined };

const zones = '/zones';
const never = new AbortController().signal;
/** The server's own business. */
const ownMetadata = /^(SOA-EDIT|API-RECTIFY|NSEC3|PRESIGNED|TSIG-ALLOW-AXFR|AXFR-MASTER-TSIG)/;

export async function openZoneCopies({ host }: Pick<NameServer, 'host'>): Promise<ZoneCopies> {
  const api = await openApi(host, never);
  const get = async <T>(path: string): Promise<T> => (await api.get(path, never)) as T;
  const send = async (method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown) =>
    await api.send(method, path, body, never);
  const copyOf = async (name: string): Promise<ZoneCopy | undefined> => {
    // Looked at while others work on it, a part of it may have gone in between.
    for (let tries = 1; ; tries += 1) {
      try {
        return await whole(`${zones}/${name}`);
      } catch (err) {
        if (!(err instanceof HostError) || tries === 10) throw err;
        if (!(await names()).includes(name)) return undefined;
      }
    }
  };
  const whole = async (path: string): Promise<ZoneCopy> => {
    const keys = await get<readonly { readonly id: number }[]>(`${path}/cryptokeys`);
    return {
      zone: await get(path),
      keys: await Promise.all(keys.map(async ({ id }) => await get<ZoneKey>(`${path}/cryptokeys/${id}`))),
      metadata: (await get<ZoneCopy['metadata']>(`${path}/metadata`)).filter(({ kind }) => !ownMetadata.test(kind)),
    };
  };
  const names = async (): Promise<readonly string[]> =>
    (await get<readonly { readonly name: string }[]>(zones)).map(({ name }) => name);
  return {
    copy: async () => (await Promise.all((await names()).map(copyOf))).filter((copy) => copy !== undefined),
    load: async (copies) => {
      for (const name of await names()) await send('DELETE', `${zones}/${name}`);
      for (const { zone, keys, metadata } of copies) {
        const { name, kind, account, rrsets } = zone;
        const path = `${zones}/${name}`;
        // As the driver makes them.
        await send('POST', zones, { name, kind, account, rrsets, ...serials, api_rectify: true, nameservers: [] });
        for (const { keytype, active, published, privatekey: content } of keys)
          await send('POST', `${path}/cryptokeys`, { keytype, active, published, content });
        for (const each of metadata) await send('PUT', `${path}/metadata/${each.kind}`, each);
      }
    },
  };
}

/** A line for each fact of these zones; serial numbers are the server's. */
export function zoneLines(copies: readonly ZoneCopy[]): readonly string[] {
  return copies.flatMap(({ zone, keys, metadata }) =>
    [
      `${zone.kind} ${zone.account}`,
      ...zone.rrsets.map(({ name, type, ttl, records }) => {
        const contents = records.map(({ content }) =>
          type === 'SOA' ? content.replace(/ \d{8,} /, ' <serial> ') : content,
        );
        return `${name} ${type} ${ttl} ${contents.toSorted().join(', ')}`;
      }),
      ...keys.map(({ active, published, dnskey }) => `key ${dnskey} active ${active} published ${published}`),
      ...metadata.map((each) => `${each.kind} ${each.metadata.join(' ')}`),
    ].map((fact) => `zone ${zone.name} ${fact}`),
  );
}
