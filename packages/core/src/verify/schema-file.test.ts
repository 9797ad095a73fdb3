import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSchemaFile } from './schema-file.ts';

let root: string;
let path: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'graphshift-schema-'));
  path = join(root, 'acme', '100');
  await mkdir(path, { recursive: true });
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('readSchemaFile', () => {
  it('gives the statements with their lines', async () => {
    await writeFile(
      join(path, 'schema.cypher'),
      '// ids\nCREATE INDEX a FOR (n:P) ON (n.a);\nCREATE INDEX b FOR (n:P) ON (n.b)',
    );
    expect(await readSchemaFile(path)).toEqual([
      { file: 'schema.cypher', line: 2, text: 'CREATE INDEX a FOR (n:P) ON (n.a)' },
      { file: 'schema.cypher', line: 3, text: 'CREATE INDEX b FOR (n:P) ON (n.b)' },
    ]);
  });

  it('tells a snapshot without one, whose readers get what the live database has, from an empty one', async () => {
    expect(await readSchemaFile(path)).toBeUndefined();
    await writeFile(join(path, 'schema.cypher'), '// nothing\n');
    expect(await readSchemaFile(path)).toEqual([]);
  });

  it('has nothing to say of a snapshot that is gone: it was loaded by the one it had', async () => {
    await rm(path, { recursive: true });
    expect(await readSchemaFile(path)).toEqual([]);
  });

  it('refuses a link that leads out of the root, and a file that is too large', async () => {
    await symlink('/etc/hostname', join(path, 'schema.cypher'));
    await expect(readSchemaFile(path)).rejects.toMatchObject({ code: 'SCHEMA_INVALID' });
    await rm(join(path, 'schema.cypher'));
    await writeFile(join(path, 'schema.cypher'), ' '.repeat(1024 * 1024 + 1));
    await expect(readSchemaFile(path)).rejects.toMatchObject({ code: 'SCHEMA_INVALID' });
  });
});
