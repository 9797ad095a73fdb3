import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Differences, type DirectoryTimes, RootView } from './root-view.ts';

let base: string;
let root: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'graphshift-view-'));
  root = join(base, 'root');
  mkdirSync(root);
});
afterEach(() => rm(base, { recursive: true, force: true }));

const DAY_MS = 24 * 60 * 60 * 1000;
const make = (...path: string[]) => mkdirSync(join(root, ...path), { recursive: true });
const ids = (all: RootView['all']) =>
  all.flatMap((one) => one.timestamps.map((time) => `${one.directory}@${time}`));
const found = ({ found: what, gone }: Differences) => ({ found: ids([...what]), gone: ids([...gone]) });
const codes = (view: RootView) =>
  view.refused.map(({ path, error }) => `${path.slice(root.length)} ${error.code}`);

/** Waits until the file system's clock has gone on, and says to when: what happens afterwards has no earlier time. */
function nextTick(): bigint {
  const probe = join(base, 'probe');
  const touch = () => {
    writeFileSync(probe, '');
    return statSync(probe, { bigint: true }).ctimeNs;
  };
  const before = touch();
  for (;;) {
    const after = touch();
    if (after !== before) return after;
  }
}

describe('a view of a root', () => {
  it('tells what came and what went, customer by customer', () => {
    make('acme', '1');
    make('beta', '7');
    const view = new RootView(root);
    const now = Date.now();
    expect(found(view.scan({ now, full: true }))).toEqual({ found: ['acme@1', 'beta@7'], gone: [] });
    make('acme', '2');
    make('gamma', '5');
    rmSync(join(root, 'beta'), { recursive: true });
    expect(found(view.scan({ now, full: false }))).toEqual({
      found: ['acme@2', 'gamma@5'],
      gone: ['beta@7'],
    });
    expect(found(view.scan({ now, full: false }))).toEqual({ found: [], gone: [] });
  });

  it('does not read again what has not moved; what a link leads to shows in a full scan only', () => {
    make('.elsewhere', '2');
    make('acme', '1');
    symlinkSync(join('..', '.elsewhere', '2'), join(root, 'acme', '2'));
    const view = new RootView(root);
    const now = Date.now();
    for (const later of [0, 2000, 4000]) view.scan({ now: now + later, full: false });
    rmSync(join(root, '.elsewhere'), { recursive: true });
    // The root moved, and is read; the customer did not.
    expect(found(view.scan({ now: now + 6000, full: false }))).toEqual({ found: [], gone: [] });
    expect(found(view.scan({ now: now + 6000, full: true }))).toEqual({ found: [], gone: ['acme@2'] });
    expect(codes(view)).toEqual(['/acme/2 SNAPSHOT_LINK']);
  });

  it('sees through a time of modification that a copy has set back', () => {
    make('acme', '1');
    const view = new RootView(root);
    const now = Date.now();
    utimesSync(join(root, 'acme'), 1, 1);
    for (const later of [0, 2000, 4000]) view.scan({ now: now + later, full: false });
    nextTick();
    make('acme', '2');
    utimesSync(join(root, 'acme'), 1, 1);
    expect(found(view.scan({ now: now + 6000, full: false })).found).toEqual(['acme@2']);
  });

  it('takes up a timestamp that lay ahead once its day has come, though nothing moved', () => {
    const now = Date.now();
    const ahead = Math.floor((now + 2 * DAY_MS) / 1000);
    make('acme', String(ahead));
    const view = new RootView(root);
    for (const later of [0, 2000, 4000]) view.scan({ now: now + later, full: false });
    expect(codes(view)).toEqual([`/acme/${ahead} SNAPSHOT_TIMESTAMP`]);
    const { refusalsMoved, ...differences } = view.scan({ now: ahead * 1000 - DAY_MS, full: false });
    expect(found({ ...differences, refusalsMoved })).toEqual({ found: [`acme@${ahead}`], gone: [] });
    expect([refusalsMoved, codes(view)]).toEqual([true, []]);
  });

  it('forgets nothing while the root cannot be read', () => {
    make('acme', '1');
    const view = new RootView(root);
    const now = Date.now();
    view.scan({ now, full: true });
    renameSync(root, `${root}-away`);
    expect(() => view.scan({ now, full: true })).toThrow(/snapshot root .* cannot be read/);
    expect(ids(view.all)).toEqual(['acme@1']);
    renameSync(`${root}-away`, root);
    expect(found(view.scan({ now, full: false }))).toEqual({ found: [], gone: [] });
  });

  it('says when every customer went at once', () => {
    make('acme', '1');
    make('beta', '1');
    const view = new RootView(root);
    const now = Date.now();
    view.scan({ now, full: true });
    renameSync(root, `${root}-away`);
    mkdirSync(root);
    expect(view.scan({ now, full: false })).toMatchObject({ emptied: 2 });
  });
});

