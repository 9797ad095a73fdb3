// Reads a Dockerfile and a .dockerignore as far as this project's own go, and refuses what it does not know, so that
// whoever follows them follows all of them.

const KNOWN = new Set([
  'FROM',
  'WORKDIR',
  'COPY',
  'RUN',
  'ENV',
  'LABEL',
  'USER',
  'EXPOSE',
  'ENTRYPOINT',
  'CMD',
]);

/**
 * The stages of a Dockerfile in their order, each `{ name, base, steps }`; `name` is undefined for one without. A step
 * is `{ instruction, value, line }`, and for COPY also `from` (a stage's name, undefined for the build context),
 * `sources` and `target`.
 * @throws Error naming the line
 */
export function parseDockerfile(text) {
  const stages = [];
  for (const { line, text: logical } of logicalLines(text)) {
    const [, instruction = '', value = ''] = /^(\w+)\s+([\s\S]*?)\s*$/.exec(logical) ?? [];
    if (!KNOWN.has(instruction) || /<<-?\w/.test(value))
      throw new Error(`Dockerfile:${line} ${logical.split(/\s/)[0]}: not known here`);
    if (instruction === 'FROM') stages.push(parseFrom(value, line));
    else if (stages.length === 0) throw new Error(`Dockerfile:${line} ${instruction} before FROM`);
    else
      stages
        .at(-1)
        .steps.push({ instruction, value, line, ...(instruction === 'COPY' && parseCopy(value, line)) });
  }
  return stages;
}

/** Lines without comments, continued ones joined. */
function logicalLines(text) {
  const found = [];
  let open;
  text.split('\n').forEach((raw, index) => {
    if (/^\s*(#|$)/.test(raw)) return;
    const continued = raw.endsWith('\\');
    const part = continued ? raw.slice(0, -1) : raw;
    if (open) open.text += part;
    else {
      open = { line: index + 1, text: part.trimStart() };
      found.push(open);
    }
    if (!continued) open = undefined;
  });
  return found;
}

function parseFrom(value, line) {
  const match = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(value);
  if (!match) throw new Error(`Dockerfile:${line} FROM ${value}: not known here`);
  return { base: match[1], name: match[2], steps: [] };
}

function parseCopy(value, line) {
  const words = value.split(/\s+/);
  const flags = words.filter((word) => word.startsWith('--'));
  const paths = words.filter((word) => !word.startsWith('--'));
  if (flags.some((flag) => !flag.startsWith('--from=')) || paths.length < 2 || value.startsWith('['))
    throw new Error(`Dockerfile:${line} COPY ${value}: not known here`);
  return { from: flags[0]?.slice('--from='.length), sources: paths.slice(0, -1), target: paths.at(-1) };
}

/** The variables of an ENV or LABEL step; `$NAME` and `${NAME}` come from `known`. */
export function parsePairs(value, known = {}) {
  const pairs = [...value.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S*))/g)];
  return Object.fromEntries(
    pairs.map(([, name, quoted, plain]) => [
      name,
      (quoted ?? plain).replace(/\$\{?(\w+)\}?/g, (_, variable) => known[variable] ?? ''),
    ]),
  );
}

/** Whether a .dockerignore keeps a path (relative, with slashes) out of the build context. */
export function readIgnore(text) {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keeps: line.startsWith('!'), pattern: ignorePattern(line.replace(/^!/, '')) }));
  // The last rule that fits a path, or a directory that it is in, decides.
  return (path) =>
    rules.reduce((ignored, { keeps, pattern }) => (pattern.test(path) ? !keeps : ignored), false);
}

function ignorePattern(line) {
  if (/[?[\]\\]/.test(line)) throw new Error(`.dockerignore: ${line}: not known here`);
  const source = line
    .replace(/^\/|\/$/g, '')
    .replace(/[.+^${}()|]/g, '\\$&')
    .replace(/\*\*\/|\*/g, (star) => (star === '*' ? '[^/]*' : '(?:.*/)?'));
  return new RegExp(`^${source}(/|$)`);
}
