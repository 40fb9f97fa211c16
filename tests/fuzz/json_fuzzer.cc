// JSON that gateways push, and what its fields become.
#include "gateways/event_builder.h"
#include "gateways/json_body.h"
#include "gateways/json_record.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/gateways/gateway_bodies.h"

using namespace stillwatch;
using namespace stillwatch::gateways;

namespace {

// What every run shares.
struct Shared {
  MappingTable table = MappingTable::BuiltIn();
  RecordMapper litellm{table, "litellm"};
  RecordMapper kong{table, "kong"};
  RecordMapper portkey{table, "portkey"};
  std::unique_ptr<features::PhraseEngine> phrases =
      features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList()).value();
  features::PromptDigester digester{features::DigestKey::BuiltIn(), *phrases};
};

constexpr char kPortkey[] =
    R"({"request":{"json":{"model":"m","temperature":0.7,"n":2,"seed":-3,"logit_bias":{"1":2},"tools":[{}],"user":"u",)"
    R"("messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hi"}]}]}},)"
    R"("response":{"json":{"id":"c-1","created":1780000000,"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":11,"completion_tokens_details":{"reasoning_tokens":2}}},"statusCode":200},)"
    R"("requestType":"chatComplete","metadata":{"_user":"a"},"eventType":"afterRequestHook"})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Shared shared;
  constexpr int64_t kNow = 1'790'000'000'000'000'000;
  EventBuilder litellm(shared.litellm, shared.digester, kNow);
  EventBuilder kong(shared.kong, shared.digester, kNow);
  EventBuilder portkey(shared.portkey, shared.digester, kNow);
  Record record;
  const auto take = [&](uint32_t, const simdjson::dom::object& message, std::string_view text) {
    FillFromLiteLlm(message, record);
    litellm.Add(record, {});
    FillFromKong(message, text, record);
    kong.Add(record, {});
    FillFromPortkey(message, kNow, record);
    portkey.Add(record, {});
  };
  (void)ForEachJson({reinterpret_cast<const char*>(data), size}, take, [](uint32_t, const std::string&) {});
  return 0;
}

std::vector<std::string> fuzz::Seeds() {
  return {std::string(kLiteLlmPayload), std::string(kLiteLlmFailure), "[" + std::string(kKongEntry) + "]",
          std::string(kKongPlainEntry), kPortkey};
}
