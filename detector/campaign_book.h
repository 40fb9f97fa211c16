// Remembers the campaigns that were found, under ids that last.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "detector/campaign_finder.h"
#include "proto/name_hash.h"
#include "proto/records.h"

namespace stillwatch::detector {

// Spans of three hours in which a search must have found a member before it counts: chance seldom repeats itself.
inline constexpr uint32_t kFoundCountMin = 2;

// An account of a campaign.
struct CampaignMember {
  std::string account_id;
  float share = 0;
  int64_t last_found_time_unix_nano = 0;
  uint32_t found_count = 0;  // Spans of three hours in which it was found in the campaign.

  bool counts() const { return found_count >= kFoundCountMin; }
};

// A coordinated group over time.
struct Campaign {
  uint64_t number = 0;
  std::vector<CampaignMember> members;  // By account_id.
  std::array<CampaignEvidence, kCampaignTermCount> terms{};
  // What was found in the members' merged portrait, in the order of AllDetectors().
  std::array<Finding, kDetectorCount> findings{};
  std::array<std::string, kDetectorCount> summaries;  // Of those worth a sentence.
  double log_odds = kBaseLogOdds;
  Verdict verdict = Verdict::kClear;
  uint64_t event_count = 0;  // Of all members together.
  int64_t first_found_time_unix_nano = 0;
  int64_t last_found_time_unix_nano = 0;
  int64_t first_review_time_unix_nano = 0;  // 0: never. So with the three below.
  int64_t first_act_time_unix_nano = 0;
  uint64_t events_at_first_review = 0;
  uint64_t events_at_first_act = 0;

  // Members that count.
  size_t CountMembers() const {
    return static_cast<size_t>(std::count_if(members.begin(), members.end(), [](const auto& m) { return m.counts(); }));
  }
};

// Keeps the campaigns from search to search. A group that is found again keeps its number if it holds a third or more
// of the members that it had, or they of it. A member counts once it was found kFoundCountMin times, or once if the
// group is beyond chance. It stays for as many days after it was last found as searches had found it, up to
// kMemberDaysMax, because pools pause; and if it did nothing since, suspended perhaps, for 90 days. Threading: none of
// its own. Limits: as many campaigns as were found within 90 days.
class CampaignBook {
 public:
  // Account to campaign and member.
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return HashName(name); }
  };
  using Places = std::unordered_map<std::string, std::pair<uint32_t, uint32_t>, NameHash, std::equal_to<>>;
  static constexpr int64_t kMemberDaysMax = 14;

  // What is known of an account; nothing if it cannot be in a campaign, because it was labelled benign.
  using TrafficOf = std::function<std::optional<Traffic>(std::string_view account_id)>;

  // Takes what a search at `time` found among `candidates`. Returns the accounts whose membership may have changed. A
  // quick search leaves campaigns that it did not come across as they are.
  std::vector<std::string> Update(std::span<const FoundCampaign> found, std::span<const CampaignCandidate> candidates,
                                  const TrafficOf& traffic_of, int64_t time_unix_nano,
                                  SearchScope scope = SearchScope::kEverybody);

  // Takes the account out of its campaigns; says whether it was in one. A campaign without members ends.
  bool Forget(std::string_view account_id);

  // The account's place in its campaign; that of no campaign if it is in none, or does not count yet.
  Membership MembershipOf(std::string_view account_id) const;
  // The number of that campaign; 0 likewise.
  uint64_t NumberOf(std::string_view account_id) const;
  // The same, and also of a campaign that its rhythm shows, whether the account counts yet or not.
  uint64_t FirmNumberOf(std::string_view account_id) const;
  // By falling log-odds, then number.
  const std::vector<Campaign>& campaigns() const { return campaigns_; }

  // The layout is in storage/FORMAT.md.
  std::string Encode() const;
  static std::optional<CampaignBook> Decode(std::string_view bytes);

 private:
  void IndexMembers();

  std::vector<Campaign> campaigns_;
  Places places_;
};

}  // namespace stillwatch::detector
