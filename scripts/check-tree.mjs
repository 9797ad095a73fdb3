// Checks what no linter rule says: the sizes of files and the walls between parts of the tree.
// Prints `file:line what` for each finding and exits 1 when there is one. Reads lines, not syntax: lines that are
// only a comment are passed over for rules about code.
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { isProgram, ROOT } from './project.mjs';

const LONGEST_FILE = 400;
const NOT_OURS = new Set(['.git', '.graphshift', '.turbo', 'coverage', 'dist', 'node_modules', 'target']);
const SOURCE = /\.(ts|tsx|mts|mjs|js)$/;
const TEXT = /(\.(ts|tsx|mts|mjs|js|lua|sql|cypher|sh|md|json|ya?ml|css|html|java|xml)|\/run|^graphshift)$/;
const TEST = /\.test\.(ts|mjs)$|^(apps|packages|tools)\/[^/]+\/test\/|^(demo|bench|chaos)\/test\//;

/** They stand beside the tests that play what they record, and let time pass. */
const RECORDERS = /^apps\/worker\/test\/vitals\/record(ed-worker)?\.ts$/;

const CORE = 'packages/core/src/';
const TESTKIT = 'packages/testkit/';
const FLIGHT = 'packages/flight/';
/** Measures the libraries themselves beside what is built on them. */
const BENCH = 'bench/';
/** Judges the product from outside, with the libraries themselves and the parts of the tests. */
const CHAOS = 'chaos/';
const QUEUE = [`${CORE}queue/`, `${TESTKIT}src/redis.ts`, BENCH, CHAOS];
const EMBEDDED = `${CORE}graph-store/embedded/`;
const CLOCK = `${CORE}platform/clock.ts`;

/** Where a package may be imported at run time; a type alone may be imported anywhere, tests may import anything. */
const WALLS = [
  { packages: /^(bullmq|ioredis)$/, allowed: QUEUE },
  { packages: /^(express|@bull-board\/.+)$/, allowed: ['apps/dashboard/'] },
  { packages: /^prom-client$/, allowed: ['apps/dashboard/src/handlers/metrics.ts'] },
  { packages: /^pino$/, allowed: [`${CORE}platform/log.ts`] },
  { packages: /^opossum$/, allowed: [`${CORE}platform/breaker.ts`] },
  { packages: /^neo4j-driver$/, allowed: [`${CORE}graph-store/`, TESTKIT, CHAOS] },
  {
    packages: /^apache-arrow$/,
    allowed: [`${CORE}graph-store/`, `${CORE}snapshot-source/`, FLIGHT, 'demo/', TESTKIT],
  },
  { packages: /^@grpc\/grpc-js$/, allowed: [FLIGHT] },
  { packages: /^hyparquet\b/, allowed: [`${CORE}snapshot-source/`] },
  { packages: /^@ladybugdb\/core$/, allowed: [EMBEDDED, BENCH, CHAOS] },
  {
    packages: /^@duckdb\/.+$/,
    allowed: [`${CORE}snapshot-source/`, EMBEDDED, 'demo/', TESTKIT, BENCH, CHAOS],
  },
  { packages: /^@graphshift\/testkit\b/, allowed: [TESTKIT, CHAOS] },
  {
    packages: /^(node:)?timers\/promises$/,
    allowed: [`${CORE}platform/`, 'scripts/', 'demo/', TESTKIT, BENCH, CHAOS],
  },
];

const production = (path) => /^(apps\/[^/]+|packages\/(core|flight))\/src\//.test(path) && !TEST.test(path);

