import {
  checkRoots,
  checkStoreDirectory,
  describeSetting,
  environmentName,
  redactUrl,
  SECRET_SETTINGS,
  sampleConfig,
  sampleEnvironment,
  settingPaths,
  throwIfAny,
} from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { table, toJson } from '../output.ts';
import { Session } from '../session.ts';

export function addConfig(registry: Registry): void {
  const group = registry.program.command('config').description('the effective configuration');
  addCheck(registry, group);
  addPrint(registry, group);
  const sample = makeCommand('sample', 'a configuration file with every key at its default')
    .option('--env', 'as variables of the environment instead, in the format of a .env file')
    .addHelpText('after', examples('config sample > graphshift.config.yaml', 'config sample --env > .env'));
  act<{ env?: boolean }>(sample, registry, async (options, surroundings) => {
    const text = options.env ? sampleEnvironment() : sampleConfig();
    surroundings.write(options.json ? `${toJson(options.env ? { env: text } : { yaml: text })}\n` : text);
    return EXIT.done;
  });
  group.addCommand(sample);
}

function addCheck(registry: Registry, group: Registry['program']): void {
  const check = makeCommand('check', 'read the configuration, look at its paths, and say all that is wrong')
    .option('--services', 'reach Redis and the graph store too, as a process does when it starts')
    .addHelpText('after', examples('config check', 'config check --profile production --services'));
  act<{ services?: boolean }>(check, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options);
    const { settings, sources, profile, notes } = session.read;
    if (options.services) await session.withBackend(async () => {}, { readsSnapshots: true });
    else {
      const { directory } = surroundings;
      throwIfAny([
        ...(await checkRoots(settings, directory)),
        ...(await checkStoreDirectory(settings, directory)),
      ]);
    }
    const defaults = [...sources.values()].filter((source) => source === 'default').length;
    const services = options.services
      ? { redis: redactUrl(settings.redis.url), store: withoutPassword(settings.store.url) }
      : null;
    const found = { settings: sources.size, defaults, profile: profile?.name ?? null, notes, services };
    if (session.output.json) {
      session.output.write(`${toJson({ ok: true, ...found })}\n`);
      return EXIT.done;
    }
    for (const note of notes) session.output.write(`note: ${note}\n`);
    const reached = services ? ', and Redis and the store answer' : '';
    session.output.write(
      `the configuration is right: ${sources.size} settings, ${defaults} of them at their default${reached}\n`,
    );
    return EXIT.done;
  });
  group.addCommand(check);
}

function addPrint(registry: Registry, group: Registry['program']): void {
  const print = makeCommand('print', 'every setting, its value and where it came from; secrets are masked');
  act(print, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options);
    const rows = settings(session);
    if (session.output.json) {
      session.output.write(`${toJson(rows, 2)}\n`);
      return EXIT.done;
    }
    const { profile } = session.read;
    if (profile) session.output.write(`profile ${profile.name} from ${profile.file}\n`);
    session.output.write(
      table(rows, [
        { title: 'SETTING', value: (row) => row.setting },
        {
          title: 'VALUE',
          value: (row) => (typeof row.value === 'string' ? row.value : toJson(row.value ?? null)),
        },
        { title: 'FROM', value: (row) => row.source },
        { title: 'ENVIRONMENT', value: (row) => row.environment },
        { title: 'WHAT IT IS', value: (row) => describeSetting(row.setting) },
      ]),
    );
    return EXIT.done;
  });
  group.addCommand(print);
}

function settings(session: Session) {
  const values = session.read.settings as unknown as Record<string, Record<string, unknown>>;
  return settingPaths().map((setting) => {
    const [section = '', key = ''] = setting.split('.');
    const value = values[section]?.[key] ?? null;
    return {
      setting,
      value: SECRET_SETTINGS.has(setting) && value !== null ? '***' : withoutPassword(value),
      source: session.read.sources.get(setting) ?? 'default',
      environment: environmentName(setting),
    };
  });
}

function withoutPassword(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/\/\/.*@/, '//***@') : value;
}
