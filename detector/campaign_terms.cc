// Hypothesis: a harvest too large for one account is spread over many. Each member then looks innocent, but the group
// does
//   not: it is dealt out from one queue, paid with the same cards, works through the same prompts, replaces who is
//   banned.
// Evidence: what campaign_finder.h found in the account's group, one term a family, times the account's share in it.
// Honest look-alikes: offices, classes, families, agencies, enterprises, agent fleets. Who declares one organisation is
//   no campaign; others share things but have no rhythm in common, and their merged traffic is no harvest. Users of one
//   application may go up and down together.
// Formula: share · term; the terms are log-likelihood ratios bent by Saturate (campaign_finder.cc).
// Source: SynchroTrap (CCS 2014), FRAUDAR (KDD 2016), threat reports of 2026.
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

template <CampaignTerm kTerm>
Finding Evaluate(const AccountView& account) {
  const CampaignEvidence& evidence = account.membership.term(kTerm);
  Finding finding;
  finding.log_odds = static_cast<double>(account.membership.share * evidence.log_odds);
  finding.value = static_cast<double>(evidence.value);
  finding.population = static_cast<double>(evidence.population);
  return finding;
}

std::string Group(const AccountView& account) {
  char text[80];
  if (account.membership.campaign == 0) {
    std::snprintf(text, sizeof(text), "the group of %u accounts", account.membership.member_count);
    return text;
  }
  std::snprintf(text, sizeof(text), "group %s of %u accounts", CampaignId(account.membership.campaign).c_str(),
                account.membership.member_count);
  return text;
}

std::string SummarizeRhythm(const AccountView& account, const Finding& finding) {
  char text[240];
  // A share of the accounts; counts are held against chance, which is 1.
  if (finding.population < 1) {
    std::snprintf(
        text, sizeof(text),
        "%s takes its turns in the order of one queue: %.0f %% of its accounts had their next turn in the order of "
        "the last, where their habits explain %.0f %%",
        Group(account).c_str(), 100 * finding.value, 100 * finding.population);
    return text;
  }
  std::snprintf(text, sizeof(text),
                "%s begins its requests as if dealt out from one queue: counts differ by %.2f of what chance alone "
                "would, independent customers by more than 1",
                Group(account).c_str(), finding.value);
  return text;
}

std::string SummarizePartners(const AccountView& account, const Finding& finding, const char* what) {
  char text[240];
  std::snprintf(text, sizeof(text), "%.0f %% of %s %s; by chance %.1f %% would", 100 * finding.value,
                Group(account).c_str(), what, 100 * finding.population);
  return text;
}

std::string SummarizeInfrastructure(const AccountView& account, const Finding& finding) {
  return SummarizePartners(account, finding, "share payment, sign-up or address with another of them");
}

std::string SummarizeContent(const AccountView& account, const Finding& finding) {
  return SummarizePartners(account, finding, "share prompts or system prompts with another of them");
}

std::string SummarizeLifecycle(const AccountView& account, const Finding& finding) {
  return SummarizePartners(account, finding, "took over a conversation, or the place of one suspended, from another");
}

std::string SummarizePooled(const AccountView& account, const Finding& finding) {
  char text[240];
  std::snprintf(text, sizeof(text), "half of %s have log-odds of %.1f or more of their own; in honest groups %.1f",
                Group(account).c_str(), finding.value, finding.population);
  return text;
}

std::string SummarizeSynchrony(const AccountView& account, const Finding& finding) {
  char text[240];
  std::snprintf(text, sizeof(text),
                "%s goes up and down as one: together its accounts deviate from independent ones by %.0f standard "
                "deviations",
                Group(account).c_str(), finding.value);
  return text;
}

std::string SummarizeOnset(const AccountView& account, const Finding& finding) {
  char text[240];
  std::snprintf(text, sizeof(text),
                "%s: %.0f accounts with evidence of their own began within hours of each other, with the same "
                "parameters; by chance %.1f would",
                Group(account).c_str(), finding.value, finding.population);
  return text;
}

// A finding about a group is weighed in the group (campaign_finder.cc), not as one account's circumstance.
template <CampaignTerm kTerm>
constexpr Detector OfGroup(std::string_view name, Family family, double limit,
                           std::string (*summarize)(const AccountView&, const Finding&)) {
  return {name, family, limit, 1, Evaluate<kTerm>, summarize, true};
}

}  // namespace

const Detector kCampaignRhythm =
    OfGroup<CampaignTerm::kRhythm>("campaign_rhythm", Family::kTiming, kRhythmLimit, SummarizeRhythm);
const Detector kCampaignInfrastructure = OfGroup<CampaignTerm::kInfrastructure>(
    "campaign_infrastructure", Family::kInfrastructure, kTestedLimit, SummarizeInfrastructure);
const Detector kCampaignContent =
    OfGroup<CampaignTerm::kContent>("campaign_content", Family::kContent, kTestedLimit, SummarizeContent);
const Detector kCampaignLifecycle =
    OfGroup<CampaignTerm::kLifecycle>("campaign_lifecycle", Family::kLifecycle, kTestedLimit, SummarizeLifecycle);
const Detector kCampaignPooled =
    OfGroup<CampaignTerm::kPooled>("campaign_pooled", Family::kVolume, kPooledLimit, SummarizePooled);
const Detector kCampaignSynchrony =
    OfGroup<CampaignTerm::kSynchrony>("campaign_synchrony", Family::kTiming, kSynchronyLimit, SummarizeSynchrony);
const Detector kCampaignOnset =
    OfGroup<CampaignTerm::kOnset>("campaign_onset", Family::kLifecycle, kOnsetLimit, SummarizeOnset);

}  // namespace stillwatch::detector
