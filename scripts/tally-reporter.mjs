// A vitest reporter beside the one for people: writes what ran, failed and was skipped (with its reason) as JSON
// to the file that GRAPHSHIFT_TALLY names. A run that dies writes nothing, which the reader takes as a failure.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { ROOT } from './project.mjs';

export default class TallyReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const tests = [];
    const problems = [];
    for (const module of modules) {
      const file = relative(ROOT, module.moduleId);
      for (const test of module.children.allTests()) tests.push(entry(file, test));
      // A hook that fails leaves its tests as skipped; the error stands with the file or the suite.
      for (const suite of [module, ...module.children.allSuites()])
        for (const error of suite.errors())
          problems.push(`${file}${suite === module ? '' : ` > ${suite.fullName}`}: ${firstLine(error)}`);
    }
    for (const error of unhandledErrors) problems.push(`outside any test: ${firstLine(error)}`);
    writeFileSync(process.env.GRAPHSHIFT_TALLY, JSON.stringify({ tests, problems }));
  }
}

/** A test that never got to run, because the run was interrupted, is in state `pending`: it has failed. */
function entry(file, test) {
  const { state, note } = test.result();
  const reason = note || (test.options.mode === 'todo' ? 'still to be written' : undefined);
  return { name: `${file} > ${test.fullName}`, state: state === 'pending' ? 'failed' : state, reason };
}

function firstLine(error) {
  return String(error.message).split('\n')[0];
}
