#include "gateways/portkey_usage.h"

#include <absl/strings/str_split.h>

#include <string_view>
#include <utility>

#include "gateways/json_body.h"
#include "gateways/json_ingest.h"
#include "gateways/json_parsing.h"
#include "gateways/json_record.h"
#include "gateways/value_conversion.h"
#include "proto/limits.h"

namespace stillwatch::gateways {
namespace {

constexpr std::string_view kListener = "portkey";

// A text, or a whole number as its digits, as the mapping takes both for names; else nothing.
std::string NameAt(simdjson::dom::element element, const std::string& key) {
  for (const absl::string_view name : absl::StrSplit(key, '.')) {
    if (element[std::string_view(name.data(), name.size())].get(element) != simdjson::SUCCESS) return {};
  }
  if (element.is_string()) return std::string(element.get_string().value());
  if (element.is_int64()) return std::to_string(element.get_int64().value());
  return element.is_uint64() ? std::to_string(element.get_uint64().value()) : std::string();
}

}  // namespace

PortkeyUsage::PortkeyUsage(const IntakeResources& resources, ListenerCatalog& catalog)
    : resources_(resources), mapper_(*catalog.mapper(kListener)) {
  catalog.Register(kListener,
                   ReaderOfJson([&resources](const simdjson::dom::object& body, std::string_view /*text*/,
                                             Record& record) { FillFromPortkey(body, resources.clock(), record); }));
}

std::optional<std::string> PortkeyUsage::AccountIn(const std::string& body) const {
  simdjson::dom::parser parser;
  std::string padded;
  const Result<simdjson::dom::element> root = ParseJson(body, kBodyDepthMax, parser, padded);
  if (!root.ok() || !root.value().is_object()) return std::nullopt;
  for (const Alias& alias : mapper_.table().listener(kListener)->fields[Target(TextField::kAccountId).index()]) {
    std::string text = NameAt(root.value(), alias.key);
    if (text.empty() || text.size() > kNameBytesMax) continue;
    return alias.is_hashed ? HashSecret(text) : text;
  }
  return std::string();
}

void PortkeyUsage::Take(const http::Request& request, std::function<void(const Status&)> done) const {
  resources_.counters.received_bytes += request.body.size();
  IntakeRequest intake(resources_, mapper_, std::string(kListener), request.body.size());
  EventBuilder& builder = intake.BuilderOf(SourceNameOf(request));
  Record record;
  const auto take = [&](uint32_t /*line*/, const simdjson::dom::object& message, std::string_view /*text*/) {
    FillFromPortkey(message, resources_.clock(), record);
    builder.Add(record, {});
  };
  // Whoever asks has seen already that it is an object.
  (void)ForEachJson(request.body, take, [](uint32_t, const std::string&) {});
  std::move(intake).Submit([done = std::move(done)](const IntakeReport& report) { done(report.status); });
}

}  // namespace stillwatch::gateways
