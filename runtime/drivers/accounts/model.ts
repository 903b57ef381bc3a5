import type { Action } from '#runtime/plan/plan.ts';

/** The account of a tenant on this host (libnss-extrausers), by name. A private instance uses bare numbers and has none. */
export type Accounts = ReadonlyMap<string, { readonly uid: number; readonly gid: number; readonly home: string }>;

/** `owner` is the `ownerId` that the account carries in its comment field. */
export type AccountsAction =
  | Action<
      'accounts',
      'put-account',
      {
        readonly name: string;
        readonly uid: number;
        readonly gid: number;
        readonly home: string;
        readonly owner: string;
      }
    >
  | Action<'accounts', 'delete-account', { readonly name: string; readonly owner: string }>;
