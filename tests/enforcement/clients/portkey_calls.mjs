// Calls a model through Portkey's own gateway, with Stillwatch as its guardrail, before a small upstream of its own.
//   node portkey_calls.mjs DAEMON_HTTP_ADDRESS ACCOUNT…
// Prints a line of JSON for each account: the status that the client got, and whether the upstream was asked.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';

const [daemon, ...accounts] = process.argv.slice(2);
const gatewayProgram = join(process.env.STILLWATCH_CLIENTS, 'node_modules/@portkey-ai/gateway/build/start-server.js');

let upstreamCalls = 0;
const upstream = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    upstreamCalls += 1;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({
      id: `chatcmpl-${upstreamCalls}`, object: 'chat.completion', created: 1750000000, model: 'small-1',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
    }));
  });
});

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

async function startGateway(port) {
  const gateway = spawn(process.execPath, [gatewayProgram, `--port=${port}`, '--headless'],
                        { stdio: ['ignore', 'ignore', 'inherit'] });
  while (gateway.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    if (answer) return gateway;
  }
  throw new Error('the gateway ended');
}

// The recipe that operators copy, with this test's addresses in place of theirs.
function recipe(upstreamPort) {
  const text = readFileSync(new URL('../../../deploy/gateways/portkey.json', import.meta.url), 'utf8');
  return text.replaceAll('http://127.0.0.1:7480', `http://${daemon}`)
             .replaceAll('https://upstream.example', `http://127.0.0.1:${upstreamPort}`);
}

upstream.listen(0, '127.0.0.1');
await once(upstream, 'listening');
const port = await freePort();
const gateway = await startGateway(port);
for (const account of accounts) {
  const callsBefore = upstreamCalls;
  const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'authorization': 'Bearer unused',
      'x-portkey-config': JSON.stringify(JSON.parse(recipe(upstream.address().port))),
      'x-portkey-metadata': JSON.stringify({ _user: account }),
    },
    body: JSON.stringify({ model: 'small-1', temperature: 0.7, messages: [{ role: 'user', content: 'Say hello.' }] }),
  });
  const body = await answer.text();
  console.log(JSON.stringify({ account, status: answer.status, reached_upstream: upstreamCalls > callsBefore, body }));
}
gateway.kill();
upstream.close();
