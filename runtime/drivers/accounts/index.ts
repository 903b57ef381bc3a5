export type { Accounts, AccountsAction } from './model.ts';
export { accountsDriver, type AccountsSnapshot, type AccountsWorld } from './accounts-driver.ts';
