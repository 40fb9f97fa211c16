// Sends access logs as Envoy does: send.js ADDRESS COUNT STREAMS [hold]
// COUNT entries of requests' ends, each preceded by entries of its start and of time passing, in buffers of 16 KiB over
// STREAMS streams, one after the other. With "hold", one more stream sends one more entry, says so with the line "sent",
// and stays open until somebody ends the program.
'use strict';
const path = require('path');
const {createRequire} = require('module');
const modules = createRequire(path.join(process.env.STILLWATCH_NODE_MODULES, 'x'));
const grpc = modules('@grpc/grpc-js');
const loader = modules('@grpc/proto-loader');

const [address, countText, streamsText, ending] = process.argv.slice(2);
const count = Number(countText);
const streams = Number(streamsText);
const bufferBytes = 16 * 1024;

const definition = loader.loadSync(path.join(__dirname, 'als.proto'), {longs: String, keepCase: true});
const Service = grpc.loadPackageDefinition(definition).envoy.service.accesslog.v3.AccessLogService;
const serialize = Service.service.StreamAccessLogs.requestSerialize;
const client = new Service(address, grpc.credentials.createInsecure());

const struct = (fields) => ({fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name,
  typeof value === 'number' ? {numberValue: value} :
  typeof value === 'string' ? {stringValue: value} : {structValue: struct(value)}]))});
const span = (milliseconds) => ({seconds: String(Math.floor(milliseconds / 1000)), nanos: milliseconds % 1000 * 1e6});

function entry(i, type) {
  return {
    common_properties: {
      sample_rate: 1,
      downstream_remote_address: {socket_address: {address: `203.0.113.${i % 250}`, port_value: 40000}},
      downstream_local_address: {socket_address: {address: '10.0.0.1', port_value: 443}},
      downstream_direct_remote_address: {socket_address: {address: '10.9.9.9', port_value: 40001}},
      tls_properties: {
        tls_version: 4, tls_cipher_suite: {value: 0x1301}, tls_sni_hostname: 'api.example', ja3_fingerprint: 'ja3-of-client',
        peer_certificate_properties: {subject_alt_name: [{uri: `spiffe://example/client-${i % 7}`}]},
      },
      start_time: {seconds: String(1780000000 + Math.floor(i / 100)), nanos: i % 100 * 1e6},
      time_to_last_rx_byte: span(1),
      time_to_first_upstream_rx_byte: span(150),
      time_to_last_downstream_tx_byte: span(1200),
      duration: span(1250),
      upstream_remote_address: {socket_address: {address: '10.0.0.2', port_value: 8000}},
      upstream_cluster: 'models',
      response_flags: {downstream_connection_termination: i % 2 === 0},
      metadata: {filter_metadata: {
        'io.envoy.ai_gateway': struct({
          llm_input_token: 100 + i % 10, llm_output_token: 50, llm_reasoning_token: 7, llm_cached_input_token: 3,
          model_name_override: 'model-of-route', response_model: 'model-of-answer', backend_name: 'b',
          token_latency_ttft: 321, token_latency_itl: 12,
        }),
        'envoy.filters.http.jwt_authn': struct({jwt_payload: {sub: `account-${i % 20}`, org: 'org-1', exp: 1}}),
        'envoy.filters.http.unknown': struct({a: {b: 1}}),
      }},
      route_name: 'chat',
      custom_tags: {region: 'eu'},
      upstream_request_attempt_count: 1,
      stream_id: `stream-${i}`,
      downstream_wire_bytes_sent: '1234',
      downstream_wire_bytes_received: '567',
      access_log_type: type,
    },
    protocol_version: 3,
    request: {
      request_method: 3, scheme: 'https', authority: 'api.example', port: {value: 443}, path: '/v1/chat/completions',
      user_agent: 'python-client/1.2', forwarded_for: '203.0.113.7', request_id: `request-${i}`, request_headers_bytes: '700',
      request_body_bytes: '900', request_headers: {'x-ai-eg-model': 'model-asked', 'x-tenant': 'tenant-1'},
    },
    response: {
      response_code: {value: 200}, response_headers_bytes: '200', response_body_bytes: '4000',
      response_code_details: 'via_upstream',
    },
  };
}

const identifier = {
  node: {id: 'envoy-1', cluster: 'edge', metadata: struct({build: 'x'}), locality: {region: 'eu', zone: 'a'},
    user_agent_name: 'envoy'},
  log_name: 'llm',
};

// Writes the entries [from, to) to one stream; resolves when the daemon has answered its end.
function sendStream(from, to) {
  return new Promise((resolve, reject) => {
    const call = client.StreamAccessLogs((error) => error ? reject(error) : resolve());
    let buffer = [];
    let bytes = 0;
    let isFirst = true;
    const flush = () => {
      if (buffer.length === 0) return;
      call.write({...(isFirst ? {identifier} : {}), http_logs: {log_entry: buffer}});
      isFirst = false;
      buffer = [];
      bytes = 0;
    };
    for (let i = from; i < to; ++i) {
      for (const type of i % 10 === 0 ? [4, 5, 6] : [6]) {
        const next = entry(i, type);
        buffer.push(next);
        bytes += serialize({http_logs: {log_entry: [next]}}).length;
        if (bytes >= bufferBytes) flush();
      }
    }
    flush();
    call.end();
  });
}

function holdStream() {
  return new Promise((resolve, reject) => {
    const call = client.StreamAccessLogs((error) => error ? reject(error) : resolve());
    call.write({identifier, http_logs: {log_entry: [entry(count, 6)]}}, () => console.log('sent'));
  });
}

(async () => {
  for (let i = 0; i < streams; ++i) {
    await sendStream(Math.floor(count * i / streams), Math.floor(count * (i + 1) / streams));
  }
  if (ending === 'hold') await holdStream();
  client.close();
})().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
