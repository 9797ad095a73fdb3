/** `bench/RESULTS.md`: one section a benchmark, each replaced alone. */

import { readFile, writeFile } from 'node:fs/promises';
import { type Benchmark, type BenchResult, titleOf } from './benchmark.ts';
import { type Finding, findingOf, type Spread, shown } from './figures.ts';
import type { Machine } from './machine.ts';

const HEAD = `# Results of the benchmarks

Each section is the last run of \`pnpm bench <name>\` with its default sizes, written by that run. Figures are the
median over the repetitions, with the least and the greatest in brackets; a ratio is median over median. Subject and
reference ran in turns on the same machine, so that a noisy neighbour meets both: read CPU and ratios, not wall times.
`;

export interface BenchRun {
  readonly benchmark: Benchmark;
  readonly result: BenchResult;
  readonly sizes: Readonly<Record<string, number>>;
  readonly repetitions: number;
  /** Wall time of the whole benchmark. */
  readonly seconds: number;
  readonly machine: Machine;
  /** ISO 8601. */
  readonly at: string;
}

export async function keepResults(path: string, run: BenchRun): Promise<void> {
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return HEAD;
  });
  await writeFile(path, replaceSection(before, titleOf(run.benchmark), sectionOf(run)));
}

/** Puts a section in the place of the one of that name, or at the end. */
export function replaceSection(text: string, name: string, section: string): string {
  const [head = '', ...sections] = text.split(/^(?=## )/m);
  const isOwn = (part: string) => part.startsWith(`## ${name}\n`);
  const own = `${section.trimEnd()}\n\n`;
  const others = sections.map((part) => (isOwn(part) ? own : `${part.trimEnd()}\n\n`));
  if (!sections.some(isOwn)) others.push(own);
  return `${[`${head.trimEnd()}\n\n`, ...others].join('').trimEnd()}\n`;
}

export function sectionOf(run: BenchRun): string {
  const { benchmark, machine, sizes, repetitions } = run;
  const size = Object.entries(sizes).map(([name, value]) => `${value.toLocaleString('en-US')} ${name}`);
  return [
    `## ${titleOf(benchmark)}`,
    '',
    benchmark.about,
    '',
    ...tableOf(run.result),
    '',
    `- ${[...size, `${repetitions} ${repetitions === 1 ? 'repetition' : 'repetitions'} in turns`].join(', ')}; ${run.seconds.toFixed(0)} s in all`,
    `- ${machine.machine}`,
    `- ${machine.versions}, graphshift ${machine.commit}`,
    `- ${run.at}`,
    '',
    ...run.result.notes.flatMap((note) => [note, '']),
  ].join('\n');
}

/** The figures as lines of a Markdown table. */
export function tableOf(result: BenchResult): string[] {
  const rows = result.rows
    .map(findingOf)
    .map((finding) => [
      `${finding.row.what} (${finding.row.unit})`,
      spreadText(finding.subject),
      finding.reference ? spreadText(finding.reference) : '',
      finding.ratio === undefined ? '' : finding.ratio.toFixed(2),
      targetText(finding),
    ]);
  const table = [['', result.subject, result.reference, 'ratio', 'target'], ...rows];
  const widths =
    table[0]?.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length))) ?? [];
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [header = [], ...body] = table;
  return [line(header), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)];
}

function spreadText({ min, median, max }: Spread): string {
  return min === max ? shown(median) : `${shown(median)} (${shown(min)} to ${shown(max)})`;
}

function targetText({ row: { target }, holds }: Finding): string {
  if (!target) return '';
  const bound = 'atMost' in target ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`;
  return `${target.of === 'ratio' ? 'ratio ' : ''}${bound}: ${holds ? 'holds' : 'missed'}`;
}
