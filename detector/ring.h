// Tells who else belongs to a ring: accounts that one hand set up to work together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "detector/baseline.h"
#include "detector/campaign_candidate.h"
#include "detector/link_groups.h"

namespace stillwatch::detector {

// When most of a group began, in bins of its links.
struct OnsetWindow {
  int64_t begin_bin = 0;
  int64_t end_bin = 0;  // Exclusive.
  size_t count = 0;     // Members that began in it.
};

// Hypothesis: what one hand set up looks alike: its accounts began together, run one program with the same parameters,
//   texts and client, and share cards, sign-ups or addresses. A group that was found by what some of its accounts did
//   misses those that did not do enough yet, and one that was found by its onset holds strangers who began just then.
// Evidence: Bayes' rule on these traits. How many members have each is counted in the group; how many strangers, among
//   the newcomers of other hours: parameters, texts and client together, since users of one application have all of
//   it, and cards, sign-ups and addresses apart. Members and what they have in common are found in turn (expectation
//   and maximisation), so that strangers in the group do not blur it. Who more likely belongs than not is a member.
// Honest look-alikes: users of the same application, who have its traits but begin at any hour. Whoever declares an
//   organisation that a member declares does not join, nor does who has no evidence of its own: classmates have all the
//   traits of their class.
// Works with any part missing. Blind to accounts of the first hours of the log, and to groups that did not begin
//   together.
// Source: two-class naive Bayes with the strangers' part known; Dempster, Laird, Rubin 1977 (EM).
// Ownership: `candidates` and `baseline` must outlive it. Threading: const calls may run at the same time.
class RingSearch {
 public:
  RingSearch(std::span<const CampaignCandidate> candidates, const Baseline& baseline);

  // The span of up to three bins in which most members began: three or more, and half of the group at least.
  std::optional<OnsetWindow> WindowOf(const LinkGroup& group) const;

  // Log-likelihood ratio of so many members beginning in one window, against how all newcomers begin; 0 or more.
  double OnsetRatio(const LinkGroup& group, const OnsetWindow& window) const;
  // Members that chance would have put there.
  double ExpectedIn(const LinkGroup& group, const OnsetWindow& window) const;

  // The group without strangers, if it was found by onset, and with the accounts of no group that belong to it, by
  // index; share: the probability of belonging. `is_grouped`: the group's own too. As it is if there are too few
  // strangers to judge by.
  LinkGroup Complete(const LinkGroup& group, const OnsetWindow& window, bool is_by_onset,
                     const std::vector<bool>& is_grouped) const;

 private:
  struct Newcomer {
    int64_t bin = 0;
    uint32_t index = 0;
    double weight_before = 0;  // Of those before it.
  };

  // The weight of all newcomers that began in [begin_bin, end_bin), one at least.
  double WeightIn(int64_t begin_bin, int64_t end_bin) const;
  // Its part of the weight of those of the same time: the log's first day, or what came after it.
  double ShareOf(const OnsetWindow& window) const;

  std::span<const CampaignCandidate> candidates_;
  const Baseline& baseline_;
  int64_t first_known_;
  std::vector<Newcomer> newcomers_;  // By bin, then index.
  double weight_ = 0;                // Of all.
};

}  // namespace stillwatch::detector
