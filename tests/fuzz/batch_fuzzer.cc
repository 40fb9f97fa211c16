// Batches of our own API, in rows and in columns, and our own JSON.
#include <grpcpp/support/slice.h>

#include "ingest/event_decoder.h"
#include "proto/columns_writer.h"
#include "proto/usage_json.h"
#include "stillwatch/v1/ingest.pb.h"
#include "tests/fuzz/fuzz_target.h"

using namespace stillwatch;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto phrases = features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList()).value();
  static const features::PromptDigester digester(features::DigestKey::BuiltIn(), *phrases);
  static const ingest::EventDecoder decoder(digester, [] { return int64_t{1'790'000'000'000'000'000}; });
  const grpc::Slice slice(data, size);
  (void)decoder.Decode(grpc::ByteBuffer(&slice, 1), "stream");
  static UsageJsonDecoder json;
  v1::UsageEvent event;
  uint64_t unknown_field_count = 0;
  (void)json.Decode(fuzz::TextOf(data, size), event, unknown_field_count);
  return 0;
}

std::vector<std::string> fuzz::Seeds() {
  v1::UsageEvent event;
  event.set_event_id("e-1");
  event.set_account_id("account-1");
  event.set_time_unix_nano(1'780'000'000'000'000'000);
  event.set_temperature(0.5);
  event.set_prompt("What is a daemon?");
  v1::UsageEvent digested;
  digested.set_account_id("account-2");
  digested.set_time_unix_nano(1'780'000'000'000'000'001);
  digested.mutable_content_digest()->set_version(2);
  digested.mutable_content_digest()->set_prompt_hash(7);
  v1::StreamUsageRequest rows;
  rows.set_sequence(5);
  *rows.add_events() = event;
  *rows.add_events() = digested;
  ColumnsWriter writer;
  writer.Add(event);
  writer.Add(digested);
  v1::StreamUsageRequest columns;
  columns.mutable_columns()->ParseFromString(writer.Finish());
  return {
      rows.SerializeAsString(), columns.SerializeAsString(),
      R"({"event_id":"e-1","account_id":"a","time_unix_nano":"1780000000000000000","temperature":0.5,"contentDigest":{"version":1}})"};
}
