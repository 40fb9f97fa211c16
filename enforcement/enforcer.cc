#include "enforcement/enforcer.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

#include "ingest/pending_write.h"
#include "storage/decision_trail.h"
#include "storage/record_store.h"

namespace stillwatch::enforcement {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array<const char*, kInterfaceCount> kInterfaceNames = {"check_account", "ext_authz", "decision_query",
                                                                      "guardrail"};
constexpr std::array<const char*, kPermissionCount> kPermissionNames = {"allowed", "shadow", "refused"};

MetricFamily Single(std::string name, std::string help, MetricType type, uint64_t value) {
  ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = static_cast<double>(value);
  return {std::move(name), std::move(help), type, {std::move(metric)}};
}

MetricFamily AnswerFamily(const EnforcementCounters& counters) {
  MetricFamily family{"stillwatch_enforcement_answers_total", "Answers to gateways.", MetricType::Counter, {}};
  for (size_t i = 0; i < kInterfaceCount; ++i) {
    for (size_t p = 0; p < kPermissionCount; ++p) {
      ClientMetric metric;
      metric.label = {{"interface", kInterfaceNames[i]}, {"answer", kPermissionNames[p]}};
      metric.counter.value = static_cast<double>(counters.answers[i][p]);
      family.metric.push_back(std::move(metric));
    }
  }
  return family;
}

// Says in the log what begins and ends; in shadow mode that is all that happens.
void Log(const DecisionEntry& entry) {
  const char* const who = entry.origin == DecisionOrigin::kVerdict ? "verdict" : "analyst";
  const char* const where = entry.mode == EnforcementMode::kShadow ? "shadow: " : "";
  if (entry.ruling == Ruling::kRefuse) {
    spdlog::info("{}account {} is refused, by {}, verdict {}", where, entry.account_id, who, NameOf(entry.verdict));
  } else {
    spdlog::info("{}account {} is not refused any more, by {}", where, entry.account_id, who);
  }
}

// A journal that cannot be read knows nothing: better to tell twice than never.
bool IsInJournal(const storage::KeyValueStore& store, const VerdictChange& change) {
  const Result<bool> is_known = storage::HasVerdictChange(store, change);
  return is_known.ok() && is_known.value();
}

}  // namespace

Enforcer::Enforcer(const PolicyOptions& options, const storage::KeyValueStore& store,
                   const detector::ScoringEngine& engine, Clock clock)
    : store_(store),
      engine_(engine),
      clock_(clock),
      book_(
          options, [&engine](std::string_view account_id) { return engine.StandingOf(account_id); }, std::move(clock)) {
  book_.OnChange([this](const DecisionEntry& entry, const Decision& decision) { OnDecisionChange(entry, decision); });
}

Status Enforcer::TellByWebhook(storage::KeyValueStore& store, WebhookOptions options) {
  std::vector<uint64_t> receivers;
  for (const WebhookUrl& url : options.urls) receivers.push_back(url.receiver());
  outbox_.emplace(store, std::move(receivers), OutboxOptions());
  STILLWATCH_RETURN_IF_ERROR(outbox_->Load());
  Result<std::unique_ptr<WebhookSender>> sender = WebhookSender::Start(*outbox_, std::move(options));
  if (!sender.ok()) return sender.status();
  sender_ = std::move(sender).value();
  outbox_->OnAppend([this] { sender_->Wake(); });
  return Status();
}

void Enforcer::TellVerdict(const VerdictChange& change) {
  if (!outbox_) return;
  const int64_t told = is_started_ ? clock_() : 0;
  outbox_->Append(MakeVerdictMessage(change, told, {engine_.Get(change.account_id), *engine_.baseline()}));
}

void Enforcer::TellDecision(const DecisionEntry& entry, const Decision& decision) {
  if (!outbox_) return;
  outbox_->Append(MakeDecisionMessage(entry, decision, {engine_.Get(entry.account_id), *engine_.baseline()}));
}

void Enforcer::OnVerdictChange(const VerdictChange& change) {
  if (is_started_ || !IsInJournal(store_, change)) TellVerdict(change);
  if (is_started_) {
    book_.Reconsider(change.account_id);
  } else {
    suspects_.push_back(change.account_id);
  }
}

