// What is known of accounts and models beside their traffic, and what analysts decide: plain records.
#pragma once

#include <cstdint>
#include <string>

namespace stillwatch {

// What the provider knows of an account. Empty texts and zero times are unknown. See v1.AccountProfile.
struct AccountProfile {
  std::string account_id;
  std::string organization_id;
  int64_t created_time_unix_nano = 0;
  std::string plan;
  std::string payment_fingerprint;
  std::string email_domain;
  std::string signup_address;
  std::string country;
  int64_t suspended_time_unix_nano = 0;

  bool operator==(const AccountProfile&) const = default;
};

// A model that the provider serves. See v1.ModelInfo.
struct ModelInfo {
  std::string model;
  int64_t release_time_unix_nano = 0;

  bool operator==(const ModelInfo&) const = default;
};

// On disk, append only. Numbers as in v1.Label.
enum class Label : uint8_t { kUnlabelled = 1, kConfirmed = 2, kBenign = 3 };

// On disk, append only. Numbers as in v1.Verdict.
enum class Verdict : uint8_t { kClear = 1, kReview = 2, kAct = 3 };

// An analyst's decision on one account.
struct LabelEntry {
  std::string account_id;
  Label label = Label::kUnlabelled;
  std::string note;
  int64_t time_unix_nano = 0;  // By the daemon's clock.

  bool operator==(const LabelEntry&) const = default;
};

// A verdict that changed at an event time.
struct VerdictChange {
  std::string account_id;
  Verdict from = Verdict::kClear;
  Verdict to = Verdict::kClear;
  int64_t time_unix_nano = 0;
  double risk = 0;
  uint64_t event_count = 0;

  bool operator==(const VerdictChange&) const = default;
};

}  // namespace stillwatch
