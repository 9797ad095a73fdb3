import { runCommand } from '../src/run-command.ts';
import type { Surroundings } from '../src/session.ts';

/** Runs a command in this process: what it prints on standard output, and its exit code. */
export async function runInProcess(
  values: readonly string[],
  {
    signal = new AbortController().signal,
    ...surroundings
  }: Pick<Surroundings, 'environment' | 'directory'> & Partial<Pick<Surroundings, 'signal'>>,
): Promise<{ code: number; text: string }> {
  let text = '';
  const code = await runCommand(values, {
    ...surroundings,
    signal,
    write: (part) => {
      text += part;
    },
  });
  return { code, text };
}
