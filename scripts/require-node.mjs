// Imported first by every command: ends with one line where Node is too old for what follows.
import { nodeProblem } from './project.mjs';

const problem = nodeProblem(process.versions.node);
if (problem) {
  console.error(problem);
  process.exit(2);
}
