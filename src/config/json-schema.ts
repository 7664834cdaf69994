import { z } from 'zod';
import type { Path } from './path.ts';
import { ClusterFile } from './schema.ts';

/** The parts of a JSON Schema that the generated files and the messages need. */
export interface JsonSchema {
  type?: string;
  description?: string;
  default?: unknown;
  examples?: readonly unknown[];
  pattern?: string;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly JsonSchema[];
  properties?: Readonly<Record<string, JsonSchema>>;
  required?: readonly string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
}

let made: JsonSchema | undefined;

/** JSON Schema (draft 7) of cluster.yaml as it is written, for editors. */
export function clusterJsonSchema(): JsonSchema {
  made ??= z.toJSONSchema(ClusterFile, { target: 'draft-7', io: 'input', override: complete }) as JsonSchema;
  return made;
}

/** zod leaves the example and default of a field out when the field changes what it is given; ours are given ones. */
function complete({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}): void {
  const examples = z.globalRegistry.get(zodSchema)?.examples;
  if (Array.isArray(examples)) jsonSchema.examples = examples;
  const { def } = zodSchema._zod;
  if (def.type === 'default') jsonSchema.default = def.defaultValue;
  // What every whole number of JavaScript is bounded by is no rule of ours.
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

/** What the schema says about a path; undefined where it says nothing. */
export function schemaAt(path: Path): JsonSchema | undefined {
  return path.reduce<JsonSchema | undefined>(
    (schema, part) => (typeof part === 'number' ? schema?.items : own(schema?.properties, part)),
    clusterJsonSchema(),
  );
}

function own(properties: Readonly<Record<string, JsonSchema>> | undefined, key: string): JsonSchema | undefined {
  return properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** Every place that has a field of this name, as people write it: `spec.ssh`, `spec.hosts[]`. */
export function parentsOf(key: string): string[] {
  const found: string[] = [];
  const visit = (schema: JsonSchema, path: string): void => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      if (name === key && path !== '') found.push(path);
      visit(field, path === '' ? name : `${path}.${name}`);
    }
    if (schema.items !== undefined) visit(schema.items, `${path}[]`);
  };
  visit(clusterJsonSchema(), '');
  return found;
}
