// The closing account of `npm test`: what failed, what did not run and why, and the last line with the totals.
// Pure: it is given what ran and returns lines; only when everything it was given is good is the result good.

/**
 * @param checks `{ name, ok }` for each check beside the tests; each counts as one
 * @param run what the test reporter wrote: `{ tests: [{ name, state, reason? }], problems: [string] }`, a problem
 *   being a file that could not run or an error outside any test; undefined when the run wrote nothing
 * @param exitCode of the test run
 * @returns `{ lines, ok }`; the last line is `N passed, N failed`, with `, N skipped` where some did not run
 */
export function closingAccount(checks, run, exitCode) {
  const tests = run ? run.tests : [];
  const problems = problemsOf(run, exitCode);
  const inState = (state) => tests.filter((test) => test.state === state);
  const skipped = inState('skipped');
  const failed = [
    ...checks.filter((check) => !check.ok).map((check) => check.name),
    ...inState('failed').map((test) => test.name),
    ...problems,
  ];
  const passed = checks.filter((check) => check.ok).length + inState('passed').length;
  const lines = [
    ...list('Failed:', failed),
    ...list(
      'Did not run:',
      skipped.map((test) => `${test.name} (${reasonOf(test)})`),
    ),
    ...loudly(skipped),
    `The totals count ${checks.length} checks as one each: ${checks.map((check) => check.name).join(', ')}.`,
    `${passed} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`,
  ];
  return { lines, ok: failed.length === 0 };
}

function reasonOf(test) {
  return test.reason || 'no reason given';
}

/** A line for each reason, so that what did not run is seen without counting a list. */
function loudly(skipped) {
  const counts = new Map();
  for (const test of skipped) counts.set(reasonOf(test), (counts.get(reasonOf(test)) || 0) + 1);
  return [...counts].map(
    ([reason, count]) => `!!! ${count} ${count === 1 ? 'test' : 'tests'} did NOT run: ${reason}`,
  );
}

/** A run that wrote nothing, ran nothing or ended badly for a reason no test names is a failure of its own. */
function problemsOf(run, exitCode) {
  if (!run) return [`vitest ended with ${exitCode} before it could tell what ran`];
  const { tests, problems } = run;
  if (problems.length > 0 || tests.some((test) => test.state === 'failed')) return problems;
  if (!tests.some((test) => test.state === 'passed')) return ['no test ran'];
  if (exitCode !== 0) return [`vitest ended with ${exitCode}`];
  return problems;
}

function list(title, names) {
  return names.length === 0 ? [] : ['', title, ...names.map((name) => `  ${name}`), ''];
}
