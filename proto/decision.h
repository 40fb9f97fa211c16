// What is enforced on accounts: plain records.
#pragma once

#include <cstdint>
#include <string>

#include "proto/records.h"

namespace stillwatch {

// What is to be done with an account's requests. On disk, append only. Numbers as in v1.Ruling.
enum class Ruling : uint8_t { kAutomatic = 1, kRefuse = 2, kAllow = 3 };

// Who decided. On disk, append only. Numbers as in v1.DecisionOrigin.
enum class DecisionOrigin : uint8_t { kVerdict = 1, kAnalyst = 2 };

// How far decisions reach. On disk, append only. Numbers as in v1.EnforcementMode.
enum class EnforcementMode : uint8_t { kOff = 1, kShadow = 2, kOn = 3 };

// What a gateway is to do with an account's request.
enum class Permission : uint8_t {
  kAllowed,
  kAllowedInShadow,  // Would be refused if enforcement were on.
  kRefused,
};

// A decision on one account, from `time` on. By verdict: kRefuse began, kAllow ended. By an analyst: kRefuse or kAllow
// until `end`, or kAutomatic, which gives the account back to its verdict.
struct DecisionEntry {
  std::string account_id;
  int64_t time_unix_nano = 0;  // By the daemon's clock.
  int64_t end_unix_nano = 0;   // Of an analyst's decision; otherwise 0.
  Ruling ruling = Ruling::kAutomatic;
  DecisionOrigin origin = DecisionOrigin::kVerdict;
  EnforcementMode mode = EnforcementMode::kOn;
  Verdict verdict = Verdict::kClear;  // The account's at that time.
  std::string note;

  bool operator==(const DecisionEntry&) const = default;
};

}  // namespace stillwatch
