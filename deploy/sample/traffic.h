// Accounts and what they send.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/sample/kinds.h"
#include "deploy/sample/random.h"

namespace stillwatch::sample {

inline constexpr int64_t kEndSeconds = 1'772'928'000;  // 2026-03-08, a Sunday.
inline constexpr int64_t kHourSeconds = 3600;
inline constexpr int64_t kDaySeconds = 24 * kHourSeconds;
inline constexpr int64_t kReleaseSeconds = kEndSeconds - 4 * kDaySeconds + 10 * kHourSeconds;  // Of the newest model.
inline constexpr std::string_view kOldModel = "atlas-2";
inline constexpr std::string_view kSmallModel = "atlas-2-mini";
inline constexpr std::string_view kNewModel = "atlas-3";

struct Options {
  uint64_t seed = 1;
  size_t account_count = 170;
  uint64_t event_count = 0;  // About so many in all; 0 means as many as suits the kinds.
  int64_t days = 7;
  bool text = true;
};

// One account and where it stands in its traffic.
struct Account {
  const Kind* kind = nullptr;
  Random random{0};
  size_t group = 0;  // Of its kind.
  std::string id;
  std::string organization_id;
  std::string payment;
  std::string email_domain;
  std::string address;
  std::string signup_address;
  std::string tls_fingerprint;
  std::string_view country;
  int64_t asn = 0;
  int64_t created_seconds = 0;
  int64_t new_model_seconds = 0;  // When it moves to the newest model.
  std::string_view model;         // Until then.
  std::string_view opening;
  int temperature = -1;
  double activity = 1;
  uint64_t event_count = 0;
  uint64_t conversation_count = 0;
  int64_t series_day = -1;
  uint64_t series_position = 0;
};

// A line of the events file.
struct TimedLine {
  int64_t time_unix_nano;
  std::string json;
};

// Makes the accounts and, hour by hour, their events.
// Limits: keeps no event, so that millions of them need little memory.
class Traffic {
 public:
  explicit Traffic(const Options& options);

  const std::vector<Account>& accounts() const { return accounts_; }
  // Appends all that the conversations which start in the hour send, in that hour and after it.
  void AppendHour(int64_t hour_seconds, std::vector<TimedLine>& lines);

 private:
  struct Turn;
  struct Start {
    int64_t time_millis;
    size_t account;
    auto operator<=>(const Start&) const = default;
  };
  // The accounts behind one queue.
  struct Pool {
    std::vector<size_t> members;
    size_t next = 0;
  };

  void AddAccount(const Kind& kind, size_t number);
  void JoinGroup(size_t number);
  void AppendStarts(size_t number, int64_t hour_seconds, std::vector<Start>& starts);
  size_t Sender(size_t number);
  void AppendConversation(Account& account, int64_t start_millis, std::vector<TimedLine>& lines);
  std::string EventJson(Account& account, const Turn& turn, int64_t output_tokens) const;

  Options options_;
  double rate_ = 1;  // Of conversations, relative to what suits the kinds.
  Random random_;
  std::vector<Account> accounts_;
  std::vector<Pool> pools_;
};

}  // namespace stillwatch::sample
