import type { Json } from './json.ts';

/** A CEL rule on one node of a schema (`x-kubernetes-validations`). */
export interface ValidationRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate';
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

/**
 * A structural schema: the part of OpenAPI v3 that a CustomResourceDefinition may hold.
 * Plain data, so that one value gives the TypeScript type, the CRD, the validator, the defaults and the reference page.
 */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly title?: string;
  readonly description?: string;
  readonly example?: Json;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly enum?: readonly Json[];
  readonly default?: Json;
  readonly nullable?: boolean;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'granular' | 'atomic';
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[];
}

type Required<S extends Schema> = S extends { readonly required: readonly (infer R)[] } ? R : never;

/** Properties that are there after defaulting: required ones and those with a default. */
type PresentKeys<S extends Schema, P> = {
  [K in keyof P]: K extends Required<S> ? K : P[K] extends { readonly default: unknown } ? K : never;
}[keyof P];

type ObjectOf<S extends Schema> = S extends { readonly properties: infer P extends Readonly<Record<string, Schema>> }
  ? { readonly [K in PresentKeys<S, P>]: TypeOf<P[K & keyof P]> } & {
      readonly [K in Exclude<keyof P, PresentKeys<S, P>>]?: TypeOf<P[K]>;
    }
  : S extends { readonly additionalProperties: infer V extends Schema }
    ? { readonly [key: string]: TypeOf<V> }
    : { readonly [key: string]: unknown };

/** The TypeScript type of the values that a schema admits, after defaulting. */
export type TypeOf<S extends Schema> = S extends { readonly 'x-kubernetes-int-or-string': true }
  ? number | string
  : S extends { readonly enum: readonly (infer E)[] }
    ? E
    : S extends { readonly type: 'object' }
      ? ObjectOf<S>
      : S extends { readonly type: 'array'; readonly items: infer I extends Schema }
        ? readonly TypeOf<I>[]
        : S extends { readonly type: 'string' }
          ? string
          : S extends { readonly type: 'integer' | 'number' }
            ? number
            : S extends { readonly type: 'boolean' }
              ? boolean
              : unknown;
