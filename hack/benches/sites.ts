import type { Bench } from './measurement.ts';

export const sitesBench: Bench = async () => undefined;
