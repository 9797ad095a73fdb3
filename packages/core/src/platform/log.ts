import { type Logger as PinoLogger, pino } from 'pino';

export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'child' | 'level'>;

export interface LogOptions {
  /** @default 'info' */
  readonly level?: string;
  /** Lines for people instead of JSON. @default true when standard error is a terminal */
  readonly pretty?: boolean;
  /** Fields on every line, such as the process's kind. */
  readonly base?: Record<string, unknown>;
}

const SECRETS = ['password', 'token', '*.password', '*.token', 'authorization', '*.authorization'];

/** A logger that writes to standard error: standard output belongs to what a command prints. */
export function createLogger(options: LogOptions = {}): Logger {
  const pretty = options.pretty ?? process.stderr.isTTY === true;
  const settings = {
    level: options.level ?? 'info',
    base: options.base ?? {},
    redact: { paths: SECRETS, censor: '[secret]' },
  };
  if (!pretty)
    return pino(
      { ...settings, timestamp: pino.stdTimeFunctions.isoTime },
      pino.destination({ fd: 2, sync: true }),
    );
  return pino({
    ...settings,
    transport: {
      target: 'pino-pretty',
      options: { destination: 2, translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', singleLine: true },
    },
  });
}

/** A logger that says nothing, for code that is given none. */
export const silentLogger: Logger = pino({ level: 'silent' });
