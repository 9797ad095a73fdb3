import {
  describeSetting,
  environmentName,
  SECRET_SETTINGS,
  sampleConfig,
  settingPaths,
} from '@graphshift/core';
import { act, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { table, toJson } from '../output.ts';
import { Session } from '../session.ts';

export function addConfig(registry: Registry): void {
  const group = registry.program.command('config').description('the effective configuration');
  const check = makeCommand('check', 'read the configuration, and say what is wrong with it');
  act(check, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options);
    const defaults = [...session.read.sources.values()].filter((source) => source === 'default').length;
    const total = session.read.sources.size;
    if (session.output.json) session.output.write(`${toJson({ ok: true, settings: total, defaults })}\n`);
    else
      session.output.write(
        `the configuration is right: ${total} settings, ${defaults} of them at their default\n`,
      );
    return EXIT.done;
  });
  const print = makeCommand('print', 'every setting, its value and where it came from; secrets are masked');
  act(print, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options);
    const rows = settings(session);
    if (session.output.json) {
      session.output.write(`${toJson(rows, 2)}\n`);
      return EXIT.done;
    }
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
  const sample = makeCommand('sample', 'a configuration file with every key at its default');
  act(sample, registry, async (options, surroundings) => {
    const text = sampleConfig();
    surroundings.write(options.json ? `${toJson({ yaml: text })}\n` : text);
    return EXIT.done;
  });
  group.addCommand(check).addCommand(print).addCommand(sample);
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
  return typeof value === 'string' ? value.replace(/\/\/[^@/]*@/, '//***@') : value;
}
