// What the search for campaigns knows of one account.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "detector/state_view.h"
#include "features/link_sketch.h"

namespace stillwatch::detector {

// An account as of one moment of event time. Hashes are 0 and times 0 where unknown or not yet happened.
// Ownership: id and state belong to the account's partition and live as long as the search.
struct CampaignCandidate {
  std::string_view account_id;
  uint64_t account_hash = 0;
  uint64_t organization = 0;
  uint64_t payment = 0;
  uint64_t signup = 0;  // Address and day of the sign-up together.
  int64_t created_time_unix_nano = 0;
  int64_t suspended_time_unix_nano = 0;
  uint64_t campaign = 0;  // In which it counts as a member.
  int64_t first_bin = 0;  // Of its links; 0: it has none yet.
  float weight = 1;  // Accounts that it stands for when holders of an object are counted: more if it was drawn of many.
  const StateSource* states = nullptr;
  uint32_t place = 0;  // Of its state among those.

  // Unpacks or reads it, if need be: whoever asks several things asks once.
  StateView State() const { return states->StateAt(place); }
};

// What is known of a member of a campaign at any time.
struct Traffic {
  uint64_t event_count = 0;
  int64_t last_time_unix_nano = 0;
};

// The order in which a search goes through accounts: their own, whatever the order of their arrival was.
inline bool operator<(const CampaignCandidate& a, const CampaignCandidate& b) {
  return a.account_hash != b.account_hash ? a.account_hash < b.account_hash : a.account_id < b.account_id;
}

// True if both say that they are of one organisation: what its members share needs no explanation.
inline bool AreDeclaredTogether(const CampaignCandidate& a, const CampaignCandidate& b) {
  return a.organization != 0 && a.organization == b.organization;
}

// Of the first hours of a log nothing is known: whoever was there before seems to begin in them. Later in its first day
// many still do, by whom an onset of those hours is judged.
inline constexpr int64_t kFirstBins = 2;
// The first bin whose accounts are taken to have begun in it.
inline int64_t FirstKnownOnset(std::span<const CampaignCandidate> candidates) {
  // So much room that the end of the first day can be told where nobody began.
  int64_t log_begin = std::numeric_limits<int64_t>::max() - features::LinkSketch::kBinsPerDay;
  for (const CampaignCandidate& candidate : candidates) {
    if (candidate.first_bin != 0) log_begin = std::min(log_begin, candidate.first_bin);
  }
  return log_begin + kFirstBins;
}
// The end of the log's first day, on which many begin who were there before: onsets of before and after it compare only
// among themselves.
inline int64_t EndOfFirstDay(int64_t first_known_onset) {
  return first_known_onset - kFirstBins + features::LinkSketch::kBinsPerDay;
}

// Pools and rings show in their first days: who began within so many bins is a newcomer, but for those of the log's
// first hours.
inline constexpr int64_t kNewcomerBins = 3 * features::LinkSketch::kBinsPerDay;
inline int64_t FirstBinOfNewcomers(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano,
                                   int64_t newcomer_bins = kNewcomerBins) {
  return std::max(features::LinkSketch::BinOf(time_unix_nano) - newcomer_bins, FirstKnownOnset(candidates));
}

// Two accounts that may belong together.
struct CampaignLink {
  uint32_t a = 0;  // Indices of candidates, a < b.
  uint32_t b = 0;
  float log_likelihood_ratio = 0;
};

}  // namespace stillwatch::detector
