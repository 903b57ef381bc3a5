export type { SliceLimits, SlicesAction } from './model.ts';
export { slicesDriver, type SlicesSnapshot, type SlicesWorld } from './slices-driver.ts';
