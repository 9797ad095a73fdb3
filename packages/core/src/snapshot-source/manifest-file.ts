/**
 * `manifest.json` beside `nodes/` and `relationships/`: the writer's own list of its files, which must hold.
 *
 * `{ "files": [ { "path": "nodes/Person/part-0.parquet", "bytes": 1234, "rows": 10, "sha256": "…" } ] }`, where rows
 * and sha256 may be left out. Files and sizes are a cheap look; rows and contents are compared while a load reads them.
 */

import { readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { SnapshotFile } from '../snapshot/manifest.ts';
import { isGone, leadsInside } from './layout.ts';

export const MANIFEST_FILE = 'manifest.json';
/** A hundred thousand files fill about 20 MB. */
const LARGEST_BYTES = 64 * 2 ** 20;

const DATA_FILE = /^(nodes|relationships)\/[^/._][^/]*\/[^/._][^/]*$/;

const manifestFile = z.strictObject({
  files: z
    .array(
      z.strictObject({
        path: z
          .string('must be text')
          .regex(DATA_FILE, 'must be nodes/<Label>/<file> or relationships/<TYPE>/<file>'),
        bytes: z.int('must be a whole number').min(0, 'must be a whole number of at least 0'),
        rows: z.int('must be a whole number').min(0, 'must be a whole number of at least 0').optional(),
        sha256: z
          .string('must be text')
          .regex(/^[0-9a-f]{64}$/i, 'must be 64 hexadecimal digits')
          .optional(),
      }),
      'must be a list',
    )
    .superRefine((files, context) => {
      const seen = new Set<string>();
      files.forEach(({ path }, index) => {
        if (seen.has(path)) {
          context.addIssue({ code: 'custom', path: [index, 'path'], message: 'is listed twice' });
        }
        seen.add(path);
      });
    }),
});

type Entry = z.infer<typeof manifestFile>['files'][number] & { readonly index: number };

/**
 * The text of a snapshot's manifest.json, or undefined when there is none.
 * @param root no link may lead out of it
 * @throws MANIFEST_INVALID when it cannot be read or is too large, SNAPSHOT_LINK when it leads out of the root
 */
export async function readManifest(path: string, root: string = path): Promise<string | undefined> {
  const place = join(resolve(path), MANIFEST_FILE);
  try {
    const { size } = await stat(place);
    if (!(await leadsInside(place, await realpath(root)))) {
      throw new GraphshiftError('SNAPSHOT_LINK', `${MANIFEST_FILE} is a link that leads out of the root`);
    }
    if (size > LARGEST_BYTES) throw invalid(`has ${size} bytes; it may have ${LARGEST_BYTES}`);
    return await readFile(place, 'utf8');
  } catch (error) {
    if (isGone(error)) return undefined;
    if (error instanceof GraphshiftError) throw error;
    throw invalid(`cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** What a manifest claims, held against what is there. */
export class ManifestClaims {
  readonly #entries: ReadonlyMap<string, Entry>;

  /** @throws MANIFEST_INVALID naming key and value */
  constructor(text: string) {
    const value = parseJson(text);
    const parsed = manifestFile.safeParse(value);
    if (!parsed.success) throw shapeProblem(parsed.error.issues[0], value);
    this.#entries = new Map(parsed.data.files.map((file, index) => [file.path, { ...file, index }]));
  }

  /** MANIFEST_MISMATCH for the first file that is missing, has another size, or is not listed. */
  filesProblem(files: readonly SnapshotFile[]): GraphshiftError | undefined {
    const there = new Map(files.map((file) => [file.path, file]));
    for (const entry of this.#entries.values()) {
      const file = there.get(entry.path);
      if (!file) {
        const message = `${key(entry, 'path')} is ${show(entry.path)}, and there is no such file`;
        return new GraphshiftError('MANIFEST_MISMATCH', message, { details: { file: entry.path } });
      }
      if (file.bytes !== entry.bytes) return differs(entry, 'bytes', `has ${file.bytes} bytes`, file.bytes);
    }
    const extra = files.find(({ path }) => !this.#entries.has(path));
    if (!extra) return undefined;
    return new GraphshiftError('MANIFEST_MISMATCH', `${MANIFEST_FILE} does not list ${extra.path}`, {
      details: { file: extra.path },
    });
  }

  /** @throws MANIFEST_MISMATCH when the footer of a file has another number of rows */
  checkRows(path: string, rows: number): void {
    const entry = this.#entries.get(path);
    if (entry?.rows !== undefined && entry.rows !== rows)
      throw differs(entry, 'rows', `has ${rows} rows`, rows);
  }

  /** Files whose content is claimed. */
  get hashed(): ReadonlySet<string> {
    return new Set([...this.#entries.values()].filter(({ sha256 }) => sha256).map(({ path }) => path));
  }

  /** @throws MANIFEST_MISMATCH when a file's content is not the claimed one */
  checkHash(path: string, sha256: string): void {
    const entry = this.#entries.get(path);
    if (entry?.sha256 !== undefined && entry.sha256.toLowerCase() !== sha256)
      throw differs(entry, 'sha256', `has the sha256 ${sha256}`, sha256);
  }
}

/**
 * The claims of a snapshot that is about to be loaded; undefined when it makes none.
 * @param options `required`: there must be a manifest of the known shape; else one of another shape is passed over,
 * since it may be some other tool's
 * @throws MANIFEST_INVALID, MANIFEST_MISMATCH, SNAPSHOT_LINK
 */
export async function claimsOf(
  path: string,
  files: readonly SnapshotFile[],
  options: { readonly root?: string; readonly required: boolean },
): Promise<ManifestClaims | undefined> {
  const text = await readManifest(path, options.root);
  if (text === undefined) {
    if (!options.required) return undefined;
    throw invalid('is missing; under orchestrator.readiness manifest each snapshot has one');
  }
  const claims = options.required ? new ManifestClaims(text) : claimsIfOurs(text);
  const problem = claims?.filesProblem(files);
  if (problem) throw problem;
  return claims;
}

function claimsIfOurs(text: string): ManifestClaims | undefined {
  try {
    return new ManifestClaims(text);
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(`is no JSON: ${messageOf(cause).split('\n', 1)[0]}`, { cause });
  }
}

function shapeProblem(issue: z.core.$ZodIssue | undefined, value: unknown): GraphshiftError {
  const path = issue?.path ?? [];
  const where = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  const found = path.reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown>)?.[part], value);
  const details = { key: where.slice(1), value: found };
  if (issue?.code === 'unrecognized_keys') {
    const keys = issue.keys.map((name) => show(`${where}.${name}`.slice(1))).join(', ');
    return invalid(`has the unknown key ${keys}; it may have files, each with path, bytes, rows and sha256`, {
      details,
    });
  }
  if (path.length === 0) return invalid('must be an object with the key files');
  return invalid(`${where.slice(1)} is ${show(found)}: ${issue?.message ?? 'is not understood'}`, {
    details,
  });
}

function invalid(
  what: string,
  options: { details?: Record<string, unknown>; cause?: unknown } = {},
): GraphshiftError {
  const details = { file: MANIFEST_FILE, ...options.details };
  return new GraphshiftError('MANIFEST_INVALID', `${MANIFEST_FILE} ${what}`, { ...options, details });
}

function differs(
  entry: Entry,
  name: 'bytes' | 'rows' | 'sha256',
  has: string,
  found: unknown,
): GraphshiftError {
  const message = `${key(entry, name)} is ${entry[name]}, and ${entry.path} ${has}`;
  const details = { file: entry.path, key: `files[${entry.index}].${name}`, expected: entry[name], found };
  return new GraphshiftError('MANIFEST_MISMATCH', message, { details });
}

function key(entry: Entry, name: string): string {
  return `${MANIFEST_FILE} files[${entry.index}].${name}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}
