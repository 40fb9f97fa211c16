// Receives webhooks as a user of the `standardwebhooks` package would, and prints each that it believes.
//   node webhook_receiver.mjs SECRET [FAILURES]
// Prints its port, then a line "ID BODY" a message. The first FAILURES requests are answered with 503.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.STILLWATCH_CLIENTS, 'package.json'));
const { Webhook } = require('standardwebhooks');

const webhook = new Webhook(process.argv[2]);
let failures = Number(process.argv[3] ?? 0);

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    if (failures-- > 0) {
      response.writeHead(503).end();
      return;
    }
    const body = Buffer.concat(chunks).toString();
    try {
      webhook.verify(body, request.headers);  // Throws if the signature or the time is wrong.
      console.log(`${request.headers['webhook-id']} ${body}`);
      response.writeHead(204).end();
    } catch (error) {
      console.log(`refused: ${error.message}`);
      response.writeHead(401).end();
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
