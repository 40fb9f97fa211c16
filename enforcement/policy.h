// What is to be enforced on an account: the one rule that every answer to a gateway follows.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "detector/account_partition.h"
#include "proto/decision.h"
#include "proto/limits.h"

namespace stillwatch::enforcement {

// What the operator wants.
struct PolicyOptions {
  // kShadow tells what would be refused and refuses nothing; kOff decides nothing.
  EnforcementMode mode = EnforcementMode::kOn;
  // The lowest verdict that is enforced.
  Verdict min_verdict = Verdict::kAct;
  // How long a decision by verdict is told to last. It is renewed as long as the verdict stands; a gateway that loses
  // touch lets the account go by itself after it.
  int64_t duration_nano = 4 * kNanosecondsPerHour;
};

// kRefuse or kAllow for an account of this standing, under the newest decision of an analyst, if there is one. An
// account labelled benign is allowed, whatever else was decided; then an analyst's decision holds until its end; then
// the verdict decides.
Ruling RuleOn(const PolicyOptions& options, const detector::Standing& standing,
              const std::optional<DecisionEntry>& by_analyst, int64_t now_unix_nano);

// Who is answerable for that ruling.
DecisionOrigin OriginOf(const detector::Standing& standing, const std::optional<DecisionEntry>& by_analyst,
                        int64_t now_unix_nano);

// What a gateway is told under a ruling.
Permission PermissionUnder(EnforcementMode mode, Ruling ruling);

// "off", "shadow", "on"; "clear", "review", "act".
std::string_view NameOf(EnforcementMode mode);
std::string_view NameOf(Verdict verdict);

}  // namespace stillwatch::enforcement
