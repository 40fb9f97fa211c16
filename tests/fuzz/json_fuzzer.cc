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
  std::unique_ptr<features::PhraseEngine> phrases =
      features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList()).value();
  features::PromptDigester digester{features::DigestKey::BuiltIn(), *phrases};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Shared shared;
  constexpr int64_t kNow = 1'790'000'000'000'000'000;
  EventBuilder litellm(shared.litellm, shared.digester, kNow);
  EventBuilder kong(shared.kong, shared.digester, kNow);
  Record record;
  const auto take = [&](uint32_t, const simdjson::dom::object& message, std::string_view text) {
    FillFromLiteLlm(message, record);
    litellm.Add(record, {});
    FillFromKong(message, text, record);
    kong.Add(record, {});
  };
  (void)ForEachJson({reinterpret_cast<const char*>(data), size}, take, [](uint32_t, const std::string&) {});
  return 0;
}

std::vector<std::string> fuzz::Seeds() {
  return {std::string(kLiteLlmPayload), std::string(kLiteLlmFailure), "[" + std::string(kKongEntry) + "]",
          std::string(kKongPlainEntry)};
}
