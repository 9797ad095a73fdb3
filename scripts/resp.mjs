// A few questions to a Redis server over its own protocol, before any client library is installed.
// One connection a call; simple and bulk strings, integers and errors only, which is all that is asked for.
import { connect, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';

/**
 * Sends `commands` over one connection and resolves to their answers in order, as strings.
 * @param url redis:// or rediss://, with user and password where the server asks for them
 * @param options `timeoutMs`, default 3000, for all of it
 * @throws Error when the server cannot be reached, does not answer in time or answers with an error
 */
export function askRedis(url, commands, options = {}) {
  const { timeoutMs = 3000 } = options;
  const target = new URL(url);
  const all = [...credentials(target), ...commands];
  return new Promise((resolve, reject) => {
    const socket = open(target);
    let received = Buffer.alloc(0);
    const finish = (error, answers) => {
      clearTimeout(timer);
      socket.destroy();
      if (error) reject(error);
      else resolve(answers.slice(all.length - commands.length));
    };
    const timer = setTimeout(() => finish(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    socket.on('error', (error) => finish(new Error(error.message || error.code)));
    socket.on('close', () => finish(new Error('the connection was closed')));
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      const { answers, error } = parseAnswers(received);
      if (error) finish(new Error(error));
      else if (answers.length >= all.length) finish(undefined, answers);
    });
    socket.write(all.map(encode).join(''));
  });
}

/** The version in the answer to `INFO server`; Valkey tells the Redis version it is compatible with. */
export function versionOf(info) {
  const found = /^redis_version:([0-9.]+)/m.exec(info);
  return found ? found[1] : '0';
}

function open(target) {
  const host = target.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1';
  const port = Number(target.port || 6379);
  if (target.protocol !== 'rediss:') return connect({ host, port });
  return connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }) });
}

function credentials(target) {
  if (!target.password) return [];
  const user = decodeURIComponent(target.username);
  return [['AUTH', ...(user ? [user] : []), decodeURIComponent(target.password)]];
}

function encode(command) {
  return `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`;
}

/** The answers that have arrived whole; what is still on its way is left for the next call. */
function parseAnswers(data) {
  const answers = [];
  let at = 0;
  for (;;) {
    const lineEnd = data.indexOf('\r\n', at);
    if (lineEnd < 0) return { answers };
    const kind = String.fromCharCode(data[at]);
    const line = data.toString('utf8', at + 1, lineEnd);
    if (kind === '-') return { answers, error: line };
    at = lineEnd + 2;
    if (kind !== '$' || line === '-1') {
      answers.push(kind === '$' ? '' : line);
      continue;
    }
    const length = Number(line);
    if (data.length < at + length + 2) return { answers };
    answers.push(data.toString('utf8', at, at + length));
    at += length + 2;
  }
}