Status Enforcer::Start(ingest::Pipeline& pipeline) {
  pipeline_ = &pipeline;
  STILLWATCH_RETURN_IF_ERROR(RestoreBook(*store_.TakeSnapshot()));
  book_.FinishRestore(suspects_);
  suspects_ = {};
  is_started_ = true;
  return Status();
}

Status Enforcer::RestoreBook(const storage::Snapshot& snapshot) {
  STILLWATCH_RETURN_IF_ERROR(
      storage::ScanDecisions(snapshot, [this](const DecisionEntry& entry) { book_.Restore(entry); }));
  // Whoever stands at the verdict now has reached it at some time.
  return storage::ScanVerdictChanges(snapshot, [this](const VerdictChange& change) {
    if (change.to >= book_.options().min_verdict) suspects_.push_back(change.account_id);
  });
}

void Enforcer::OnDecisionChange(const DecisionEntry& entry, const Decision& decision) {
  ++(entry.ruling == Ruling::kRefuse ? counters_.begun_decision_count : counters_.ended_decision_count);
  Log(entry);
  storage::WriteGroup records;
  storage::PutDecision(entry, records);
  pipeline_->Write(std::move(records), {}, {});
  TellDecision(entry, decision);
}

Status Enforcer::Erase(const std::string& account_id, const std::stop_token& stop) {
  book_.Forget(account_id);
  // What was on its way to the trail is in it when this returns.
  STILLWATCH_RETURN_IF_ERROR(ingest::WriteAndWait(*pipeline_, storage::WriteGroup(), stop));
  if (outbox_) outbox_->Forget(account_id);
  storage::WriteGroup deletion;
  STILLWATCH_RETURN_IF_ERROR(storage::DeleteDecisions(*store_.TakeSnapshot(), account_id, deletion));
  return ingest::WriteAndWait(*pipeline_, std::move(deletion), stop);
}

query::CheckAnswer Enforcer::Ask(Interface interface, std::string_view account_id) {
  const query::CheckAnswer answer = book_.Ask(account_id);
  counters_.CountAnswer(interface, answer.permission);
  return answer;
}

std::string Enforcer::MetricsText() const {
  std::vector<MetricFamily> families = {
      AnswerFamily(counters_),
      Single("stillwatch_enforcement_decisions", "Decisions in force, or in shadow mode those that would be.",
             MetricType::Gauge, book_.active_count()),
      Single("stillwatch_enforcement_decisions_begun_total", "Decisions that began.", MetricType::Counter,
             counters_.begun_decision_count),
      Single("stillwatch_enforcement_decisions_ended_total", "Decisions that ended.", MetricType::Counter,
             counters_.ended_decision_count),
      Single("stillwatch_enforcement_stream_pulls_total", "Pulls of decisions by bouncers.", MetricType::Counter,
             counters_.stream_pull_count),
  };
  if (sender_ != nullptr) AppendWebhookMetrics(families);
  return prometheus::TextSerializer().Serialize(families);
}

void Enforcer::AppendWebhookMetrics(std::vector<prometheus::MetricFamily>& families) const {
  const OutboxCounters outbox = outbox_->counters();
  const WebhookCounters& sender = sender_->counters();
  families.push_back(Single("stillwatch_enforcement_webhook_waiting", "Messages that wait to be delivered.",
                            MetricType::Gauge, outbox.waiting_message_count));
  families.push_back(Single("stillwatch_enforcement_webhook_delivered_total", "Messages delivered.",
                            MetricType::Counter, sender.delivered_count));
  families.push_back(Single("stillwatch_enforcement_webhook_failures_total", "Tries to deliver that failed.",
                            MetricType::Counter, sender.failed_count));
  families.push_back(Single("stillwatch_enforcement_webhook_unwanted_total",
                            "Messages dropped because a receiver cannot take them.", MetricType::Counter,
                            sender.unwanted_count));
  families.push_back(Single("stillwatch_enforcement_webhook_dropped_total",
                            "Messages dropped because the outbox was full or their receiver is none any more.",
                            MetricType::Counter, outbox.dropped_message_count));
}

}  // namespace stillwatch::enforcement
