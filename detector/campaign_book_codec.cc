// How the campaigns are checkpointed: a version, then each campaign's numbers and members. See storage/FORMAT.md.
#include <cstring>
#include <type_traits>

#include "detector/campaign_book.h"

namespace stillwatch::detector {
namespace {

// A change of the layout, of the terms or of the detectors needs a new one.
constexpr uint8_t kVersion = 2;

// What is fixed in size of a campaign. No padding, so that no undefined byte is stored.
struct Fixed {
  uint64_t number;
  std::array<CampaignEvidence, kCampaignTermCount> terms;
  uint32_t member_count;
  std::array<Finding, kDetectorCount> findings;
  double log_odds;
  uint64_t event_count;
  int64_t first_found_time_unix_nano;
  int64_t last_found_time_unix_nano;
  int64_t first_review_time_unix_nano;
  int64_t first_act_time_unix_nano;
  uint64_t events_at_first_review;
  uint64_t events_at_first_act;
  uint64_t verdict;
};
static_assert(sizeof(Fixed) ==
              8 + sizeof(CampaignEvidence) * kCampaignTermCount + 4 + sizeof(Finding) * kDetectorCount + 9 * 8);

template <typename T>
void Append(const T& value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

// Takes a value off the front; false if there are too few bytes.
template <typename T>
bool Take(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof(T)) return false;
  std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return true;
}

void AppendText(std::string_view text, std::string& out) {
  Append(static_cast<uint16_t>(text.size()), out);
  out += text;
}

bool TakeText(std::string_view& bytes, std::string& text) {
  uint16_t size = 0;
  if (!Take(bytes, size) || bytes.size() < size) return false;
  text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

bool TakeMember(std::string_view& bytes, CampaignMember& member) {
  if (!Take(bytes, member.share) || !Take(bytes, member.last_found_time_unix_nano)) return false;
  return Take(bytes, member.found_count) && TakeText(bytes, member.account_id);
}

Fixed FixedOf(const Campaign& campaign) {
  return {campaign.number,
          campaign.terms,
          static_cast<uint32_t>(campaign.members.size()),
          campaign.findings,
          campaign.log_odds,
          campaign.event_count,
          campaign.first_found_time_unix_nano,
          campaign.last_found_time_unix_nano,
          campaign.first_review_time_unix_nano,
          campaign.first_act_time_unix_nano,
          campaign.events_at_first_review,
          campaign.events_at_first_act,
          static_cast<uint64_t>(campaign.verdict)};
}

Campaign CampaignOf(const Fixed& fixed) {
  Campaign campaign;
  campaign.number = fixed.number;
  campaign.terms = fixed.terms;
  campaign.findings = fixed.findings;
  campaign.log_odds = fixed.log_odds;
  campaign.verdict = static_cast<Verdict>(fixed.verdict);
  campaign.event_count = fixed.event_count;
  campaign.first_found_time_unix_nano = fixed.first_found_time_unix_nano;
  campaign.last_found_time_unix_nano = fixed.last_found_time_unix_nano;
  campaign.first_review_time_unix_nano = fixed.first_review_time_unix_nano;
  campaign.first_act_time_unix_nano = fixed.first_act_time_unix_nano;
  campaign.events_at_first_review = fixed.events_at_first_review;
  campaign.events_at_first_act = fixed.events_at_first_act;
  return campaign;
}

}  // namespace

std::string CampaignBook::Encode() const {
  std::string out(1, static_cast<char>(kVersion));
  for (const Campaign& campaign : campaigns_) {
    Append(FixedOf(campaign), out);
    for (const std::string& summary : campaign.summaries) AppendText(summary, out);
    for (const CampaignMember& member : campaign.members) {
      Append(member.share, out);
      Append(member.last_found_time_unix_nano, out);
      Append(member.found_count, out);
      AppendText(member.account_id, out);
    }
  }
  return out;
}

std::optional<CampaignBook> CampaignBook::Decode(std::string_view bytes) {
  uint8_t version = 0;
  if (!Take(bytes, version) || version != kVersion) return std::nullopt;
  CampaignBook book;
  while (!bytes.empty()) {
    Fixed fixed{};
    if (!Take(bytes, fixed)) return std::nullopt;
    Campaign campaign = CampaignOf(fixed);
    for (std::string& summary : campaign.summaries) {
      if (!TakeText(bytes, summary)) return std::nullopt;
    }
    for (uint32_t i = 0; i < fixed.member_count; ++i) {
      if (!TakeMember(bytes, campaign.members.emplace_back())) return std::nullopt;
    }
    book.campaigns_.push_back(std::move(campaign));
  }
  book.IndexMembers();
  return book;
}

}  // namespace stillwatch::detector
