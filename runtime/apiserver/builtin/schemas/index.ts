import type { Schema } from '#schemas/meta/schema.ts';
import { certificateSchemas } from './certificates.ts';
import { coreSchemas } from './core.ts';
import { eventSchemas } from './events.ts';
import { extensionSchemas } from './extensions.ts';
import { rbacSchemas } from './rbac.ts';
import { reviewSchemas } from './reviews.ts';

/**
 * The schemas of all built-in kinds by `<group or core>/<version>/<Kind>`. They rule validation, defaulting, merging and `explain`;
 * list and map types are those of Kubernetes. `metadata` is a bare object in them, since metadata.ts describes it for all kinds.
 */
export const builtinSchemas: Readonly<Record<string, Schema>> = {
  ...coreSchemas,
  ...eventSchemas,
  ...rbacSchemas,
  ...reviewSchemas,
  ...extensionSchemas,
  ...certificateSchemas,
};
