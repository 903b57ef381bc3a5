import type { Provider } from './provider.ts';

/** How most providers know us: by a token that stands in a Secret under `token`. */
export const byToken: Pick<Provider, 'secretKeys' | 'sign'> = {
  secretKeys: ['token'],
  sign: (_request, { token = '' }) => ({ authorization: `Bearer ${token}` }),
};
