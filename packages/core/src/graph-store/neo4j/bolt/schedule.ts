/** Which chunk a session takes next, so that what runs at one time has no bucket in common. */

export interface Task {
  /** The larger goes first, so that the last ones to end are small. */
  readonly rows: number;
  readonly buckets: readonly number[];
}

/**
 * Runs every task once, on `workers` workers; tasks that share a bucket never at the same time. The first failure ends it,
 * once the tasks under way have ended.
 */
export async function runDisjoint<T extends Task>(
  tasks: readonly T[],
  workers: number,
  run: (task: T, worker: number) => Promise<void>,
): Promise<void> {
  const waiting = [...tasks].sort((one, other) => other.rows - one.rows);
  const busy = new Set<number>();
  const failures: unknown[] = [];
  let idle: (() => void)[] = [];
  const take = (): T | undefined => {
    const index = waiting.findIndex(({ buckets }) => buckets.every((bucket) => !busy.has(bucket)));
    return index < 0 ? undefined : waiting.splice(index, 1)[0];
  };
  const work = async (worker: number) => {
    while (waiting.length > 0 && failures.length === 0) {
      const task = take();
      if (!task) {
        await new Promise<void>((resolve) => idle.push(resolve));
        continue;
      }
      for (const bucket of task.buckets) busy.add(bucket);
      await run(task, worker).catch((error: unknown) => failures.push(error));
      for (const bucket of task.buckets) busy.delete(bucket);
      const woken = idle;
      idle = [];
      for (const wake of woken) wake();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, workers) }, (_, worker) => work(worker)));
  if (failures.length > 0) throw failures[0];
}