/** What stands there, read plainly; the rules are said once more, in the fewest words. */
function plainly(): { all: string[]; refused: string[] } {
  const all: string[] = [];
  const refused: string[] = [];
  const names = visible(root);
  const isTwin = (name: string) =>
    name !== name.toLowerCase() &&
    names.filter((other) => other.toLowerCase() === name.toLowerCase()).length > 1;
  for (const name of names) {
    if (!/^[A-Za-z]{3,}$/.test(name) || isTwin(name)) refused.push(`/${name} CUSTOMER_NAME`);
    else {
      for (const inside of visible(join(root, name))) {
        const code = plainCode(join(root, name, inside), inside);
        if (code) refused.push(`/${name}/${inside} ${code}`);
        else all.push(`${name}@${inside}`);
      }
    }
  }
  return { all: all.sort(), refused: refused.sort() };
}

function visible(path: string): string[] {
  return readdirSync(path).filter((name) => !/^[._]/.test(name));
}

function plainCode(path: string, name: string): string | undefined {
  if (!statSync(path).isDirectory()) return 'SNAPSHOT_LAYOUT';
  return /^[1-9]\d*$/.test(name) ? undefined : 'SNAPSHOT_TIMESTAMP';
}

const customer = fc.constantFrom('acme', 'Acme', 'beta', 'gamma', 'x_y', '.hidden');
const snapshot = fc.constantFrom('1', '2', '1700000000', '1700000100', 'today', '.part');
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('make'), customer, snapshot }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('remove', 'touch', 'file'), customer, snapshot }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget'), customer }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('rename'), customer, snapshot, to: customer, as: snapshot }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('call'), customer, to: customer }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('scan'), later: fc.boolean(), full: fc.boolean() }) },
);

interface Step {
  readonly do: string;
  readonly customer?: string;
  readonly snapshot?: string;
  readonly to?: string;
  readonly as?: string;
}

/** Does to the file system what can be done; the rest is left. */
function change(step: Step): void {
  const { customer: from = '', snapshot: name = '', to = '', as = '' } = step;
  const place = join(root, from, name);
  const target = step.do === 'call' ? join(root, to) : join(root, to, as);
  if (step.do === 'make' && !existsSync(place)) make(from, name);
  if (step.do === 'remove' || step.do === 'forget') rmSync(place, { recursive: true, force: true });
  if (step.do === 'touch' && existsSync(place) && statSync(place).isDirectory())
    writeFileSync(join(place, `deep-${process.hrtime.bigint()}`), '');
  if (step.do === 'file' && existsSync(join(root, from)) && !existsSync(place)) writeFileSync(place, '');
  const movable = existsSync(place) && !existsSync(target) && existsSync(join(target, '..'));
  if ((step.do === 'rename' || step.do === 'call') && movable) renameSync(place, target);
}

const TICK_MS = 2000;

/** A view that is held against a plain listing after each scan, on a file system whose clock ticks every two seconds. */
class CheckedView {
  readonly #view = new RootView(root, (path) => this.#coarse(path));
  readonly #kept = new Set<string>();
  readonly #startAt = Date.now();
  /** When the coarse clock ticked, in the time of the real one. */
  readonly #ticks: bigint[] = [];

  get #now(): number {
    return this.#startAt + this.#ticks.length * TICK_MS;
  }

  passTime(): void {
    this.#ticks.push(nextTick());
  }

  #coarse(path: string): DirectoryTimes {
    const { dev, ino, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    const tickOf = (time: bigint) => this.#ticks.filter((tick) => tick <= time).length;
    const coarse = (time: bigint) => BigInt(this.#startAt + tickOf(time) * TICK_MS) * 1_000_000n;
    return { dev, ino, mtimeNs: coarse(mtimeNs), ctimeNs: coarse(ctimeNs) };
  }

  scan(full: boolean): void {
    const { found: came, gone: went } = found(this.#view.scan({ now: this.#now, full }));
    for (const id of went) expect(this.#kept.delete(id), `${id} went`).toBe(true);
    for (const id of came) expect(this.#kept.has(id), `${id} came`).toBe(false);
    for (const id of came) this.#kept.add(id);
    expect({ all: [...this.#kept].sort(), refused: codes(this.#view).sort() }).toEqual(plainly());
    expect(ids(this.#view.all).sort()).toEqual([...this.#kept].sort());
  }
}

describe('whatever happens to a root', () => {
  it('the view is what a plain listing shows, and the differences lead from one to the next', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 5, maxLength: 40 }), (steps) => {
        rmSync(root, { recursive: true, force: true });
        mkdirSync(root);
        const view = new CheckedView();
        for (const step of steps) {
          if (!('later' in step)) change(step);
          else {
            if (step.later) view.passTime();
            view.scan(step.full);
          }
        }
        view.scan(false);
        // Past the grain nothing is read any more, and it is still right.
        for (let turn = 0; turn < 3; turn += 1) {
          view.passTime();
          view.scan(false);
        }
      }),
      { numRuns: 150 },
    );
  });
});
