// Commands that ask: suspects, account, explain, check, watch.
#pragma once

#include <cstdint>
#include <string>

#include "cli/session.h"
#include "stillwatch/v1/score.pb.h"

namespace stillwatch::cli {

enum class SuspectScope { kAtLeastMinVerdict, kEveryAccount };

struct SuspectsOptions {
  v1::Verdict min_verdict = v1::VERDICT_REVIEW;
  SuspectScope scope = SuspectScope::kAtLeastMinVerdict;
  uint64_t limit = 0;  // 0: all of them.
  std::string filter;  // Further terms, as in ListSuspectsRequest.
  std::string order_by;
};

// The filter that the options amount to, in the language of ListSuspectsRequest.
std::string SuspectsFilter(const SuspectsOptions& options);

ExitCode RunSuspects(const Session& session, const SuspectsOptions& options);
ExitCode RunAccount(const Session& session, const std::string& account_id);
ExitCode RunExplain(const Session& session, const std::string& account_id);
// kAccountRefused if the account may not go on.
ExitCode RunCheck(const Session& session, const std::string& account_id);
// Runs until the daemon ends the stream or the process is interrupted.
ExitCode RunWatch(const Session& session, v1::Verdict min_verdict);

}  // namespace stillwatch::cli
