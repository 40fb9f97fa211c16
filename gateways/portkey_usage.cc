#include "gateways/portkey_usage.h"

#include <string_view>
#include <utility>

#include "gateways/json_body.h"
#include "gateways/json_ingest.h"
#include "gateways/json_record.h"

namespace stillwatch::gateways {
namespace {

constexpr std::string_view kListener = "portkey";

}  // namespace

PortkeyUsage::PortkeyUsage(const IntakeResources& resources, ListenerCatalog& catalog)
    : resources_(resources), mapper_(*catalog.mapper(kListener)) {
  catalog.Register(kListener, ReaderOfJson([&resources](const simdjson::dom::object& body, std::string_view /*text*/,
                                                        Record& record) {
                     FillFromPortkey(body, resources.clock(), record);
                   }));
}

std::vector<std::string> PortkeyUsage::account_keys() const {
  const ListenerTable& table = *mapper_.table().listener(kListener);
  std::vector<std::string> keys;
  for (const Alias& alias : table.fields[Target(TextField::kAccountId).index()]) keys.push_back(alias.key);
  return keys;
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
