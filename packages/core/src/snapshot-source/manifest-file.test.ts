import { appendFile, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GraphshiftError } from '../platform/errors.ts';
import { declareSnapshot } from './declare.ts';
import { type Duck, openDuck } from './duckdb.ts';
import { type InspectOptions, inspectSnapshot } from './inspect.ts';
import { ManifestClaims } from './manifest-file.ts';
import { lookAtSnapshot } from './readiness.ts';
import { writeSnapshot } from './simulate.ts';

const PERSON = 'nodes/Person/part-0.parquet';
const SHA256 = 'a'.repeat(64);

let base: string;
let root: string;
let path: string;
let duck: Duck;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'graphshift-manifest-'));
  root = join(base, 'root');
  duck = await openDuck({ spillDirectory: join(base, 'spill') });
  path = await writeSnapshot(root, {
    customer: 'acme',
    timestamp: 1,
    nodes: { Person: "SELECT i AS id, 'Person' AS labels, 'Person ' || i AS name FROM range(1000) rows(i)" },
  });
});
afterEach(async () => {
  duck.close();
  await rm(base, { recursive: true, force: true });
});

interface Entry {
  path: string;
  bytes: number;
  rows?: number;
  sha256?: string;
}

/** Declares the snapshot, and changes what its manifest says of its one file. */
async function declare(change: (entry: Entry) => void = () => {}): Promise<void> {
  await declareSnapshot(path, 'manifest');
  const manifest = JSON.parse(await readFile(join(path, 'manifest.json'), 'utf8')) as { files: Entry[] };
  for (const entry of manifest.files) change(entry);
  await writeFile(join(path, 'manifest.json'), JSON.stringify(manifest));
}

const inspect = (options: InspectOptions = {}) => inspectSnapshot(duck, path, { root, ...options });
const failure = (options: InspectOptions = {}) =>
  inspect(options).then(
    () => expect.unreachable('the inspection passed'),
    (error: GraphshiftError) => `${error.code} ${error.message}`,
  );
const look = async () => {
  const { problem, awaits, declared } = await lookAtSnapshot(path, root, 'manifest');
  return problem ? `${problem.code} ${problem.message}` : (awaits ?? declared);
};

