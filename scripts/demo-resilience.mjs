// `npm run demo:resilience`: like `npm run demo`, with the program that breaks things and shows how they mend.
import './require-node.mjs';
import { runDemoProgram } from './demo.mjs';
import { runCommand } from './steps.mjs';

await runCommand(() => runDemoProgram('resilience/main.js'));
