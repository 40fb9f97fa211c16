#include "tests/detector/engine_dump.h"

#include <gtest/gtest.h>

#include <sstream>

namespace stillwatch::detector {
namespace {

void Put(std::ostream& out, const VerdictChange& change) {
  out << " [" << change.account_id << " " << static_cast<int>(change.from) << ">" << static_cast<int>(change.to)
      << " at " << change.time_unix_nano << " risk " << change.risk << " after " << change.event_count << "]";
}

void Put(std::ostream& out, const Score& score) {
  out << " log_odds " << score.log_odds << " verdict " << static_cast<int>(score.verdict) << " assessed "
      << score.assessed_event_count << " baseline " << score.assessed_baseline_time_unix_nano << " first "
      << score.first_review_time_unix_nano << " " << score.first_act_time_unix_nano << " events "
      << score.events_at_first_review << " " << score.events_at_first_act;
}

void Put(std::ostream& out, const AccountDetail& account) {
  out << account.account_id << " of " << account.organization_id << " label " << static_cast<int>(account.label)
      << " profile " << (account.profile ? account.profile->plan : "none") << " peers " << int{account.live.peer_group};
  Put(out, account.live.score);
  out << " assessment " << account.assessment.log_odds << " " << account.assessment.peer_group;
  for (const Finding& finding : account.assessment.findings) {
    out << " (" << finding.log_odds << " " << finding.value << " " << finding.population << ")";
  }
  for (const VerdictChange& change : account.timeline) Put(out, change);
  // Portraits are plain memory without padding.
  const std::string bytes(reinterpret_cast<const char*>(&account.live.portrait), sizeof(features::Portrait));
  out << " portrait " << std::hash<std::string>()(bytes);
}

}  // namespace

std::map<std::string, std::string> DumpEngine(const ScoringEngine& engine) {
  std::map<std::string, std::string> dump;
  for (const AccountSummary& summary : engine.List()) {
    std::ostringstream out;
    out << std::hexfloat << summary.organization_id << " risk " << summary.risk << " verdict "
        << static_cast<int>(summary.verdict) << " label " << static_cast<int>(summary.label) << " events "
        << summary.event_count << "\n  ";
    Put(out, engine.Get(summary.account_id).value());
    dump[summary.account_id] = out.str();
  }
  std::ostringstream out;
  const EngineCounters counters = engine.counters();
  const std::shared_ptr<const Baseline> baseline = engine.baseline();
  out << std::hexfloat << "settled " << counters.settled_event_count << " late " << counters.late_event_count
      << " waiting " << counters.waiting_event_count << " accounts " << counters.account_count << " watermark "
      << counters.watermark_unix_nano << " newest " << counters.newest_event_unix_nano << " baseline "
      << baseline->time_unix_nano << " " << baseline->review_log_odds << " " << baseline->act_log_odds;
  for (const PeerBaseline& peers : baseline->groups) {
    out << " | " << peers.account_count;
    for (const float value : peers.scale.median) out << " " << value;
    for (const float value : peers.scale.spread) out << " " << value;
    for (const float value : peers.marker_null_share) out << " " << value;
  }
  dump[""] = out.str();
  return dump;
}

void ExpectSame(const std::map<std::string, std::string>& actual, const std::map<std::string, std::string>& expected,
                const std::string& when) {
  ASSERT_EQ(actual.size(), expected.size()) << when;
  int difference_count = 0;
  for (const auto& [account, text] : expected) {
    const auto found = actual.find(account);
    ASSERT_NE(found, actual.end()) << when << ": no " << account;
    if (found->second == text) continue;
    if (++difference_count == 1) {
      ADD_FAILURE() << when << ": " << account << "\nis       " << found->second << "\nexpected " << text;
    }
  }
  EXPECT_EQ(difference_count, 0) << when;
}

void ExpectSame(const ScoringEngine& actual, const ScoringEngine& expected, const std::string& when) {
  ExpectSame(DumpEngine(actual), DumpEngine(expected), when);
}

}  // namespace stillwatch::detector
