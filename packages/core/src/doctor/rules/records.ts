/** Invariant 3: every snapshot that became ready is in exactly one state, and what must go on has a job. */

import type { DeploymentRecord } from '../../deployment/record.ts';
import { HEAD_STATES, isEndState, type State } from '../../deployment/states.ts';
import { jobId, parseJobId } from '../../queue/catalogue.ts';
import { at, type Observation, type Rule } from '../finding.ts';
import { isDue, type Picture, recordsByCustomer } from '../picture.ts';

export const snapshotRecord: Rule = {
  name: 'snapshot-record',
  invariant: 3,
  check: ({ unrecorded, unreadRoots, takenAt, limits }) => [
    ...unreadRoots.map(({ name, problem }) => ({
      severity: 'warning' as const,
      what: `the snapshots below ${name} are not judged: ${problem}`,
      action: 'Let this process read the root, or correct orchestrator.data_path.',
    })),
    ...unrecorded
      .filter(({ changedAt }) => takenAt - changedAt > limits.recordMs)
      .map((snapshot) => ({
        severity: 'broken' as const,
        customer: snapshot.customer,
        subject: snapshot.path,
        what: `${snapshot.path} has no record, and has not changed since ${at(snapshot.changedAt)}`,
        action: 'Start a producer; where one runs, its log says why it does not take the snapshot.',
      })),
  ],
};

export const recordReadable: Rule = {
  name: 'record-readable',
  invariant: 3,
  check: ({ unreadRecords }) =>
    unreadRecords.map((id) => ({
      severity: 'broken',
      what: `the record of ${JSON.stringify(id)} is none that can be read`,
      action: 'Look at it in Redis; a newer version may have written it.',
    })),
};

export const recordIndex: Rule = {
  name: 'record-index',
  invariant: 3,
  check: (picture) => {
    const { records, index, customers, unreadRecords } = picture;
    const backlogged = new Set([...customers.values()].flatMap(({ backlog }) => backlog));
    const histories = new Set([...customers.values()].flatMap(({ history }) => history));
    const listed = new Set([...index.keys(), ...histories, ...backlogged]);
    const lost = [...listed].filter((id) => !records.has(id) && !unreadRecords.includes(id));
    const found = [...records.values()].flatMap((record) => {
      const lists = { states: index.get(record.id) ?? [], backlogged, histories };
      return listProblems(record, lists);
    });
    const missing = lost.map((id) => ({ id, problem: 'is listed, and has no record' }));
    return [...found, ...missing].map(({ id, problem }) => ({
      severity: 'broken',
      customer: id.slice(0, id.lastIndexOf('@')),
      subject: id,
      what: `${id} ${problem}`,
      action:
        '`graphshift doctor --repair` lists it where its record says; report it too: scripts alone write both.',
    }));
  },
};

interface Lists {
  readonly states: readonly State[];
  readonly backlogged: ReadonlySet<string>;
  readonly histories: ReadonlySet<string>;
}

function listProblems({ id, state }: DeploymentRecord, lists: Lists): { id: string; problem: string }[] {
  const problems: string[] = [];
  if (lists.states.length !== 1 || lists.states[0] !== state)
    problems.push(`is ${state}, and listed as ${lists.states.join(' and ') || 'nothing'}`);
  if (!lists.histories.has(id)) problems.push("is in no list of its customer's deployments");
  const waits = lists.backlogged.has(id);
  if (waits !== (state === 'discovered'))
    problems.push(`is ${state}, and ${waits ? 'in' : 'not in'} its customer's backlog`);
  return problems.map((problem) => ({ id, problem }));
}

export const head: Rule = {
  name: 'head',
  invariant: 3,
  check: (picture) =>
    [...recordsByCustomer(picture)].flatMap(([customer, records]) =>
      headProblems(picture, customer, records),
    ),
};

function headProblems(
  picture: Picture,
  customer: string,
  records: readonly DeploymentRecord[],
): Observation[] {
  const found: Observation[] = [];
  const named = picture.customers.get(customer)?.head;
  const heads = records.filter(({ state }) => isHeadState(state));
  if (heads.length > 1) {
    const states = heads.map(({ id, state }) => `${id} (${state})`).sort();
    found.push({
      severity: 'broken',
      customer,
      what: `${customer} has ${heads.length} deployments under way at once: ${states.join(', ')}`,
      action: 'Cancel all but one of them: `graphshift deployments cancel ID`.',
    });
  }
  for (const record of heads) {
    if (named === record.id) continue;
    found.push({
      severity: 'broken',
      customer,
      what: `${record.id} is ${record.state}, and the head of ${customer} is ${named ?? 'nobody'}`,
      action: '`graphshift doctor --repair` chooses the head again.',
    });
  }
  const waiting = records.filter(({ state }) => state === 'discovered');
  const oldest = Math.min(...waiting.map(({ changedAt }) => changedAt));
  if (heads.length === 0 && waiting.length > 0 && isDue(picture, oldest)) {
    found.push({
      severity: 'warning',
      customer,
      what: `${waiting.length} deployments of ${customer} wait, and none of them is the head`,
      action:
        "Nothing while a worker runs: its sweep chooses one within seconds. If it stays, see the workers' log.",
    });
  }
  return found;
}

export const headJob: Rule = {
  name: 'head-job',
  invariant: 3,
  check: (picture) =>
    [...picture.records.values()]
      .filter(({ state }) => isHeadState(state))
      .filter(({ id, run }) => !picture.jobs.unfinished.has(jobId(id, run)))
      .filter(({ changedAt }) => isDue(picture, changedAt))
      .map((record) => ({
        severity: 'broken',
        customer: record.customer,
        subject: record.id,
        what: `${record.id} (run ${record.run}) is ${record.state} since ${at(record.changedAt)}, and no job will wake it up`,
        action: "Start a worker: its sweep adds the job within seconds. If it stays, see the worker's log.",
      })),
};

export const jobRecord: Rule = {
  name: 'job-record',
  check: (picture) =>
    [...picture.jobs.unfinished].flatMap((id) => {
      const what = strayJob(picture, id);
      if (what === undefined) return [];
      return [
        {
          severity: 'warning',
          subject: id,
          what,
          action: 'Nothing: a worker that takes it finds nothing to do. If it stays, no worker takes jobs.',
        } as const,
      ];
    }),
};

function strayJob(picture: Picture, id: string): string | undefined {
  const named = parseJobId(id);
  if (!named) return `job ${JSON.stringify(id)} on the queue deploy names no deployment`;
  const record = picture.records.get(named.deployment);
  if (!record) return `job ${id} is there, and its deployment has no record`;
  if (named.run > record.run)
    return `job ${id} is there, and ${record.id} has only come to run ${record.run}`;
  const over = isEndState(record.state) || named.run < record.run;
  // One that a worker has in hand ends by itself.
  if (!over || picture.jobs.active.has(id)) return undefined;
  if (picture.takenAt - record.changedAt < picture.limits.graceMs + picture.limits.lingerMs) return undefined;
  return `job ${id} still waits, and run ${record.run} of ${record.id} is ${record.state} since ${at(record.changedAt)}`;
}

function isHeadState(state: State): boolean {
  return (HEAD_STATES as readonly State[]).includes(state);
}
