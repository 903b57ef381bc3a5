import type { UserInfo } from '#runtime/apiserver/operations.ts';

/** With what this server shows itself to those that it aggregates, all in PEM. `ca` is what they recognise it by. */
export interface FrontProxy {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** The name in the certificate; aggregated servers believe no other one of its CA. */
export const frontProxyName = 'front-proxy-client';

const userHeader = 'X-Remote-User';
const groupHeader = 'X-Remote-Group';
const extraPrefix = 'X-Remote-Extra-';

/** What the aggregated servers of a cluster read to know the front proxy: the data of ConfigMap `extension-apiserver-authentication`. */
export function frontProxyConfiguration({ ca }: FrontProxy): Readonly<Record<string, string>> {
  return {
    'requestheader-client-ca-file': ca,
    'requestheader-allowed-names': JSON.stringify([frontProxyName]),
    'requestheader-username-headers': JSON.stringify([userHeader]),
    'requestheader-group-headers': JSON.stringify([groupHeader]),
    'requestheader-extra-headers-prefix': JSON.stringify([extraPrefix]),
  };
}

/** Whether a client must not be the one to say it. */
export function isFrontProxyHeader(name: string): boolean {
  return name.startsWith('x-remote-');
}

/** Tells an aggregated server who asks. */
export function frontProxyHeaders(user: UserInfo): Readonly<Record<string, string | string[]>> {
  const extra = Object.entries(user.extra ?? {}).map(
    ([key, values]) => [`${extraPrefix}${encodeURIComponent(key)}`, [...values]] as const,
  );
  return {
    [userHeader]: user.name,
    ...(user.uid !== undefined && { 'X-Remote-Uid': user.uid }),
    [groupHeader]: [...user.groups],
    ...Object.fromEntries(extra),
  };
}
