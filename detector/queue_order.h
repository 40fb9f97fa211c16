// Finds new accounts that one queue hands its work to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "detector/campaign_candidate.h"
#include "detector/link_groups.h"
#include "detector/parallel_for.h"

namespace stillwatch::detector {

// Accounts of one queue.
struct QueueGroup {
  LinkGroup members;             // share: of the members that are not there by chance.
  double in_order = 0;           // Share of the accounts whose next turns came in the order of their last.
  double in_order_by_habit = 0;  // The share that their habits explain; below 1.
  double log_likelihood_ratio = 0;
};

// Hypothesis: a pool that hands each conversation to its least recently used account keeps its accounts in order: who
//   had a turn first has the next one first, so that with two or three turns each the pool already shows as a whole.
// Evidence: at one moment each account is between two beginnings. Sorted by the earlier ones, the longest increasing
//   subsequence of the later ones is the longest chain that stays in order. Of m accounts that have nothing to do with
//   each other, k stay in order with probability at most C(m, k) / k!. The chain found at one moment is tested at the
//   gaps that follow, by which it was not chosen. Log-likelihood ratio: the smaller one of that bound's and of a normal
//   distribution's, by how much longer chains are than when the gaps are dealt out anew among the accounts; less the
//   log of how many chains were tested.
// Honest look-alikes: timers of one period, and people who come at their hour every day: their gaps are as good as
//   another's, and dealt out anew keep as much order. Service accounts behind one load balancer: who declares an
//   organisation that another newcomer declares is left out.
// Needs no text, and three beginnings of each account. Blind to accounts that began before kNewcomerBins, or in the
//   first hours of the log; for those see rotation_links.h, which tells pairs apart once each had six to eight turns.
// Source: threat reports of 2026 (relay software: account by least recent use); Aldous and Diaconis 1999, Longest
//   increasing subsequences (10.1090/S0273-0979-99-00796-X); patience sorting, Mallows 1963.
// `is_left_out`: candidates that stay out. A pure function of the candidates in their order. Groups are disjoint,
// members in order. Limits: time is that of sorting the newcomers, in three spans and by setting, for each of fourteen
// moments.
std::vector<QueueGroup> FindQueues(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano,
                                   const ParallelFor& parallel_for, const std::vector<bool>& is_left_out);

// By how many standard deviations the order in which the group's accounts had their last turns is beyond what their
// habits explain: not above 0, give or take, for timers, and for people who come at their hour. Nothing if there are
// too few turns to tell.
std::optional<double> OrderBeyondHabits(std::span<const CampaignCandidate> candidates, const LinkGroup& group);

// Positions of the longest strictly increasing subsequence; of several, the one with the lowest values at its end.
std::vector<uint32_t> LongestIncreasing(std::span<const int64_t> values);

}  // namespace stillwatch::detector
