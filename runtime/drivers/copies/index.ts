export { createCopies, type Copies, type TakeCopy } from './copies.ts';
export { createCopiesDriver } from './copies-driver.ts';
