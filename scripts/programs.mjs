// Finds a program as a shell would, so that it can be named by its full path in messages and spawns.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The full path of the first of `names` that stands on `path` and may be run, else undefined. */
export function findProgram(names, path = process.env.PATH || '') {
  for (const name of names)
    for (const directory of path.split(delimiter))
      if (directory && isExecutable(join(directory, name))) return join(directory, name);
  return undefined;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
