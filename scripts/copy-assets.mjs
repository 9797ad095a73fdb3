// tsc emits only what it compiles; Lua and SQL that modules read beside themselves are copied after it.
import { cp } from 'node:fs/promises';

await cp('src', 'dist', {
  recursive: true,
  filter: (path) => !/\.(ts|md)$/.test(path),
});
