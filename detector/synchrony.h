// Finds accounts that go up and down together, among those that work in the same way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "detector/campaign_candidate.h"
#include "detector/link_groups.h"
#include "detector/parallel_for.h"

namespace stillwatch::detector {

// Fewer say little together, and customers who happen to work alike for a week are seldom more.
inline constexpr size_t kSynchronousMin = 10;

struct SynchronousGroup {
  LinkGroup members;     // share: the probability that the account moves with the group rather than by itself.
  double deviation = 0;  // Of all accounts that work alike from independent ones, in standard deviations.
};

// Hypothesis: whoever harvests with many accounts runs one program: they ask with the same parameters, system prompt or
//   opening, and what they do together goes up and down as a whole, with its jobs, its pauses and its failures,
//   whichever account each request falls to. Customers who merely use the same settings do not know of each other.
// Evidence: an account's beginnings in spans of six hours, less what is usual for it at that time of day and for
// everybody
//   at that time, in units of a Poisson process's deviation: its residuals. Of all accounts with one setting the
//   products of the residuals of all pairs are added up. Independent accounts give 0 with a known variance, however
//   uneven each is by itself. No pair shows anything; some thousand pairs do. Where the sum deviates by twelve or more,
//   an account belongs to the group by how far its residuals follow the sum of the others': z, normal, with mean 0 if
//   it is independent, and that of the group if not.
// Honest look-alikes: service accounts, which declare one organisation and are left out; timers, whose residuals are
//   none; offices, which follow the week (what goes with the weekend is taken out); projects that began and ended
//   together (what is before the first and behind the last beginning does not count). Users of one application that
//   fails for all at once do look alike, so this is not enough for a review without evidence of another kind.
// Needs no text, and no order among the accounts: a pool that deals at random shows, too.
// Source: threat reports of 2026 (synchronised traffic); the statistic is the score test for a common random effect
//   (Breusch and Pagan 1980, 10.2307/2297111).
// `is_grouped`: candidates that are in a group already, and stay out. A pure function of the candidates in their order.
// Groups are disjoint, by falling deviation; members in order. Limits: settings that make up a tenth of an account's
// requests, and spans within LinkSketch's 14 days.
std::vector<SynchronousGroup> FindSynchronousGroups(std::span<const CampaignCandidate> candidates,
                                                    int64_t time_unix_nano, const ParallelFor& parallel_for,
                                                    const std::vector<bool>& is_grouped);

}  // namespace stillwatch::detector
