// tsc emits only what it compiles; Lua scripts, which modules read beside themselves, are copied after it.
import { cp } from 'node:fs/promises';

await cp('src', 'dist', {
  recursive: true,
  filter: (path) => !/\.[^./]+$/.test(path) || path.endsWith('.lua'),
});
