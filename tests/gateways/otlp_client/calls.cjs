// Calls a model through OpenAI's client, which OpenTelemetry instruments, and exports to Stillwatch.
//   node calls.cjs grpc|proto|json URL COUNT      URL: of the gRPC port, or of the HTTP port
// The model is a small fake upstream in this process. Call number n is of account acct-(n mod 10).
'use strict';
const http = require('node:http');
const { context, createContextKey } = require('@opentelemetry/api');
const { logs } = require('@opentelemetry/api-logs');
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { LoggerProvider, BatchLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { OpenAIInstrumentation } = require('@opentelemetry/instrumentation-openai');

const [form, url, countText] = process.argv.slice(2);
const count = Number(countText);
const accountKey = createContextKey('account');

function exporters() {
  const suffix = { grpc: 'grpc', proto: 'proto', json: 'http' }[form];
  const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${suffix}`);
  const { OTLPLogExporter } = require(`@opentelemetry/exporter-logs-otlp-${suffix}`);
  const options = (path) => ({ url: form === 'grpc' ? url : url + path, compression: form === 'json' ? 'gzip' : 'none' });
  return [new OTLPTraceExporter(options('/v1/traces')), new OTLPLogExporter(options('/v1/logs'))];
}

// What a gateway does to say whose call it is.
class AccountProcessor {
  onStart(span, parent) { span.setAttribute('user.id', parent.getValue(accountKey)); }
  onEnd() {}
  forceFlush() { return Promise.resolve(); }
  shutdown() { return Promise.resolve(); }
}

function startUpstream() {
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
      const number = /number (\d+)/.exec(JSON.parse(body).messages.at(-1).content)[1];
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({
        id: `chatcmpl-${number}`, object: 'chat.completion', created: 1, model: 'fake-1-2026',
        choices: [{ index: 0, message: { role: 'assistant', content: `Answer ${number}` }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 100 + Number(number), completion_tokens: 7, total_tokens: 107 + Number(number) },
      }));
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function main() {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const [traceExporter, logExporter] = exporters();
  const resource = resourceFromAttributes({ 'service.name': `test-${form}` });
  const queue = { maxQueueSize: 10 * count, maxExportBatchSize: 200 };
  const spans = new BatchSpanProcessor(traceExporter, queue);
  const messages = new BatchLogRecordProcessor({ exporter: logExporter, ...queue });
  const tracerProvider = new BasicTracerProvider({ resource, spanProcessors: [new AccountProcessor(), spans] });
  const loggerProvider = new LoggerProvider({ resource, processors: [messages] });
  logs.setGlobalLoggerProvider(loggerProvider);
  registerInstrumentations({
    tracerProvider, loggerProvider, instrumentations: [new OpenAIInstrumentation({ captureMessageContent: true })],
  });

  const OpenAI = require('openai');
  const upstream = await startUpstream();
  const client = new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${upstream.address().port}/v1`, maxRetries: 0 });
  const call = (number) => context.with(context.active().setValue(accountKey, `acct-${number % 10}`), () =>
    client.chat.completions.create({
      model: 'fake-1', temperature: 0.5, top_p: 0.9, max_tokens: 300,
      messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: `Call number ${number}` }],
    }));
  for (let number = 0; number < count; number += 20) {
    await Promise.all(Array.from({ length: Math.min(20, count - number) }, (_, i) => call(number + i)));
  }
  await loggerProvider.forceFlush();
  await tracerProvider.forceFlush();
  upstream.close();
  await loggerProvider.shutdown();
  await tracerProvider.shutdown();
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
