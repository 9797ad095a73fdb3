// tsc emits only what it compiles; Lua scripts, which modules read beside themselves, are copied after it. A directory
// and where it goes may follow, for what a package that stands alone needs from elsewhere in the repository.
import { cp } from 'node:fs/promises';

await cp('src', 'dist', {
  recursive: true,
  filter: (path) => !/\.[^./]+$/.test(path) || path.endsWith('.lua'),
});

const [from, to] = process.argv.slice(2);
if (from !== undefined && to !== undefined) await cp(from, to, { recursive: true });
