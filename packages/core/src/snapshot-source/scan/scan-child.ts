/** The scanning process: it holds what stands below each root, and looks at snapshots that are not ready yet. */

import { readdirSync } from 'node:fs';
import { serveParent } from '../../platform/child-process.ts';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';
import { lookAtSnapshot } from '../readiness.ts';
import { type CustomerTimes, type Differences, RootView } from './root-view.ts';
import type {
  LookReply,
  LookRequest,
  ScanCommands,
  ScanPage,
  ScanRequest,
  ScanSummary,
} from './scan-commands.ts';

const PAGE_SNAPSHOTS = 1000;
const PAGE_REFUSALS = 100;
const LOOKS_AT_ONCE = 8;

interface Scanned {
  readonly view: RootView;
  pages: Generator<ScanPage, undefined>;
}

const roots = new Map<string, Scanned>();

serveParent<ScanCommands>({
  check: async ({ root }) => check(root),
  scan: async (request) => scan(request),
  page: async ({ root }) => roots.get(root)?.pages.next().value,
  look: async (request) => look(request),
});

function check(root: string): undefined {
  try {
    readdirSync(root);
    return undefined;
  } catch (cause) {
    const message = `the snapshot root ${root} cannot be read: ${messageOf(cause)}`;
    throw new GraphshiftError('ROOT_UNREADABLE', message, { details: { path: root }, cause });
  }
}

function scan(request: ScanRequest): ScanSummary {
  const known = roots.get(request.root);
  const view = known?.view ?? new RootView(request.root);
  const differences = view.scan(request);
  const everything = request.everything || known === undefined;
  roots.set(request.root, { view, pages: pagesOf(view, differences, everything) });
  const { refusalsMoved, emptied } = differences;
  return { everything, refusalsMoved, ...(emptied !== undefined && { emptied }) };
}

function* pagesOf(
  view: RootView,
  { found, gone, refusalsMoved }: Differences,
  everything: boolean,
): Generator<ScanPage, undefined> {
  const empty: ScanPage = { found: [], gone: [], refused: [] };
  for (const page of paged(gone)) yield { ...empty, gone: page };
  for (const page of paged(everything ? view.all : found)) yield { ...empty, found: page };
  if (!refusalsMoved && !everything) return undefined;
  const refused = view.refused.map(({ path, error }) => ({ path, error: error.toRecord() }));
  for (let start = 0; start < refused.length; start += PAGE_REFUSALS)
    yield { ...empty, refused: refused.slice(start, start + PAGE_REFUSALS) };
  return undefined;
}

/** The same in pieces of at most a page's snapshots. */
function* paged(all: readonly CustomerTimes[]): Generator<CustomerTimes[]> {
  let page: CustomerTimes[] = [];
  let room = PAGE_SNAPSHOTS;
  for (const { directory, timestamps } of all) {
    for (let start = 0; start < timestamps.length; ) {
      const piece = timestamps.slice(start, start + room);
      page.push({ directory, timestamps: piece });
      start += piece.length;
      room -= piece.length;
      if (room > 0) continue;
      yield page;
      [page, room] = [[], PAGE_SNAPSHOTS];
    }
  }
  if (page.length > 0) yield page;
}

async function look({ root, rule, paths }: LookRequest): Promise<LookReply[]> {
  const looks: LookReply[] = [];
  for (let start = 0; start < paths.length; start += LOOKS_AT_ONCE) {
    const batch = paths.slice(start, start + LOOKS_AT_ONCE);
    for (const { problem, ...found } of await Promise.all(
      batch.map((path) => lookAtSnapshot(path, root, rule)),
    ))
      looks.push({ ...found, ...(problem && { problem: problem.toRecord() }) });
  }
  return looks;
}
