#include "enforcement/decision_stream.h"

#include <absl/strings/match.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "enforcement/policy.h"
#include "proto/json_writer.h"
#include "proto/limits.h"
#include "proto/name_hash.h"

namespace stillwatch::enforcement {
namespace {

constexpr char kOrigin[] = "stillwatch";
constexpr char kScope[] = "account";

// Which decisions the bouncer wants.
struct Filter {
  std::vector<std::string> scopes;
  std::vector<std::string> origins;
  std::vector<std::string> containing;
  std::vector<std::string> not_containing;
};

std::vector<std::string> ListIn(const http::Request& request, std::string_view key) {
  return absl::StrSplit(request.query_value(key), ',', absl::SkipEmpty());
}

Filter FilterOf(const http::Request& request) {
  return {ListIn(request, "scopes"), ListIn(request, "origins"), ListIn(request, "scenarios_containing"),
          ListIn(request, "scenarios_not_containing")};
}

std::string ScenarioOf(const Decision& decision) {
  if (decision.origin == DecisionOrigin::kAnalyst) return "stillwatch/analyst";
  return "stillwatch/" + std::string(NameOf(decision.verdict));
}

bool HasAny(const std::vector<std::string>& wanted, std::string_view name) {
  return std::any_of(wanted.begin(), wanted.end(), [name](const std::string& text) {
    return absl::EqualsIgnoreCase(text, absl::string_view(name.data(), name.size()));
  });
}

bool Matches(const Filter& filter, const Decision& decision) {
  const std::string scenario = ScenarioOf(decision);
  const auto is_part = [&scenario](const std::string& text) { return absl::StrContains(scenario, text); };
  if (!filter.scopes.empty() && !HasAny(filter.scopes, kScope)) return false;
  if (!filter.origins.empty() && !HasAny(filter.origins, kOrigin)) return false;
  if (!filter.containing.empty() && std::none_of(filter.containing.begin(), filter.containing.end(), is_part)) {
    return false;
  }
  return std::none_of(filter.not_containing.begin(), filter.not_containing.end(), is_part);
}

// As Go writes it: 3h59m59s. What is over lasts one second more: bouncers take no zero.
std::string DurationText(int64_t nanoseconds) {
  const int64_t seconds = std::max<int64_t>(1, nanoseconds / kNanosecondsPerSecond);
  return std::to_string(seconds / 3600) + "h" + std::to_string(seconds / 60 % 60) + "m" + std::to_string(seconds % 60) +
         "s";
}

void WriteDecision(const Decision& decision, int64_t now, JsonWriter& json) {
  json.BeginObject().Name("id").Count(decision.id).Name("origin").Text(kOrigin).Name("type").Text("ban");
  json.Name("scope").Text(kScope).Name("value").Text(decision.account_id);
  json.Name("duration").Text(DurationText(decision.end_unix_nano - now));
  json.Name("scenario").Text(ScenarioOf(decision)).EndObject();
}

void WriteList(const std::vector<Decision>& decisions, const Filter& filter, int64_t now, JsonWriter& json) {
  json.BeginList();
  for (const Decision& decision : decisions) {
    if (Matches(filter, decision)) WriteDecision(decision, now, json);
  }
  json.EndList();
}

http::Response JsonResponse(std::string body) {
  http::Response response;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

// Without the port, which is another one at each connection.
std::string HostOf(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

// A hash in place of the key, which is a secret.
std::string BouncerOf(const http::Request& request) {
  return std::to_string(HashName(request.header("x-api-key"))) + " " + HostOf(request.peer) + " " +
         std::string(request.header("user-agent"));
}

}  // namespace

std::optional<uint64_t> DecisionStream::RevisionOf(const std::string& bouncer) const {
  const std::lock_guard lock(mutex_);
  const auto found = bouncers_.find(bouncer);
  return found == bouncers_.end() ? std::nullopt : std::optional(found->second.revision);
}

void DecisionStream::Remember(const std::string& bouncer, uint64_t revision) {
  const std::lock_guard lock(mutex_);
  bouncers_[bouncer] = {revision, ++pull_count_};
  if (bouncers_.size() <= kBouncerCountMax) return;
  bouncers_.erase(std::min_element(bouncers_.begin(), bouncers_.end(),
                                   [](const auto& a, const auto& b) { return a.second.pull < b.second.pull; }));
}

http::Response DecisionStream::Pull(const http::Request& request) {
  ++counters_.stream_pull_count;
  book_.Sweep();
  const std::string bouncer = BouncerOf(request);
  const bool is_startup = absl::EqualsIgnoreCase(request.query_value("startup"), "true");
  const DecisionChanges changes = book_.ChangesSince(is_startup ? std::nullopt : RevisionOf(bouncer));
  const Filter filter = FilterOf(request);
  const int64_t now = clock_();
  const bool is_on = book_.options().mode == EnforcementMode::kOn;
  JsonWriter json;
  json.BeginObject().Name("new");
  WriteList(is_on ? changes.begun : std::vector<Decision>(), filter, now, json);
  json.Name("deleted");
  WriteList(changes.ended, filter, now, json);
  json.EndObject();
  Remember(bouncer, changes.revision);
  return JsonResponse(json.Take());
}

http::Response DecisionStream::Query(const http::Request& request) {
  book_.Sweep();
  Filter filter = FilterOf(request);
  if (const std::string scope = request.query_value("scope"); !scope.empty()) filter.scopes = {scope};
  for (const char* address : {"ip", "range"}) {  // Accounts are neither.
    if (!request.query_value(address).empty()) filter.scopes = {address};
  }
  const std::string value = request.query_value("value");
  std::vector<Decision> decisions;
  if (book_.options().mode == EnforcementMode::kOn) decisions = book_.List();
  std::erase_if(decisions, [&](const Decision& decision) {
    return (!value.empty() && decision.account_id != value) || !Matches(filter, decision);
  });
  if (!value.empty()) {
    counters_.CountAnswer(Interface::kDecisionQuery, book_.Ask(value).permission);
  }
  if (decisions.empty()) return JsonResponse("null");
  JsonWriter json;
  WriteList(decisions, filter, clock_(), json);
  return JsonResponse(json.Take());
}

}  // namespace stillwatch::enforcement