/** `found` returns true or the words to show where the line breaks the rule in a file that `applies` names. */
const LINE_RULES = [
  {
    says: 'redis.call belongs into a .lua file',
    applies: (path) => SOURCE.test(path) && !TEST.test(path),
    found: (line) => /\bredis\.p?call\(/.test(line),
  },
  {
    says: 'module mocks are not used: test against the real thing',
    applies: (path) => TEST.test(path),
    found: (line) => /\bvi\.(do)?mock\(/.test(line),
  },
  {
    says: 'a test does not sleep: wait for an event or a state (testkit)',
    applies: (path) => TEST.test(path) && !RECORDERS.test(path),
    found: (line) => /\bsetTimeout\(|\bsleep\(|timers\/promises/.test(line),
  },
  {
    says: 'time comes from the Clock that is passed in (platform/clock.ts)',
    applies: (path) => production(path) && path !== CLOCK,
    found: (line) => /\bDate\.now\(|\bnew Date\(\)/.test(line),
  },
  {
    says: 'timers come from the Clock that is passed in (platform/clock.ts)',
    // The embedded store's timers watch and end processes of its own; they decide nothing about a deployment.
    applies: (path) => production(path) && !path.startsWith(`${CORE}platform/`) && !path.startsWith(EMBEDDED),
    found: (line) => /(^|[^.\w])set(Timeout|Interval)\(/.test(line),
  },
  {
    says: 'the compiler is not silenced: say the type',
    applies: (path) => /\.tsx?$/.test(path),
    found: (line) => /@ts-(ignore|nocheck)/.test(line),
    comments: true,
  },
  {
    says: 'an app imports only the door of a package, and no other app but through its package',
    applies: (path) => /^apps\//.test(path),
    found: (line) =>
      /from '(@graphshift\/(?!testkit\/processes')[^']+\/|(\.\.\/)+(packages|apps)\/)/.test(line),
  },
  {
    says: 'names a registry host; the user configures that',
    applies: (path) => TEXT.test(path),
    found: (line) => /\b(registry\.npmjs|registry\.yarnpkg|repo1?\.maven|deb\.debian|pypi)\.[a-z]/.test(line),
    comments: true,
  },
  {
    says: 'names a path of one machine',
    applies: (path) => TEXT.test(path),
    found: (line) => MACHINE_PATHS.some((path) => line.includes(path)) || /\/(home|Users)\/\w+\//.test(line),
    comments: true,
  },
];

const MACHINE_PATHS = [ROOT, homedir()].filter((path) => path.length > 1).map((path) => path + sep);

/** All findings below `root`, as lines `file:line what`. */
export function checkTree(root) {
  const findings = [];
  for (const path of filesBelow(root, root)) {
    if (!TEXT.test(path) || path === 'pnpm-lock.yaml') continue;
    const lines = readFileSync(join(root, path), 'utf8').split('\n');
    findings.push(...checkFile(path, lines));
  }
  return findings.sort();
}

/** The findings in one file; `path` is relative to the top, with slashes. */
export function checkFile(path, lines) {
  const findings = [];
  const report = (index, what) => findings.push(`${path}:${index + 1} ${what}`);
  const length = lines[lines.length - 1] === '' ? lines.length - 1 : lines.length;
  if (/\.(ts|tsx|mts|mjs|lua|java)$/.test(path) && length > LONGEST_FILE)
    report(LONGEST_FILE, `${length} lines; a file has at most ${LONGEST_FILE}`);
  const rules = LINE_RULES.filter((rule) => rule.applies(path));
  lines.forEach((line, index) => {
    const comment = /^\s*(\/\/|\/?\*)/.test(line);
    for (const rule of rules) if ((!comment || rule.comments) && rule.found(line)) report(index, rule.says);
  });
  if (SOURCE.test(path) && !TEST.test(path)) findings.push(...checkWalls(path, lines.join('\n')));
  return findings;
}

/** Imports of either form, over several lines too; those of types alone are left out: they are erased. */
const IMPORT =
  /^(?:import|export)\s(?!type\s)(?:[^;'"]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

function checkWalls(path, text) {
  const findings = [];
  for (const match of text.matchAll(IMPORT)) {
    const imported = match[1] || match[2];
    const wall = WALLS.find((candidate) => candidate.packages.test(imported));
    if (!wall || wall.allowed.some((prefix) => path.startsWith(prefix))) continue;
    const line = text.slice(0, match.index).split('\n').length;
    findings.push(`${path}:${line} ${imported} may only be imported in ${wall.allowed.join(', ')}`);
  }
  return findings;
}

function filesBelow(directory, root) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : filesBelow(path, root);
    return entry.isFile() ? [relative(root, path).split(sep).join('/')] : [];
  });
}

if (isProgram(import.meta.url)) {
  const findings = checkTree(ROOT);
  for (const finding of findings) console.log(finding);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
