// Commands about what is enforced: decisions, decide.
#pragma once

#include <cstdint>
#include <string>

#include "cli/session.h"
#include "stillwatch/v1/decision.pb.h"

namespace stillwatch::cli {

struct DecideOptions {
  std::string account_id;
  v1::Ruling ruling = v1::RULING_UNSPECIFIED;
  uint32_t duration_seconds = 0;  // 0: the daemon's default.
  std::string note;
};

// Refuses or allows an account for a time, or gives it back to its verdict.
ExitCode RunDecide(const Session& session, const DecideOptions& options);
// The decisions in force or, of one account, its trail.
ExitCode RunDecisions(const Session& session, const std::string& account_id);

}  // namespace stillwatch::cli
