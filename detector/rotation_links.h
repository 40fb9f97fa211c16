// Finds accounts that take turns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "detector/campaign_candidate.h"
#include "detector/link_groups.h"
#include "detector/parallel_for.h"
#include "detector/turns.h"

namespace stillwatch::detector {

// Searches all accounts for those that take turns, as of one moment.
// Hypothesis: a pool that hands each conversation to its least recently used account gives every account its next turn
//   only after all others had theirs.
// Evidence for two accounts: in the joint order of their beginnings one nearly always follows the other. Log-likelihood
//   ratio n · KL(switched ‖ expected) over n turns. Independent customers switch in half of the turns (the runs test),
//   and those who work in sittings in fewer. What is expected is the larger of that and of what is left when one is
//   moved against the other by hours, so that two even rates explain themselves.
// Honest look-alikes: timers, whose gaps are all alike or multiples of one period: they are left out. Monitors, which
//   ask the same few things again and again, so that nothing is harvested: likewise. Service accounts behind one load
//   balancer: they declare one organisation and are left out.
// Needs no text, and six to eight beginnings of each account where the pool goes up and down: often its first day.
// Source: threat reports of 2026 (load balancing over accounts); runs test, Wald and Wolfowitz 1940
//   (10.1214/aoms/1177731909).
// Threading: none of its own; works on the threads of `parallel_for`. Ownership: `candidates` must outlive it.
// Limits: an account is compared with the kNeighbours next ones by volume of the last day.
class RotationSearch {
 public:
  static constexpr size_t kNeighbours = 512;
  // As in rhythm_links.h: beyond chance among a million pairs, and what suffices to join a group that is there anyway.
  static constexpr double kLinkMin = 8;
  static constexpr double kJoinMin = kTurnsRatioMin;

  // `is_left_out`: candidates that are compared with nobody; empty for none.
  RotationSearch(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano, ParallelFor parallel_for,
                 const std::vector<bool>& is_left_out = {});

  // The candidates' campaigns; those whose members take turns with each other's are one. Complete says what is left.
  std::vector<LinkGroup> KnownGroups() const;
  // All pairs of accounts in no group with a log-likelihood ratio of at least kLinkMin that are not declared to be
  // together. In order.
  std::vector<CampaignLink> FindLinks(const std::vector<bool>& is_grouped) const;
  // Adds to `group` the accounts in no group that have links of at least kJoinMin to half of its members; also those
  // that fell silent, because they were suspended. Then drops whoever takes turns with the others less strictly than
  // they do among each other, by kStrictnessSlack or more: an even rate of its own took it there. Whose pace cannot be
  // told yet does not join; a timer neither. With `kKnown` every member must have such links, only accounts of the last
  // day join, and `links` gets those of at least kLinkMin that were found on the way.
  enum class Origin : uint8_t { kLinked, kKnown };
  static constexpr double kStrictnessSlack = 0.08;
  void Complete(Origin origin, std::vector<bool>& is_grouped, LinkGroup& group, std::vector<CampaignLink>& links) const;

 private:
  struct Account {
    uint32_t index = 0;             // Of the candidate.
    float root = 0;                 // Square root of the beginnings of the last day.
    double rate = 0;                // Beginnings a tick.
    std::vector<int64_t> starts;    // In ticks, ascending.
    std::span<const int32_t> ages;  // The same as ticks ago, newest first: what most comparisons need, in one place.

    std::span<const int64_t> Newest() const;
    std::span<const int32_t> NewestAges() const;
  };

  // How an account takes turns with some others.
  struct Strictness {
    size_t link_count = 0;                 // Of at least kJoinMin.
    double switched = 0;                   // Mean over them.
    std::vector<CampaignLink> firm_links;  // Of at least kLinkMin.
  };

  // What is asked of a member, from what is usual among them.
  struct Habits {
    double switched_min = 0;
    double unevenness_max = 0;
  };

  Habits HabitsOf(const std::vector<const Account*>& sample) const;
  std::optional<Alternation> Compare(const Account& a, const Account& b) const;
  Strictness StrictnessOf(const Account& account, const std::vector<const Account*>& others) const;
  void CountPlaced(size_t i, size_t begin, size_t end, std::span<uint8_t> placed) const;
  bool MayJoin(const Account& account, const std::vector<const Account*>& sample) const;
  std::optional<double> UnevennessOf(const Account& account, const std::vector<const Account*>& others) const;
  std::vector<const Account*> SampleOf(const LinkGroup& group) const;
  bool TakeTurns(const std::vector<const Account*>& sample, std::vector<const Account*> others) const;

  static constexpr size_t kNewestCount = 10;
  static constexpr int64_t kUnknownAge = 1 << 30;

  std::span<const CampaignCandidate> candidates_;
  const ParallelFor parallel_for_;
  std::vector<int32_t> ages_;
  std::vector<Account> accounts_;  // By root, then index; those that are silent first.
  // Of each account, by its place: how many ticks ago its k-th newest beginning was.
  std::array<std::vector<int32_t>, kNewestCount> newest_ages_;
};

// True if its texts are so few that it asks the same again and again. One that samples a prompt often is not meant.
bool RepeatsItself(const features::Portrait& portrait);

}  // namespace stillwatch::detector