describe('the shape of a manifest', () => {
  const file = { path: PERSON, bytes: 1 };
  it.each<[unknown, RegExp]>([
    ['{"files": [', /^manifest.json is no JSON: /],
    ['[]', /^manifest.json must be an object with the key files$/],
    ['{}', /^manifest.json files is missing: must be a list$/],
    [{ files: [], version: 2 }, /^manifest.json has the unknown key "version"; it may have files/],
    [{ files: [{ ...file, md5: 'x' }] }, /has the unknown key "files\[0\].md5"/],
    [{ files: [file, { path: 'a' }] }, /files\[1\].path is "a": must be nodes\/<Label>\/<file>/],
    [{ files: [{ ...file, bytes: '12' }] }, /files\[0\].bytes is "12": must be a whole number/],
    [{ files: [{ ...file, bytes: -1 }] }, /files\[0\].bytes is -1: must be a whole number of at least 0/],
    [{ files: [{ ...file, rows: 1.5 }] }, /files\[0\].rows is 1.5: must be a whole number/],
    [{ files: [{ ...file, sha256: 'abc' }] }, /files\[0\].sha256 is "abc": must be 64 hexadecimal digits/],
    [{ files: [file, file] }, /files\[1\].path is "nodes\/Person\/part-0.parquet": is listed twice/],
  ])('%j is refused by key and value', async (manifest, message) => {
    const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
    let thrown: unknown;
    try {
      new ManifestClaims(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'MANIFEST_INVALID', message: expect.stringMatching(message) });
  });

  it.each([
    '/etc/passwd',
    '../x/nodes/P/a',
    'nodes/../../a',
    'nodes/P/../a',
    'nodes/P/..',
    'nodes/P/_a',
    'nodes//a',
  ])('%j is refused as a path', (outside) => {
    const text = JSON.stringify({ files: [{ ...file, path: outside }] });
    expect(() => new ManifestClaims(text)).toThrow(/files\[0\].path is .*: must be nodes\//);
  });

  it('may leave rows and sha256 out', () => {
    const claims = new ManifestClaims(JSON.stringify({ files: [file] }));
    expect(claims.hashed.size).toBe(0);
    expect(() => {
      claims.checkRows(PERSON, 5);
      claims.checkHash(PERSON, SHA256);
    }).not.toThrow();
  });
});

describe('a look under the rule manifest', () => {
  it('finds a snapshot ready whose manifest holds, and one without a manifest waiting', async () => {
    expect(await look()).toBe('manifest.json');
    await declare();
    expect(await look()).toBe(true);
  });

  it('names the file that is missing, has another size, or is not listed', async () => {
    await declare((entry) => {
      entry.bytes += 1;
    });
    expect(await look()).toMatch(
      /^MANIFEST_MISMATCH manifest.json files\[0\].bytes is (\d+), and nodes\/Person\/part-0.parquet has \d+ bytes$/,
    );
    await declare((entry) => {
      entry.path = 'nodes/Person/part-9.parquet';
    });
    expect(await look()).toMatch(
      /files\[0\].path is "nodes\/Person\/part-9.parquet", and there is no such file$/,
    );
    await declare();
    await mkdir(join(path, 'nodes/Firm'));
    await rename(join(path, PERSON), join(path, 'nodes/Firm/part-0.parquet'));
    await declareSnapshot(path, 'manifest');
    await writeFile(join(path, 'nodes/Firm/part-1.parquet'), '');
    expect(await look()).toBe('MANIFEST_MISMATCH manifest.json does not list nodes/Firm/part-1.parquet');
  });

  it('still looks at the layout and at the ends of the files', async () => {
    await writeFile(join(path, PERSON), 'PAR1 not the end');
    await declareSnapshot(path, 'manifest');
    expect(await look()).toMatch(/^FILE_TRUNCATED nodes\/Person\/part-0.parquet/);
  });

  it('refuses a manifest that is a link out of the root', async () => {
    await writeFile(join(base, 'secret.json'), '{"files":[]}');
    await symlink(join(base, 'secret.json'), join(path, 'manifest.json'));
    expect(await look()).toMatch(/^SNAPSHOT_LINK manifest.json/);
    expect(await failure()).toMatch(/^SNAPSHOT_LINK manifest.json/);
  });
});

describe('a load', () => {
  it('holds a manifest against rows and contents, whatever the readiness rule', async () => {
    await declare();
    expect(await inspect()).toMatchObject({ rows: 1000 });
    const { contentHash } = await inspect();
    await rm(join(path, 'manifest.json'));
    expect(await inspect()).toMatchObject({ contentHash });
  });

  it('takes a sha256 in capitals for the same', async () => {
    await declare((entry) => {
      entry.sha256 = entry.sha256?.toUpperCase() ?? '';
    });
    expect(await inspect()).toMatchObject({ rows: 1000 });
  });

  it('names the file whose rows differ', async () => {
    await declare((entry) => {
      entry.rows = 999;
    });
    expect(await look()).toBe(true);
    expect(await failure()).toBe(
      'MANIFEST_MISMATCH manifest.json files[0].rows is 999, and nodes/Person/part-0.parquet has 1000 rows',
    );
  });

  it('names the file whose contents differ', async () => {
    await declare((entry) => {
      entry.sha256 = SHA256;
    });
    expect(await look()).toBe(true);
    expect(await failure()).toMatch(
      /^MANIFEST_MISMATCH manifest.json files\[0\].sha256 is a{64}, and nodes\/Person\/part-0.parquet has the sha256 [0-9a-f]{64}$/,
    );
  });

  it('says that contents differ rather than what is wrong with them', async () => {
    await writeSnapshot(root, {
      customer: 'acme',
      timestamp: 1,
      nodes: { Person: "SELECT 7 AS id, 'Person' AS labels FROM range(1000) rows(i)" },
    });
    expect(await failure()).toMatch(/^NODE_ID_DUPLICATE/);
    await declare((entry) => {
      entry.sha256 = SHA256;
    });
    expect(await failure()).toMatch(/^MANIFEST_MISMATCH .*sha256/);
  });

  it('refuses another size', async () => {
    await declare((entry) => {
      entry.bytes -= 1;
    });
    expect(await failure()).toMatch(/^MANIFEST_MISMATCH .*bytes/);
  });

  it("passes over another tool's manifest, unless each snapshot must have ours", async () => {
    await writeFile(join(path, 'manifest.json'), '{"entries":[{"url":"elsewhere"}]}');
    expect(await inspect()).toMatchObject({ rows: 1000 });
    expect(await failure({ requireManifest: true })).toMatch(
      /^MANIFEST_INVALID manifest.json files is missing/,
    );
    await rm(join(path, 'manifest.json'));
    expect(await failure({ requireManifest: true })).toMatch(/^MANIFEST_INVALID manifest.json is missing/);
    await declare();
    expect(await inspect({ requireManifest: true })).toMatchObject({ rows: 1000 });
    await appendFile(join(path, 'manifest.json'), 'x');
    expect(await failure({ requireManifest: true })).toMatch(/^MANIFEST_INVALID manifest.json is no JSON/);
  });
});
