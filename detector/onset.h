// Finds accounts that began the same work at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "detector/baseline.h"
#include "detector/campaign_candidate.h"
#include "detector/link_groups.h"
#include "detector/parallel_for.h"

namespace stillwatch::detector {

// Fewer accounts are no group, however unlikely.
inline constexpr size_t kOnsetMin = 3;

struct OnsetGroup {
  LinkGroup members;    // share: of the members that are not there by chance.
  double expected = 0;  // Accounts that chance would have put there.
  double log_likelihood_ratio = 0;
  double surprise = 0;  // −ln of the probability that chance puts as many there.
};

// Hypothesis: whoever harvests with several accounts starts them together, with one program: within hours accounts that
//   have nothing to do with each other begin bulk work with the same parameters.
// Evidence: of all accounts with evidence of their own and the same parameters in most of their requests, k began
//   within a span of 3, 6 or 9 hours, where λ would if they began as all new accounts do, or as often as in the two
//   days before and after, whichever is more. Log-likelihood ratio of the Poisson distribution, k · ln(k / λ) − (k − λ),
//   for the best span among accounts with some, more or much evidence of their own. The more spans a month brings, the
//   less likely chance must be to put as many there.
// Honest look-alikes: newcomers after a launch, who begin as all do in those hours; classes, which do no bulk work;
//   service accounts, which declare one organisation and are left out; makers of small data sets and evaluators, of
//   whom one or two begin in any span by chance: what a ring has in common tells them from it (ring.h).
// Needs no text. Blind to accounts of the first hours of the log, of which it is not known when they began.
// Source: SynchroTrap (CCS 2014); scan statistic, Kulldorff 1997 (10.1080/03610929708831995).
// `is_grouped`: candidates that are in a group already, and stay out. A pure function of the candidates in their order.
// Groups are disjoint; members in order.
std::vector<OnsetGroup> FindJointOnsets(std::span<const CampaignCandidate> candidates, const Baseline& baseline,
                                        const ParallelFor& parallel_for, const std::vector<bool>& is_grouped);

}  // namespace stillwatch::detector
