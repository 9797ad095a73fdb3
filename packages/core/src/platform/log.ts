import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { LogFile, type LogFileOptions } from './log-files.ts';

export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'child' | 'level'>;

export interface LogOptions {
  /** @default 'info' */
  readonly level?: string;
  /** Lines for people instead of JSON. @default true when standard error is a terminal */
  readonly pretty?: boolean;
  /** Fields on every line, such as the process's kind. */
  readonly base?: Record<string, unknown>;
  /** Log files beside the console; none unless given. */
  readonly files?: LogFileOptions;
}

const SECRETS = ['password', 'token', '*.password', '*.token', 'authorization', '*.authorization'];

/**
 * A logger that writes to standard error: standard output belongs to what a command prints.
 * @throws CONFIG_INVALID when `files` names a directory that no file can be made in
 */
export function createLogger(options: LogOptions = {}): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: options.base ?? {},
    redact: { paths: SECRETS, censor: '[secret]' },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  const terminal = consoleStream(options.pretty ?? process.stderr.isTTY === true);
  if (!options.files || settings.level === 'silent') return pino(settings, terminal);
  const file = new LogFile(options.files);
  // The logger's own level decides for both; the least one here lets through what it passes.
  const level = 'trace';
  const logger = pino(
    settings,
    pino.multistream([
      { level, stream: terminal },
      { level, stream: file },
    ]),
  );
  file.onProblem = (message) => logger.warn({ directory: options.files?.directory }, message);
  return logger;
}

function consoleStream(pretty: boolean): DestinationStream {
  if (!pretty) return pino.destination({ fd: 2, sync: true });
  return pino.transport({
    target: 'pino-pretty',
    options: { destination: 2, translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', singleLine: true },
  });
}

/** A logger that says nothing, for code that is given none. */
export const silentLogger: Logger = pino({ level: 'silent' });
