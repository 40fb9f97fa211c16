// Finds accounts that are served from one queue.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "detector/campaign_candidate.h"
#include "detector/link_groups.h"
#include "detector/parallel_for.h"

namespace stillwatch::detector {

// Searches all accounts for common queues, as of one moment.
// Hypothesis: a pool that hands each conversation to its least recently used account gives its accounts equal counts in
//   every span of time, while the pool's own traffic goes up and down.
// Evidence for two accounts: their counts of beginnings x, y differ less, bin by bin, than each differs from its own
//   usual count at that time of day: an F-test of R = mean (x − y)² / (x + y) against F, the day-to-day dispersion
//   (variance over mean) of the accounts themselves. Log-likelihood ratio, both normal: n/2 · (ln(F / R) − 1 + R / F).
//   Independent customers have R ≥ F whatever their habits; timers have both near 0; two that follow the same outside
//   event have R ≥ 1, the dispersion of a Poisson process. Only what is dealt out has R < 1 and R < F.
// Honest look-alikes: service accounts behind one load balancer. They declare one organisation and are left out.
// Needs no text. Source: threat reports of 2026 (load balancing over accounts); F-test of variances, Fisher 1924; index
//   of dispersion, Cox and Lewis 1966.
// Threading: none of its own; works on the threads of `parallel_for`. Ownership: `candidates` must outlive it.
// Limits: an account is compared with the kNeighbours next ones by volume of the last day.
class RhythmSearch {
 public:
  static constexpr size_t kNeighbours = 512;
  // Of a thousand accounts half a million pairs are compared; from 8 on a chance link among them is rare, and a group
  // of chance links rarer still. To join a group that is there anyway, less is needed.
  static constexpr double kLinkMin = 8;
  static constexpr double kJoinMin = 6;
  // But since members are alike, one who is like one of them by chance is like all, so it must also be about as even as
  // they.
  static constexpr double kJoinDifferenceMax = 0.5;

  // `is_left_out`: candidates that are compared with nobody; empty for none.
  RhythmSearch(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano, ParallelFor parallel_for,
               const std::vector<bool>& is_left_out = {});
  ~RhythmSearch();

  // All pairs with a log-likelihood ratio of at least kLinkMin that are not declared to be together, among the accounts
  // that are in no group yet. In order.
  std::vector<CampaignLink> FindLinks(const std::vector<bool>& is_grouped) const;
  // Adds to `group` the accounts in no group that have links of at least kJoinMin to half of its members.
  void AddJoiners(std::vector<bool>& is_grouped, LinkGroup& group) const;

 private:
  struct Accounts;  // Prepared for comparing.
  const ParallelFor parallel_for_;
  std::unique_ptr<Accounts> accounts_;
};

// How a group's beginnings are spread, by bin, over the members that were there.
struct GroupRhythm {
  // Index of dispersion among the members of one bin: 1 for independent Poisson processes of one rate, more for
  // independent customers, less for what was dealt out, and less for timers.
  double among_members = 1;
  // That of the group's own counts from day to day at one time of day: 1 for a Poisson process, more for what goes up
  // and down as a whole, less for timers that have nothing to do with each other.
  double from_day_to_day = 0;
};
GroupRhythm MeasureGroup(std::span<const CampaignCandidate> candidates, std::span<const uint32_t> group,
                         int64_t time_unix_nano);

}  // namespace stillwatch::detector
